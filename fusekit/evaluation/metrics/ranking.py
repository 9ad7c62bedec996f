"""Areas under ROC curves: metrics of how scores rank, whatever threshold makes calls of them."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from fusekit.data import Classes, Ordered
from fusekit.evaluation.delong import auc, auc_interval, exact_limits
from fusekit.evaluation.folds import Folds
from fusekit.evaluation.metrics.metric import Metric, fewest_subjects, positive
from fusekit.evaluation.predictions import POSITIVE


class Area(Metric, ABC):
    """An area, or a mean of several, within each fold and averaged over folds."""

    within_folds, limits = True, (0, 1)

    @abstractmethod
    def sides(self, labels: np.ndarray, classes: int) -> tuple[np.ndarray, int]:
        """Classes (N,) between which pairs are ordered, and how many there are."""

    def interval(self, labels: np.ndarray, probabilities: np.ndarray, subjects: np.ndarray) -> tuple[float, float]:
        """Limits of one fold, as of several."""
        whole = Folds(np.zeros(len(labels), dtype=int), np.array([len(np.unique(subjects))]))
        return self.interval_in(whole, labels, probabilities, subjects)

    def interval_in(
        self, folds: Folds, labels: np.ndarray, probabilities: np.ndarray, subjects: np.ndarray
    ) -> tuple[float, float]:
        """Bootstrap limits; at 0 and 1 the exact ones, for the subjects of the smallest class of each fold together."""
        value = self.value_in(folds, labels, probabilities)
        if value not in (0.0, 1.0):
            return super().interval_in(folds, labels, probabilities, subjects)
        own, count = self.sides(labels, probabilities.shape[1])
        return exact_limits(value, sum(fewest_subjects(own[rows], subjects[rows], count) for rows in folds.rows))


class AreaUnderCurve(Area):
    """Chance that a random positive scores above a random negative, ties counted half (Mann-Whitney)."""

    title = "AUC"
    definition = "area under the ROC curve of the positive class's probability"
    empty = "NaN if either class is empty"

    def sides(self, labels: np.ndarray, classes: int) -> tuple[np.ndarray, int]:
        """Positive and negative."""
        return positive(labels), 2

    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        """Mann-Whitney U over the number of pairs."""
        return auc(positive(labels), probabilities[:, POSITIVE])

    def interval_in(
        self, folds: Folds, labels: np.ndarray, probabilities: np.ndarray, subjects: np.ndarray
    ) -> tuple[float, float]:
        """DeLong's limits where a row is a subject; where a subject has several, as of every area."""
        if len(np.unique(subjects)) == len(subjects):
            return auc_interval(positive(labels), probabilities[:, POSITIVE], folds=folds.of_row)
        if np.isnan(probabilities).any() or self.value_in(folds, labels, probabilities) in (0.0, 1.0):
            return super().interval_in(folds, labels, probabilities, subjects)
        ranks = np.zeros((len(labels), 1), dtype=int)
        for rows in folds.rows:
            ranks[rows, 0] = np.unique(probabilities[rows, POSITIVE], return_inverse=True)[1]
        return _AreaOfRanks().interval_in(folds, labels, ranks, subjects)


class _AreaOfRanks(Metric):
    """The AUC of scores that were sorted once for all resamples, and are only counted in each; ties have one rank."""

    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        """Mann-Whitney U over the number of pairs, of ranks (N, 1) from 0."""
        cases, ranks = positive(labels), probabilities[:, 0]
        if cases.all() or not cases.any():
            return float("nan")
        of_cases, of_others = (np.bincount(ranks[side], minlength=ranks.max() + 1) for side in (cases, ~cases))
        below = np.cumsum(of_others) - of_others / 2  # a tie counts half
        return float(of_cases @ below) / (int(cases.sum()) * int((~cases).sum()))


class MacroAreaUnderCurve(Area):
    """Mean over the classes of the AUC of each against the rest (one-versus-rest, unweighted)."""

    targets = (Classes.kind, Ordered.kind)
    title = "macro AUC"
    definition = "mean over classes of the area under the ROC curve of the class against the rest"
    empty = "NaN if any class is empty"

    def sides(self, labels: np.ndarray, classes: int) -> tuple[np.ndarray, int]:
        """All of them."""
        return labels, classes

    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        """Each class counts alike, however many rows it has."""
        return float(np.mean([auc(labels == k, probabilities[:, k]) for k in range(probabilities.shape[1])]))
