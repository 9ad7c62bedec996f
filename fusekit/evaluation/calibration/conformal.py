"""Sets of classes and intervals of numbers that hold the truth of a chosen share of subjects (split conformal).

Each subject whose truth is known has a score: how badly its prediction fits the truth. A new patient's region is all
that would fit as well as a high quantile of those scores. If the new patient and those subjects are exchangeable, it
holds the truth with the chosen level or more, whatever the model (Vovk, Gammerman and Shafer 2005). Scores are of
subjects, never of slices, and of probabilities as the rule joins them, before any temperature.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
import pandas as pd

from fusekit.data import Classes, Number, Ordered, Target
from fusekit.errors import DataError
from fusekit.evaluation.arms.subgroups import KEYS, grouped
from fusekit.evaluation.predictions import outputs_of, probabilities_of
from fusekit.evaluation.statistics import interval_text, wilson

#: Levels from, and to.
LOWEST, HIGHEST = 0.5, 0.99
#: Groups of fewer subjects are counted and have no coverage.
SMALLEST = 10
#: Between the classes of a set.
OR = " or "
#: Variable and group of the row of ``coverage_table`` that is of all subjects; variable of those by their label.
EVERYONE, BY_LABEL = ("subject", "all"), "label"


class Regions(ABC):
    """What is said of a subject, with a quantile of scores: ``inf`` where there are too few."""

    noun: str  # of several
    measure: str  # of size, as a heading

    @abstractmethod
    def scores(self, subjects: pd.DataFrame) -> np.ndarray:
        """How badly each prediction fits the label (N,): 0 is best."""

    @abstractmethod
    def sizes(self, subjects: pd.DataFrame, quantile: np.ndarray) -> np.ndarray:
        """How large each region is (N,), with the quantile of each (N,)."""

    @abstractmethod
    def columns(self, subjects: pd.DataFrame, quantile: float, classes: Sequence[str]) -> dict[str, Any]:
        """The regions, as columns (N,)."""

    @abstractmethod
    def sized(self, size: float) -> str:
        """A mean size, for people."""


class Sets(Regions):
    """Least ambiguous sets (Sadinle, Lei and Wasserman 2019): every class that is probable enough; none may be."""

    noun = "prediction sets"
    measure = "classes per set"

    def scores(self, subjects: pd.DataFrame) -> np.ndarray:
        """1 - the probability of the true class."""
        labels = subjects["label"].to_numpy(dtype=int)
        return np.asarray(_doubts(subjects)[np.arange(len(subjects)), labels])

    def sizes(self, subjects: pd.DataFrame, quantile: np.ndarray) -> np.ndarray:
        """How many classes."""
        return np.asarray((_doubts(subjects) <= np.asarray(quantile)[:, None]).sum(axis=1))

    def columns(self, subjects: pd.DataFrame, quantile: float, classes: Sequence[str]) -> dict[str, Any]:
        """``set``: the names of the classes, in their order, with `` or `` between; empty where there is none."""
        inside = _doubts(subjects) <= quantile
        return {"set": [OR.join(np.array(classes, dtype=object)[own].tolist()) for own in inside]}

    def sized(self, size: float) -> str:
        """How many classes."""
        return f"{size:.2f} classes per set"


class Intervals(Regions):
    """What is predicted, plus and minus the quantile of absolute errors (Lei and others 2018)."""

    noun = "prediction intervals"
    measure = "width"

    def scores(self, subjects: pd.DataFrame) -> np.ndarray:
        """The absolute error."""
        return np.asarray(np.abs(subjects["label"].to_numpy(dtype=float) - outputs_of(subjects)))

    def sizes(self, subjects: pd.DataFrame, quantile: np.ndarray) -> np.ndarray:
        """Their width."""
        return 2 * np.asarray(quantile, dtype=float)

    def columns(self, subjects: pd.DataFrame, quantile: float, classes: Sequence[str]) -> dict[str, Any]:
        """``low`` and ``high``, in the number's unit."""
        predicted = outputs_of(subjects)
        return {"low": predicted - quantile, "high": predicted + quantile}

    def sized(self, size: float) -> str:
        """The width."""
        return f"{size:.4g} wide" if np.isfinite(size) else "without ends"


#: Kind of target -> what conformal prediction says of it. Of times to an event nothing: who is censored has no score.
REGIONS: Mapping[str, Regions] = {Classes.kind: Sets(), Ordered.kind: Sets(), Number.kind: Intervals()}


@dataclass(frozen=True, slots=True)
class Conformal:
    """A quantile of scores.

    Args:
        level: share of subjects whose truth a region holds, from 0.5 to 0.99.
        subjects: how many subjects the scores are of.
        quantile: the ``ceil((subjects + 1) level)``-th smallest score; None where there are too few subjects, and a
            region is everything.

    Raises:
        DataError: they do not fit each other.
    """

    level: float
    subjects: int
    quantile: float | None

    def __post_init__(self) -> None:
        if not LOWEST <= self.level <= HIGHEST:
            raise DataError(f"the level of conformal prediction is {self.level:g}; it is {LOWEST} to {HIGHEST}.")
        if (self.quantile is None) != (rank(self.subjects, self.level) > self.subjects):
            raise DataError(
                f"the quantile of conformal prediction is {self.quantile}, which {self.subjects} subjects at level "
                f"{self.level:g} do not give: it needs {fewest(self.level)} subjects, and with fewer is null."
            )

    @classmethod
    def fit(cls, scores: np.ndarray, level: float) -> Conformal:
        """Of scores (N,) of subjects, equal ones included."""
        wanted, count = rank(len(scores), level), len(scores)
        return cls(level, count, None if wanted > count else float(np.sort(scores)[wanted - 1]))

    @property
    def limit(self) -> float:
        """The quantile; infinite where there is none."""
        return float("inf") if self.quantile is None else self.quantile

    def columns(self, subjects: pd.DataFrame, target: Target) -> dict[str, Any]:
        """The region of each subject: ``set``, or ``low`` and ``high``; ``subjects`` as ``Rule.subjects`` gives it."""
        return REGIONS[target.kind].columns(subjects, self.limit, target.classes)

    def as_json(self) -> dict[str, Any]:
        """Plain numbers, and null."""
        return asdict(self)


