"""Metrics of the classes that are called."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from fusekit.evaluation.metrics.metric import Metric, fewest_subjects, positive
from fusekit.evaluation.statistics import wilson
from fusekit.evaluation.thresholds import most_probable


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
        """Bootstrap limits; at 0 and 1, where those claim certainty, Wilson's of the smallest class's subjects."""
        value = self.value(labels, probabilities)
        if value not in (0.0, 1.0):
            return super().interval(labels, probabilities, subjects)
        return wilson(value, fewest_subjects(labels, subjects, probabilities.shape[1]))
