"""Numbers: an arm predicts a share of the variance, and no prediction is farther out than it should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from typing import ClassVar

import numpy as np
from scipy.stats import foldnorm

from fusekit.evaluation.arms.differences import Difference, error_difference
from fusekit.evaluation.metrics.metric import Metric
from fusekit.evaluation.metrics.numbers import (
    CalibrationSlope,
    ExplainedVariance,
    MeanAbsoluteError,
    RankCorrelation,
    RootMeanSquaredError,
)
from fusekit.evaluation.predictions import NUMBER
from tests.evaluation.simulations.simulation import Drawn, Simulation, dealt


@dataclass(frozen=True)
class Numbers(Simulation):
    """True values are standard normal; an arm that predicts the share s of their variance says s * true + error.

    The variance of the error is s * (1 - s), so that the slope of true on predicted values is 1. The model of each fold
    is off by a constant. With finite ``degrees`` of freedom everyone's values have a scale of their own, such that true
    values and errors are Student's, with the same variance: now and then all arms are far off.
    """

    metrics: ClassVar[Mapping[str, Metric]] = {
        "mae": MeanAbsoluteError(),
        "rmse": RootMeanSquaredError(),
        "r2": ExplainedVariance(),
        "spearman": RankCorrelation(),
        "calibration-slope": CalibrationSlope(),
    }

    explained: tuple[float, ...] = (0.5, 0.5)  # of each arm
    shared: float = 0.5  # of the error's variance
    degrees: float = np.inf
    shifts: tuple[float, ...] = (0.0, 0.2, -0.1, 0.1, -0.2)

    def truth(self) -> dict[str, np.ndarray]:
        """In closed form, or with finite degrees over a million people."""
        if np.isfinite(self.degrees):
            return _of_many(self)
        # An arm's errors are normal, and true and predicted values have the correlation sqrt(s).
        s, shifts = np.array(self.explained), np.array(self.shifts[: self.folds])
        spread, square = np.sqrt(1 - s), np.mean(shifts**2)
        return {
            "mae": foldnorm.mean(np.abs(shifts) / spread[:, None], scale=spread[:, None]).mean(axis=1),
            "rmse": np.sqrt(1 - s + square),
            "r2": s - square,
            "spearman": 6 / np.pi * np.arcsin(np.sqrt(s) / 2),
            "calibration-slope": np.ones(len(s)),
        }

    def draw(self, rng: np.random.Generator) -> Drawn:
        """Predicted are numbers (A, 1, N)."""
        scale = np.ones(self.subjects)
        if np.isfinite(self.degrees):
            scale = np.sqrt((self.degrees - 2) / rng.chisquare(self.degrees, self.subjects))
        labels = scale * rng.normal(size=self.subjects)
        folds = dealt(rng, np.zeros(self.subjects), self.folds)
        own = rng.normal(size=(len(self.explained), self.subjects))
        errors = np.sqrt(self.shared) * rng.normal(size=self.subjects) + np.sqrt(1 - self.shared) * own
        s = np.array(self.explained)[:, None]
        said = s * labels + np.sqrt(s * (1 - s)) * scale * errors + np.array(self.shifts)[folds]
        return Drawn(labels, folds[None], said[:, None])

    def columns(self, predicted: np.ndarray) -> dict[str, np.ndarray]:
        """The number."""
        return {NUMBER: predicted}

    def find_pairs(self, drawn: Drawn) -> dict[str, list[Difference]]:
        """By a sign-flip test of the subjects' errors."""
        errors = np.abs(drawn.predicted - drawn.labels)
        return {"mae": [error_difference(one, other) for one, other in combinations(errors, 2)]}


@lru_cache
def _of_many(simulation: Numbers) -> dict[str, np.ndarray]:
    labels, _, predicted = replace(simulation, subjects=1_000_000, folds=1).draw(np.random.default_rng(0))
    return {
        name: np.array([metric.value(labels, said[0]) for said in predicted])
        for name, metric in simulation.metrics.items()
    }
