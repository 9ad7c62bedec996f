"""Metrics of ordered classes: labels (N,) are ranks from 0, probabilities (N, K) those of classes, lowest first."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from fusekit.data import Ordered
from fusekit.evaluation.delong import auc, cut_areas, logit_interval
from fusekit.evaluation.folds import Folds
from fusekit.evaluation.metrics.metric import SmoothMetric
from fusekit.evaluation.metrics.ranking import Area
from fusekit.evaluation.predictions import above_cuts
from fusekit.evaluation.statistics import wilson
from fusekit.evaluation.thresholds import most_probable


class RankMetric(SmoothMetric, ABC):
    """A score of how many ranks the class called is away from the true one."""

    targets = (Ordered.kind,)
    of_calls = True

    @abstractmethod
    def of_ranks(self, labels: np.ndarray, called: np.ndarray) -> float:
        """Score true and called ranks (N,)."""

    @abstractmethod
    def of_errors(self, labels: np.ndarray, share: float) -> float:
        """What it would be if this share of the rows were called one rank off, and the others rightly."""

    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        """Each row counts alike; NaN without any."""
        return self.of_ranks(labels, most_probable(probabilities)) if len(labels) else float("nan")

    def interval(self, labels: np.ndarray, probabilities: np.ndarray, subjects: np.ndarray) -> tuple[float, float]:
        """A jackknife's limits; where all calls are right, by so many errors of one rank as Wilson's limit allows."""
        if (most_probable(probabilities) != labels).any():
            return super().interval(labels, probabilities, subjects)
        worst = self.of_errors(labels, wilson(0.0, len(np.unique(subjects)))[1])
        low, high = sorted((worst, self.value(labels, probabilities)))
        return low, high


class QuadraticKappa(RankMetric):
    """Cohen's kappa (1968) with quadratic weights: 1 is perfect, 0 what calls that know nothing reach.

    It equals Lin's concordance (1989) of true and called ranks: errors count by their square.
    """

    title = "quadratic kappa"
    definition = "1 - mean squared rank error / that of all pairs of a true and a called rank"
    empty = "NaN where all true and called classes are one; defined if a class is empty"
    limits = (-1, 1)

    def of_ranks(self, labels: np.ndarray, called: np.ndarray) -> float:
        """As scikit-learn's ``cohen_kappa_score(weights="quadratic")``."""
        n, apart = len(labels), labels - called  # in whole numbers, so that constant calls have exactly 0
        expected = n * (labels @ labels + called @ called) - 2 * labels.sum() * called.sum()
        return 1 - float(n * (apart @ apart) / expected) if expected > 0 else float("nan")

    def of_errors(self, labels: np.ndarray, share: float) -> float:
        """With the called ranks as far apart as the true ones; NaN where those are alike."""
        return max(-1.0, 1 - share / (2 * float(labels.var()))) if labels.var() > 0 else float("nan")


class RankError(RankMetric):
    """How many ranks the class called is away from the true one, on average; 0 is perfect."""

    title = "rank error"
    definition = "mean of |rank of the true class - rank of the class called|"
    empty = "NaN without predictions; defined if a class is empty"
    limits = (0, np.inf)

    def of_ranks(self, labels: np.ndarray, called: np.ndarray) -> float:
        """The mean absolute rank error."""
        return float(np.abs(labels - called).mean())

    def of_errors(self, labels: np.ndarray, share: float) -> float:
        """The share."""
        return share


class AreaOfCuts(Area):
    """Mean over the cuts between neighbouring classes of the AUC of those above against those below."""

    targets = (Ordered.kind,)
    title = "AUC of cuts"
    definition = "mean over cuts of the area under the ROC curve of P(above) for those above against those below"
    empty = "NaN if the lowest or the highest class is empty"

    def sides(self, labels: np.ndarray, classes: int) -> tuple[np.ndarray, int]:
        """The lowest and the highest class: no side of a cut has fewer."""
        return np.select([labels == 0, labels == classes - 1], [0, 1], default=2), 2

    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        """Each cut counts alike, however many rows are on its sides."""
        above = above_cuts(probabilities)
        return float(np.mean([auc(labels > k, above[:, k]) for k in range(above.shape[1])]))

    def interval_in(
        self, folds: Folds, labels: np.ndarray, probabilities: np.ndarray, subjects: np.ndarray
    ) -> tuple[float, float]:
        """DeLong's limits of the mean where a row is a subject; where a subject has several, as of every area."""
        found = cut_areas(labels, probabilities[None], folds.of_row)
        if found.area[0] in (0.0, 1.0) or len(np.unique(subjects)) < len(subjects):
            return super().interval_in(folds, labels, probabilities, subjects)
        return logit_interval(float(found.area[0]), float(found.covariance[0, 0]))
