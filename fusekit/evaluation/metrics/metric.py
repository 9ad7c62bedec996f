"""What a metric is.

Labels are 0-based ints (N,), probabilities (N, K); class 1 is the positive class, everything else is negative, and the
predicted class is the most probable one. Of numbers, labels and what is predicted are (N,).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np

from fusekit.data import Classes
from fusekit.evaluation.folds import Folds
from fusekit.evaluation.predictions import POSITIVE
from fusekit.evaluation.statistics import interval_between, subject_bootstrap, subject_jackknife


def positive(classes: np.ndarray) -> np.ndarray:
    """Which of the classes (N,) are the positive one (N,)."""
    return np.asarray(classes == POSITIVE)


def fewest_subjects(labels: np.ndarray, subjects: np.ndarray, classes: int) -> int:
    """Subjects of the class that has the fewest."""
    return min(len(np.unique(subjects[labels == k])) for k in range(classes))


class Metric(ABC):
    """A score of predictions. Factory: ``() -> Metric``.

    Example:
        >>> class Brier(Metric):
        ...     title = "Brier score"
        ...     definition = "mean squared distance between the positive class's probability and the outcome"
        ...     empty = "NaN without predictions"
        ...
        ...     def value(self, labels, probabilities):
        ...         return float(np.mean((probabilities[:, 1] - (labels == 1)) ** 2))
    """

    #: Kinds of targets that it scores.
    targets: tuple[str, ...] = (Classes.kind,)
    title: str  # as printed
    definition: str  # one line
    empty: str  # what it returns when a class is empty
    #: Scores rank within the subjects of one model: it is taken within each fold and averaged over folds.
    within_folds: bool = False
    #: Below and above which it never is.
    limits: tuple[float, float] = (-np.inf, np.inf)
    #: It takes labels (N, 2), with times of entry; else it is refused where entry is delayed.
    late_entry: bool = False
    #: It depends on calls alone: a threshold other than one half changes it.
    of_calls: bool = False

    def reading(self, columns: Sequence[str]) -> Self:
        """The same metric for predictions in these columns, where their names say more than an order."""
        return self

    @abstractmethod
    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        """Score labels (N,) against probabilities (N, K)."""

    def interval(self, labels: np.ndarray, probabilities: np.ndarray, subjects: np.ndarray) -> tuple[float, float]:
        """Give 95 % limits over subjects (N,): a bootstrap, unless the metric knows better."""
        drawn = self.strata(labels)
        return subject_bootstrap(lambda rows: self.value(labels[rows], probabilities[rows]), subjects, drawn)

    def strata(self, labels: np.ndarray) -> np.ndarray:
        """Within which a bootstrap draws subjects (N,): the classes; of what is no class, one for all."""
        return labels if Classes.kind in self.targets else np.zeros(len(labels), dtype=int)

    def value_in(self, folds: Folds, labels: np.ndarray, probabilities: np.ndarray) -> float:
        """Mean of the folds' values, weighted by their subjects; folds where it is undefined are left out."""
        values = self._of_each(folds, labels, probabilities)
        there = ~np.isnan(values)
        return float(np.average(values[there], weights=folds.subjects[there])) if there.any() else float("nan")

    def interval_in(
        self, folds: Folds, labels: np.ndarray, probabilities: np.ndarray, subjects: np.ndarray
    ) -> tuple[float, float]:
        """Give 95 % limits of ``value_in``: subjects are drawn within fold and class."""
        defined = ~np.isnan(self._of_each(folds, labels, probabilities))
        kept = np.flatnonzero(defined[folds.of_row])
        if len(kept) == 0:
            return float("nan"), float("nan")

        def resampled(drawn: np.ndarray) -> float:
            rows = kept[drawn]
            return self.value_in(folds.of(rows), labels[rows], probabilities[rows])

        return subject_bootstrap(resampled, subjects[kept], folds.within(self.strata(labels))[kept])

    def _of_each(self, folds: Folds, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        return np.array([self.value(labels[rows], probabilities[rows]) for rows in folds.rows])


class SmoothMetric(Metric, ABC):
    """A score that each subject moves a little: its limits are a jackknife's, between its ``limits``.

    With few subjects they hold the truth more often than those of a bootstrap (docs/explanation/statistics.md).
    """

    def interval(self, labels: np.ndarray, probabilities: np.ndarray, subjects: np.ndarray) -> tuple[float, float]:
        """Student's limits, of one fold as of several."""
        found = subject_jackknife(lambda rows: self.value(labels[rows], probabilities[rows]), subjects)
        return self._between(self.value(labels, probabilities), *found)

    def interval_in(
        self, folds: Folds, labels: np.ndarray, probabilities: np.ndarray, subjects: np.ndarray
    ) -> tuple[float, float]:
        """Student's limits; a subject is left out of its fold, whose weight stays."""
        found = subject_jackknife(
            lambda rows: self.value_in(folds.of(rows), labels[rows], probabilities[rows]), subjects
        )
        return self._between(self.value_in(folds, labels, probabilities), *found)

    def _between(self, value: float, error: float, freedom: int) -> tuple[float, float]:
        return interval_between(value, error, self.limits, freedom)
