"""Ordered classes: a grade, which each arm sees with an error; the nearest class is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np
from scipy.special import softmax
from scipy.stats import norm

from fusekit.evaluation.arms.differences import Difference, area_difference, error_difference
from fusekit.evaluation.delong import cut_areas
from fusekit.evaluation.metrics.classes import Accuracy
from fusekit.evaluation.metrics.metric import Metric
from fusekit.evaluation.metrics.ordered import AreaOfCuts, QuadraticKappa, RankError
from fusekit.evaluation.thresholds import most_probable
from tests.evaluation.simulations.simulation import Drawn, Simulation, dealt


@dataclass(frozen=True)
class Grades(Simulation):
    """Three classes, equally frequent; an arm sees ``step * label`` with a standard normal error.

    Its probabilities are those of normal densities around the classes, sharper in one fold than in the next.
    """

    metrics: ClassVar[Mapping[str, Metric]] = {
        "cuts-auc": AreaOfCuts(),
        "quadratic-kappa": QuadraticKappa(),
        "rank-error": RankError(),
        "accuracy": Accuracy(),
    }

    steps: tuple[float, ...] = (1.0, 1.0)  # from class to class as each arm sees them
    shared: float = 0.5  # of the error's variance
    classes: int = 3
    scales: tuple[float, ...] = (1.0, 0.5, 1.5, 2.0, 4.0)

    def truth(self) -> dict[str, np.ndarray]:
        """In closed form: the share of each class that lies between two midpoints is called the class between them."""
        found = [self._of_arm(step) for step in self.steps]
        return {name: np.array([of[name] for of in found]) for name in self.metrics}

    def _of_arm(self, step: float) -> dict[str, float]:
        ranks = np.arange(self.classes)
        inner = step * (ranks[1:] - 0.5)
        below = norm.cdf(np.concatenate([[-np.inf], inner, [np.inf]])[None] - step * ranks[:, None])
        table = np.diff(below, axis=1) / self.classes  # true, called
        apart = ranks[:, None] - ranks[None]
        by_chance = np.outer(table.sum(axis=1), table.sum(axis=0))
        area = norm.cdf(step * apart / np.sqrt(2))  # of a pair of classes
        return {
            "cuts-auc": float(np.mean([area[cut:, :cut].mean() for cut in ranks[1:]])),
            "quadratic-kappa": float(1 - (table * apart**2).sum() / (by_chance * apart**2).sum()),
            "rank-error": float((table * np.abs(apart)).sum()),
            "accuracy": float(np.trace(table)),
        }

    def draw(self, rng: np.random.Generator) -> Drawn:
        """Predicted are probabilities (A, 1, N, K)."""
        labels = rng.integers(0, self.classes, self.subjects)
        folds = dealt(rng, labels, self.folds)
        steps, ranks = np.array(self.steps)[:, None], np.arange(self.classes)
        own = rng.normal(size=(len(steps), self.subjects))
        errors = np.sqrt(self.shared) * rng.normal(size=self.subjects) + np.sqrt(1 - self.shared) * own
        far = ((steps * labels + errors)[..., None] - (steps * ranks)[:, None]) ** 2  # (A, N, K)
        p = softmax(-np.array(self.scales)[folds][:, None] * far / 2, axis=-1)
        return Drawn(labels, folds[None], p[:, None])

    def columns(self, predicted: np.ndarray) -> dict[str, np.ndarray]:
        """Probabilities of the classes."""
        return {f"p_{k}": predicted[:, k] for k in range(self.classes)}

    def find_pairs(self, drawn: Drawn) -> dict[str, list[Difference]]:
        """By DeLong's test, and by a sign-flip test of the subjects' rank errors."""
        labels, (folds,), p = drawn
        found = cut_areas(labels, p[:, 0], folds)
        ends = [(labels[folds == fold] == end).sum() for fold in np.unique(folds) for end in (0, self.classes - 1)]
        independent = int(np.reshape(ends, (-1, 2)).min(axis=1).sum())
        errors = np.abs(np.array([[most_probable(of_arm[0])] for of_arm in p]) - labels).astype(float)
        arms = list(combinations(range(len(p)), 2))
        return {
            "cuts-auc": [area_difference(found, i, j, independent) for i, j in arms],
            "rank-error": [error_difference(errors[i], errors[j], ranks=True) for i, j in arms],
        }
