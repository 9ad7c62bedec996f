"""A metric."""

from __future__ import annotations

import numpy as np

from fusekit.evaluation import Metric


class Brier(Metric):
    """Mean squared distance between the positive class's probability and the outcome (Brier 1950)."""

    title = "Brier score"
    definition = "mean of (p - y) squared; 0 is best, 0.25 is a coin"
    empty = "NaN without predictions"

    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        """Labels (N,), probabilities (N, K) -> score."""
        if len(labels) == 0:
            return float("nan")
        return float(np.mean((probabilities[:, 1] - (labels == 1)) ** 2))
