"""Metrics of predicted numbers: labels (N,) are true values, predictions (N,) in the same unit."""

from __future__ import annotations

from abc import ABC

import numpy as np

from fusekit.data import Number
from fusekit.evaluation.folds import Folds
from fusekit.evaluation.metrics.metric import SmoothMetric


class NumberMetric(SmoothMetric, ABC):
    """A score of predicted numbers."""

    targets = (Number.kind,)
    limits = (-np.inf, np.inf)


class MeanAbsoluteError(NumberMetric):
    """Mean distance between true and predicted value, in the unit of the number."""

    title = "MAE"
    definition = "mean of |true - predicted|"
    empty = "NaN without predictions"
    limits = (0, np.inf)

    def value(self, labels: np.ndarray, predicted: np.ndarray) -> float:
        """Each row counts alike."""
        return float(np.abs(labels - predicted).mean()) if len(labels) else float("nan")


class RootMeanSquaredError(NumberMetric):
    """Root of the mean squared distance: as MAE, and large errors count for more."""

    title = "RMSE"
    definition = "square root of the mean of (true - predicted) squared"
    empty = "NaN without predictions"
    limits = (0, np.inf)

    def value(self, labels: np.ndarray, predicted: np.ndarray) -> float:
        """Each row counts alike."""
        return float(np.sqrt(np.mean((labels - predicted) ** 2))) if len(labels) else float("nan")


class ExplainedVariance(NumberMetric):
    """Share of the variance that is predicted: 1 is perfect, 0 what the mean of the tested subjects would reach."""

    title = "R2"
    definition = "1 - squared errors / squared distances of the true values from their mean"
    empty = "NaN where all true values are alike"
    limits = (-np.inf, 1)

    def value(self, labels: np.ndarray, predicted: np.ndarray) -> float:
        """The coefficient of determination, not a squared correlation: an offset costs."""
        spread = float(np.sum((labels - labels.mean()) ** 2)) if len(labels) else 0.0
        return 1 - float(np.sum((labels - predicted) ** 2)) / spread if spread > 0 else float("nan")


class RankCorrelation(NumberMetric):
    """Spearman's correlation of true and predicted values, within each fold.

    Pooled over folds, even the training mean as prediction would correlate, negatively: where a fold's subjects are
    high, those it was trained on are low.
    """

    title = "Spearman"
    definition = "correlation of the ranks of true and predicted values"
    empty = "NaN where true or predicted values are alike"
    limits = (-1, 1)
    within_folds = True

    def value(self, labels: np.ndarray, predicted: np.ndarray) -> float:
        """Ties have their mean rank."""
        from scipy.stats import rankdata

        return _correlation(rankdata(labels), rankdata(predicted)) if len(labels) else float("nan")


class CalibrationSlope(NumberMetric):
    """Slope of the line of true on predicted values: 1 is right, below 1 predictions are too far apart.

    Several folds have one slope and an intercept each, for the reason that ranks are compared within folds.
    """

    title = "calibration slope"
    definition = "slope of the least-squares line of true on predicted values, within folds"
    empty = "NaN where predicted values are alike"
    within_folds = True

    def value(self, labels: np.ndarray, predicted: np.ndarray) -> float:
        """Covariance over the variance of the predictions."""
        return self.value_in(Folds(np.zeros(len(labels), dtype=int), np.ones(1)), labels, predicted)

    def value_in(self, folds: Folds, labels: np.ndarray, predicted: np.ndarray) -> float:
        """Sums over folds of covariances and of variances."""
        products = squares = 0.0
        for rows in folds.rows:
            if len(rows) and np.ptp(predicted[rows]) > 0:
                apart = predicted[rows] - predicted[rows].mean()
                products += float(np.sum(apart * labels[rows]))
                squares += float(np.sum(apart**2))
        return products / squares if squares > 0 else float("nan")


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first - first.mean(), second - second.mean()
    size = float(np.sqrt(np.sum(first**2) * np.sum(second**2)))
    return float(np.clip(np.sum(first * second) / size, -1, 1)) if size > 0 else float("nan")
