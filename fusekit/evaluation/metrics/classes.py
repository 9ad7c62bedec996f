"""Metrics with their definitions, and the table of scores at slice and subject level.

Labels are 0-based ints (N,), probabilities (N, K); class 1 is the positive class, everything else is negative, and the
predicted class is the most probable one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import pandas as pd

from fusekit.evaluation.folds import Folds
from fusekit.evaluation.predictions import probabilities_of
from fusekit.evaluation.rule import Level, Rule
from fusekit.evaluation.statistics import subject_bootstrap, wilson
from fusekit.evaluation.thresholds import most_probable

POSITIVE = 1


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

    title: str  # as printed
    definition: str  # one line
    empty: str  # what it returns when a class is empty
    #: Scores rank within the subjects of one model: it is taken within each fold and averaged over folds.
    within_folds: bool = False
    #: It depends on calls alone: a threshold other than one half changes it.
    of_calls: bool = False

    @abstractmethod
    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        """Score labels (N,) against probabilities (N, K)."""

    def interval(self, labels: np.ndarray, probabilities: np.ndarray, subjects: np.ndarray) -> tuple[float, float]:
        """Give 95 % limits over subjects (N,): a bootstrap, unless the metric knows better."""
        return subject_bootstrap(lambda rows: self.value(labels[rows], probabilities[rows]), subjects, labels)

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

        return subject_bootstrap(resampled, subjects[kept], folds.within(labels)[kept])

    def _of_each(self, folds: Folds, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        return np.array([self.value(labels[rows], probabilities[rows]) for rows in folds.rows])


class Proportion(Metric, ABC):
    """A share of the rows that count; its interval is Wilson's, with the subjects that count as sample size."""

    of_calls = True

    @abstractmethod
    def counted(self, labels: np.ndarray, called: np.ndarray) -> np.ndarray:
        """True and predicted classes (N,) -> which rows are in the denominator (N,)."""

    def right(self, labels: np.ndarray, called: np.ndarray) -> np.ndarray:
        """True and predicted classes (N,) -> which rows are called rightly, positive against the rest (N,)."""
        return np.asarray(positive(called) == positive(labels))

    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        """Share of the counted rows that are called rightly; NaN if no row counts."""
        called = most_probable(probabilities)
        counted = self.counted(labels, called)
        return float(self.right(labels, called)[counted].mean()) if counted.any() else float("nan")

    def interval(self, labels: np.ndarray, probabilities: np.ndarray, subjects: np.ndarray) -> tuple[float, float]:
        """Wilson's limits for as many trials as subjects have a counted row."""
        counted = self.counted(labels, most_probable(probabilities))
        return wilson(self.value(labels, probabilities), len(np.unique(subjects[counted])))


class Accuracy(Proportion):
    """Share of all rows whose predicted class is the true one."""

    title = "accuracy"
    definition = "correct calls / all calls"
    empty = "NaN without predictions; defined if one class is empty"

    def counted(self, labels: np.ndarray, called: np.ndarray) -> np.ndarray:
        """All rows."""
        return np.ones(len(labels), dtype=bool)

    def right(self, labels: np.ndarray, called: np.ndarray) -> np.ndarray:
        """Rows called by their own class."""
        return np.asarray(called == labels)


class Sensitivity(Proportion):
    """Share of the positives that are called positive."""

    title = "sensitivity"
    definition = "true positives / positives"
    empty = "NaN without positives"

    def counted(self, labels: np.ndarray, called: np.ndarray) -> np.ndarray:
        """Rows of the positive class."""
        return positive(labels)


class Specificity(Proportion):
    """Share of the negatives that are called negative."""

    title = "specificity"
    definition = "true negatives / negatives"
    empty = "NaN without negatives"

    def counted(self, labels: np.ndarray, called: np.ndarray) -> np.ndarray:
        """Rows of the negative classes."""
        return ~positive(labels)


class PositivePredictiveValue(Proportion):
    """Share of the positive calls that are right."""

    title = "PPV"
    definition = "true positives / rows called positive"
    empty = "NaN if nothing is called positive"

    def counted(self, labels: np.ndarray, called: np.ndarray) -> np.ndarray:
        """Rows called positive."""
        return positive(called)


class NegativePredictiveValue(Proportion):
    """Share of the negative calls that are right."""

    title = "NPV"
    definition = "true negatives / rows called negative"
    empty = "NaN if nothing is called negative"

    def counted(self, labels: np.ndarray, called: np.ndarray) -> np.ndarray:
        """Rows called negative."""
        return ~positive(called)


class BalancedAccuracy(Metric):
    """Mean over the classes of the share of their rows that is called by the right class (multi-class sensitivity)."""

    title = "balanced accuracy"
    definition = "mean over classes of correct calls / rows of the class"
    empty = "NaN if any class is empty"
    of_calls = True

    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        """Each class counts alike, however many rows it has."""
        called = most_probable(probabilities)
        of_class = [labels == k for k in range(probabilities.shape[1])]
        if not all(rows.any() for rows in of_class):
            return float("nan")
        return float(np.mean([(called[rows] == k).mean() for k, rows in enumerate(of_class)]))

    def interval(self, labels: np.ndarray, probabilities: np.ndarray, subjects: np.ndarray) -> tuple[float, float]:
        """Bootstrap limits over subjects; at 0 and 1, where a bootstrap claims certainty, those of the smallest class.

        Those are Wilson's, for as many trials as the smallest class has subjects.
        """
        value = self.value(labels, probabilities)
        if value not in (0.0, 1.0):
            return super().interval(labels, probabilities, subjects)
        return wilson(value, fewest_subjects(labels, subjects, probabilities.shape[1]))


def score(
    predictions: pd.DataFrame,
    metrics: Mapping[str, Metric],
    rule: Rule = Rule(),  # noqa: B008 (it cannot be changed)
) -> pd.DataFrame:
    """Score predictions at slice and at subject level.

    Args:
        predictions: one row a slice, as in ``predictions.csv``; without a column ``fold``, one model predicted all.
        metrics: name -> metric.
        rule: how slices become subjects, and what is called.

    Returns:
        One row a level and metric: level, metric, value, low, high (95 % limits over subjects), rows, subjects.

    Raises:
        OptionError, DataError: as ``Rule.subjects`` and ``Rule.called``.
    """
    scores = []
    levels: tuple[tuple[Level, pd.DataFrame], ...] = (("slice", predictions), ("subject", rule.subjects(predictions)))
    for level, table in levels:
        called = rule.centred(table, level)
        for name, metric in metrics.items():
            value, low, high = value_and_interval(metric, called if metric.of_calls else table)
            scores.append((level, name, value, low, high, len(table), table["subject"].nunique()))
    return pd.DataFrame(scores, columns=["level", "metric", "value", "low", "high", "rows", "subjects"])


def value_and_interval(metric: Metric, table: pd.DataFrame) -> tuple[float, float, float]:
    """Score the rows of a table: value, and 95 % limits over its subjects."""
    labels, probabilities = table["label"].to_numpy(), probabilities_of(table)
    subjects, folds = table["subject"].to_numpy(), Folds.of_table(table)
    if metric.within_folds and len(folds.subjects) > 1:
        low, high = metric.interval_in(folds, labels, probabilities, subjects)
        return metric.value_in(folds, labels, probabilities), low, high
    low, high = metric.interval(labels, probabilities, subjects)
    return metric.value(labels, probabilities), low, high
