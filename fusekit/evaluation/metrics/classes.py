"""Metrics of the classes that are called."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial

import numpy as np

from fusekit.data import Classes, Ordered
from fusekit.evaluation.metrics.metric import Metric, fewest_subjects, positive
from fusekit.evaluation.statistics import wilson
from fusekit.evaluation.thresholds import most_probable


class Proportion(Metric, ABC):
    """A share of the rows that count; its interval is Wilson's, with the subjects that count as sample size."""

    of_calls, limits = True, (0, 1)

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

    targets = (Classes.kind, Ordered.kind)
    title = "accuracy"
    definition = "correct calls / all calls"
    empty = "NaN without predictions; defined if one class is empty"

    def counted(self, labels: np.ndarray, called: np.ndarray) -> np.ndarray:
        """All rows."""
        return np.ones(len(labels), dtype=bool)

    def right(self, labels: np.ndarray, called: np.ndarray) -> np.ndarray:
        """Rows called by their own class."""
        return np.asarray(called == labels)


class _Share(Proportion):
    """The share called rightly of the rows whose true or predicted class is positive, or is not."""

    def __init__(self, title: str, definition: str, empty: str, *, by_call: bool, of_positives: bool):
        self.title, self.definition, self.empty = title, definition, empty
        self.by_call, self.of_positives = by_call, of_positives

    def counted(self, labels: np.ndarray, called: np.ndarray) -> np.ndarray:
        """Rows in the denominator (N,)."""
        return np.asarray(positive(called if self.by_call else labels) == self.of_positives)


_OfClass, _OfCall = partial(_Share, by_call=False), partial(_Share, by_call=True)
Sensitivity = partial(_OfClass, "sensitivity", "true positives / positives", "NaN without positives", of_positives=True)
Specificity = partial(
    _OfClass, "specificity", "true negatives / negatives", "NaN without negatives", of_positives=False
)
PositivePredictiveValue = partial(
    _OfCall, "PPV", "true positives / rows called positive", "NaN if nothing is called positive", of_positives=True
)
NegativePredictiveValue = partial(
    _OfCall, "NPV", "true negatives / rows called negative", "NaN if nothing is called negative", of_positives=False
)


class BalancedAccuracy(Metric):
    """Mean over the classes of the share of their rows that is called by the right class (multi-class sensitivity)."""

    targets = (Classes.kind, Ordered.kind)
    title = "balanced accuracy"
    definition = "mean over classes of correct calls / rows of the class"
    empty = "NaN if any class is empty"
    of_calls, limits = True, (0, 1)

    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        """Each class counts alike, however many rows it has."""
        called = most_probable(probabilities)
        of_class = [labels == k for k in range(probabilities.shape[1])]
        if not all(rows.any() for rows in of_class):
            return float("nan")
        return float(np.mean([(called[rows] == k).mean() for k, rows in enumerate(of_class)]))

    def interval(self, labels: np.ndarray, probabilities: np.ndarray, subjects: np.ndarray) -> tuple[float, float]:
        """Bootstrap limits; at 0 and 1, where those claim certainty, Wilson's of the smallest class's subjects."""
        value = self.value(labels, probabilities)
        if value not in (0.0, 1.0):
            return super().interval(labels, probabilities, subjects)
        return wilson(value, fewest_subjects(labels, subjects, probabilities.shape[1]))
