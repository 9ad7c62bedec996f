"""Everything that a report shows, as tables; whatever could not be computed is an empty table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import pandas as pd

from fusekit.data import Target
from fusekit.report.run import Run

#: State of probabilities that were predicted; any other is a recalibration.
AS_PREDICTED = "as predicted"


@dataclass(frozen=True, eq=False)
class Arm:
    """One way to predict, with every seed that it ran with."""

    name: str
    kind: str  # fusion, baseline or external
    reads: frozenset[str]  # "image", "table", or both; empty where a manifest does not say
    runs: tuple[Run, ...]  # by seed

    @property
    def fuses(self) -> bool:
        """Whether it reads both modalities."""
        return self.reads == {"image", "table"}


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a report is made of; a table that could not be computed is empty, and a remark says why."""

    task: str
    title: str  # the question
    target: Target
    synthetic: bool
    metrics: Mapping[str, str]  # name -> title as printed, in order
    aggregate: str  # how slices become subjects
    arms: tuple[Arm, ...]

    #: arm, level, metric, value, low, high, spread (SD over seeds; NaN with one), seeds, rows, subjects; of several
    #: seeds the means of values and of limits.
    scores: pd.DataFrame
    #: Table 1 as text: column, all, the target's groups, missing, and between two groups SMD.
    people: pd.DataFrame | None = None
    #: The same by fold.
    people_by_fold: pd.DataFrame | None = None
    #: One row per scan: scan, subject, label, fold, then variables that scores are split by; None if unknown.
    cohort: pd.DataFrame | None = None

    #: first, second, measure, difference, low, high, p, p_holm, spread, subjects, sentence.
    pairs: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: arm, state, temperature, brier, ece, slope, intercept, subjects.
    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: arm, state, and the bins.
    reliability: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: arm, threshold, net_benefit and what it is compared with.
    net_benefit: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: arm, condition, value, drop, low, high (of the drop).
    contribution: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: arm, modality, value, low, high.
    shapley: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: arm, hidden (0 to 1), value, low, high.
    missingness: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: arm, variable, group, metric, value, low, high, subjects.
    subgroups: pd.DataFrame = field(default_factory=pd.DataFrame)

    #: arm, and the rows of ``coverage_table``; of the first seed.
    coverage: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: arm, the rows of ``evaluation.arms.learning_curve``, training (subjects, mean over folds and seeds).
    learning_curve: pd.DataFrame = field(default_factory=pd.DataFrame)

    remarks: Mapping[str, str] = field(default_factory=dict)  # section -> sentence on why something is not shown
    fingerprint: str = ""  # of the runs and the code; empty if not known

    @property
    def computed(self) -> dict[str, pd.DataFrame]:
        """The tables that follow from the runs, by name."""
        names = [one.name for one in fields(self) if one.default_factory is pd.DataFrame]
        return {name: getattr(self, name) for name in names}

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, the second the positive one; none where something else is predicted."""
        return self.target.classes

    @property
    def parts(self) -> tuple[str, ...]:
        """What subjects are counted by: the classes, or another name."""
        return tuple(self.target.parts(pd.Series(dtype=float)))

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
