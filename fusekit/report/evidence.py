"""Everything that a report shows, as tables; whatever could not be computed is an empty table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from fusekit.report.run import Run


@dataclass(frozen=True, eq=False)
class Arm:
    """One way to predict, with every seed that it ran with.

    Attributes:
        name: as shown everywhere.
        kind: fusion, baseline or external.
        reads: "image", "table", or both; empty where a manifest does not say.
        runs: one a seed, by seed.
    """

    name: str
    kind: str
    reads: frozenset[str]
    runs: tuple[Run, ...]

    @property
    def fuses(self) -> bool:
        """Whether it reads both modalities."""
        return self.reads == {"image", "table"}


#: State of probabilities that were predicted; any other is a recalibration.
AS_PREDICTED = "as predicted"

#: Tables of evidence that are computed of its runs.
COMPUTED = (
    "pairs", "calibration", "reliability", "net_benefit", "contribution", "shapley", "missingness", "subgroups",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a report is made of.

    Attributes:
        task: name of the task.
        title: the question.
        classes: names of the labels; the second is the positive one.
        synthetic: whether the cohort is.
        metrics: name -> title as printed, in order.
        aggregate: how slices become subjects.
        arms: in the order given.
        cohort: one row a scan: scan, subject, label, fold, then variables that scores are split by; None if unknown.
        scores: arm, level, metric, value, low, high, spread (SD over seeds; NaN with one), seeds, rows, subjects; of
            several seeds the means of values and of limits.
        pairs: first, second, measure, difference, low, high, p, p_holm, spread, subjects, sentence.
        calibration: arm, state, temperature, brier, ece, slope, intercept, subjects.
        reliability: arm, state, and the bins.
        net_benefit: arm, threshold, net_benefit and what it is compared with.
        contribution: arm, condition, auc, drop, low, high.
        shapley: arm, modality, value, low, high.
        missingness: arm, hidden, auc, low, high.
        subgroups: arm, variable, group, metric, value, low, high, subjects.
        remarks: section -> sentence on why something is not shown.
        fingerprint: of the runs and the code; empty if not known.
    """

    task: str
    title: str
    classes: tuple[str, ...]
    synthetic: bool
    metrics: Mapping[str, str]
    aggregate: str
    arms: tuple[Arm, ...]
    scores: pd.DataFrame
    cohort: pd.DataFrame | None = None
    pairs: pd.DataFrame = field(default_factory=pd.DataFrame)
    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)
    reliability: pd.DataFrame = field(default_factory=pd.DataFrame)
    net_benefit: pd.DataFrame = field(default_factory=pd.DataFrame)
    contribution: pd.DataFrame = field(default_factory=pd.DataFrame)
    shapley: pd.DataFrame = field(default_factory=pd.DataFrame)
    missingness: pd.DataFrame = field(default_factory=pd.DataFrame)
    subgroups: pd.DataFrame = field(default_factory=pd.DataFrame)
    remarks: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""

    @property
    def computed(self) -> dict[str, pd.DataFrame]:
        """The tables that follow from the runs, by name."""
        return {name: getattr(self, name) for name in COMPUTED}

    @property
    def manifest(self) -> Mapping[str, Any]:
        """Of the first run; what it says of cohort and task holds for all."""
        return self.arms[0].runs[0].manifest

    @property
    def names(self) -> list[str]:
        """Of the arms."""
        return [arm.name for arm in self.arms]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of all arms together."""
        return tuple(sorted({run.seed for arm in self.arms for run in arm.runs}))

    @property
    def subjects(self) -> int:
        """How many subjects were tested."""
        return int(self.arms[0].runs[0].predictions["subject"].nunique())

    @property
    def subject_scores(self) -> pd.DataFrame:
        """Rows of ``scores`` at subject level."""
        return self.scores[self.scores["level"] == "subject"]

    def score(self, arm: str, metric: str, level: str = "subject") -> pd.Series | None:
        """Row of ``scores``, if the arm has it."""
        chosen = self.scores
        chosen = chosen[(chosen["arm"] == arm) & (chosen["metric"] == metric) & (chosen["level"] == level)]
        return None if chosen.empty else chosen.iloc[0]