def rank(subjects: int, level: float) -> int:
    """Which of the sorted scores is the quantile: ceil((n + 1) level), of the level as it is written in decimals."""
    return ceil((subjects + 1) * Fraction(str(level)))


def fewest(level: float) -> int:
    """With fewer subjects a region is everything."""
    return ceil(Fraction(str(level)) / (1 - Fraction(str(level))))


def held(subjects: pd.DataFrame, kind: str, quantile: np.ndarray | float) -> pd.DataFrame:
    """Whether each subject's region holds its label, and its size: columns ``covered``, ``size`` besides its own.

    ``quantile`` is one, or one of each subject (N,).
    """
    regions, each = REGIONS[kind], np.broadcast_to(quantile, len(subjects))
    return subjects.assign(covered=regions.scores(subjects) <= each, size=regions.sizes(subjects, each).astype(float))


def cross_held(subjects: pd.DataFrame, kind: str, level: float) -> pd.DataFrame:
    """``held``, the subjects of each ``fold`` with the quantile of the other folds' scores: never of their own."""
    scores, folds = REGIONS[kind].scores(subjects), subjects["fold"].to_numpy()
    quantile = np.empty(len(subjects))
    for fold in np.unique(folds):
        quantile[folds == fold] = Conformal.fit(scores[folds != fold], level).limit
    return held(subjects, kind, quantile)


def coverage_table(found: pd.DataFrame, cohort: pd.DataFrame, target: Target, level: float) -> pd.DataFrame:
    """The share of subjects whose region holds the truth: of all, by label, and by each variable of a cohort.

    Args:
        found: as ``held`` gives it.
        cohort: one row per scan, as ``cohort.csv``; a subject's value is that of its first row that has one.
        target: says how labels are grouped: classes, or thirds of a number.
        level: what the share should be.

    Returns:
        One row per group: variable, group, level, subjects, covered (how many), coverage (the share), low, high
        (Wilson's 95 % limits, given the quantiles), size (mean), reason: why there is no coverage, or empty. The first
        row is of all subjects, and has its coverage however few they are.
    """
    of_subject = cohort.groupby("subject", sort=False).first().reindex(found["subject"])
    numbers, names = target.groups(found["label"])
    labels = pd.Series(pd.Categorical.from_codes(numbers, categories=pd.Index(names)))
    variables = {BY_LABEL: labels}
    variables |= {name: grouped(of_subject[name], name) for name in cohort.columns if name not in KEYS}
    rows = [_row(*EVERYONE, level, found, 0)]
    for variable, groups in variables.items():
        inside = {str(group): (groups == group).to_numpy() for group in groups.cat.categories}
        rows += [_row(variable, group, level, found[own], SMALLEST) for group, own in inside.items()]
    return pd.DataFrame(rows)


def _row(variable: str, group: str, level: float, found: pd.DataFrame, smallest: int) -> dict[str, Any]:
    count, covered = len(found), int(found["covered"].sum())
    row: dict[str, Any] = {"variable": variable, "group": group, "level": level, "subjects": count, "covered": covered}
    if count < smallest or not count:
        nothing = dict.fromkeys(("coverage", "low", "high", "size"), float("nan"))
        return row | nothing | {"reason": f"fewer than {smallest} subjects"}
    low, high = wilson(covered / count, count)
    return row | {
        "coverage": covered / count, "low": low, "high": high, "size": float(found["size"].mean()), "reason": ""
    }  # fmt: skip


def sentence(coverage: pd.DataFrame, kind: str) -> str:
    """What ``coverage_table`` says of all subjects; and whether the interval excludes the level."""
    row, regions = coverage.iloc[0], REGIONS[kind]
    limits = interval_text(row["low"], row["high"], 3)
    said = (
        f"{regions.noun.capitalize()} at level {row['level']:g} hold the truth of {row['covered']} of "
        f"{row['subjects']} subjects: coverage {row['coverage']:.3f} {limits}, {regions.sized(row['size'])}."
    )
    return f"{said} The interval excludes the level." if excludes_level(coverage) else said


def excludes_level(coverage: pd.DataFrame) -> bool:
    """Whether the interval of all subjects' coverage does not hold the level."""
    low, level, high = coverage[["low", "level", "high"]].iloc[0]
    return not low <= level <= high


def _doubts(subjects: pd.DataFrame) -> np.ndarray:
    """1 - the probability of each class (N, K)."""
    return np.asarray(np.clip(1 - probabilities_of(subjects), 0, 1))
