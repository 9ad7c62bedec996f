"""Two classes: a latent grade, of which each arm sees a part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import ClassVar

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from fusekit.evaluation.arms.differences import Difference, accuracy_difference, area_difference
from fusekit.evaluation.delong import areas, mean_areas
from fusekit.evaluation.metrics.classes import Accuracy
from fusekit.evaluation.metrics.metric import Metric
from fusekit.evaluation.metrics.ranking import AreaUnderCurve
from tests.evaluation.simulations.simulation import Drawn, Simulation, dealt


@dataclass(frozen=True)
class Cohort(Simulation):
    """What is simulated: each subject has a latent grade, of which each arm sees a part and errs in its own way.

    An arm's logit is ``scale_f * (effect * (label - 1/2) + sqrt(shared) * common + sqrt(1 - shared) * own) + shift_f``
    with standard normal common and own errors, and another scale and shift in every fold.
    """

    metrics: ClassVar[Mapping[str, Metric]] = {"auc": AreaUnderCurve(), "accuracy": Accuracy()}

    prevalence: float = 0.5
    effects: tuple[float, ...] = (1.2, 1.2)  # of each arm, in standard deviations
    shared: float = 0.5  # of the error's variance
    seeds: int = 1
    of_seed: float = 0.0  # share of the own error's variance that a new seed draws anew
    scales: np.ndarray = field(default_factory=lambda: np.array([0.5, 1.0, 1.5, 2.0, 4.0]))
    shifts: np.ndarray = field(default_factory=lambda: np.array([-0.4, 0.2, 0.0, 0.4, -0.2]))

    def truth(self) -> dict[str, np.ndarray]:
        """In closed form."""
        return {"auc": self.areas(), "accuracy": self.accuracies()}

    def areas(self) -> np.ndarray:
        """True AUC of each arm; shift and scale of a fold do not change it."""
        return np.asarray(norm.cdf(np.array(self.effects) / np.sqrt(2)))

    def accuracies(self) -> np.ndarray:
        """True accuracy of each arm's calls at one half, over its folds."""
        offsets = (self.shifts / self.scales)[: self.folds]
        right = [norm.cdf(np.array(self.effects)[:, None] / 2 + side * offsets).mean(axis=1) for side in (1, -1)]
        return np.asarray(self.prevalence * right[0] + (1 - self.prevalence) * right[1])

    def draw(self, rng: np.random.Generator) -> Drawn:
        """Predicted are probabilities of the positive class (A, seeds, N)."""
        labels = (rng.random(self.subjects) < self.prevalence).astype(int)
        folds = np.array([dealt(rng, labels, self.folds) for _ in range(self.seeds)])
        shape = (len(self.effects), 1, self.subjects)
        own = np.sqrt(1 - self.of_seed) * rng.normal(size=shape)
        own = own + np.sqrt(self.of_seed) * rng.normal(size=(len(self.effects), self.seeds, self.subjects))
        errors = np.sqrt(self.shared) * rng.normal(size=self.subjects) + np.sqrt(1 - self.shared) * own
        grades = np.array(self.effects)[:, None, None] * (labels - 0.5) + errors
        return Drawn(labels, folds, expit(self.scales[folds] * grades + self.shifts[folds]))

    def columns(self, predicted: np.ndarray) -> dict[str, np.ndarray]:
        """Probabilities of both classes."""
        return {"p_0": 1 - predicted, "p_1": predicted}

    def find_pairs(self, drawn: Drawn) -> dict[str, list[Difference]]:
        """By DeLong's and McNemar's tests."""
        labels, folds, p = drawn
        joined = mean_areas([areas(labels == 1, p[:, seed], folds[seed]) for seed in range(len(folds))])
        right = ((p > 0.5) == (labels == 1)).astype(float)
        tested = [labels[folds[0] == fold] for fold in np.unique(folds[0])]
        independent = sum(int(min(part.sum(), (1 - part).sum())) for part in tested)
        arms = list(combinations(range(len(p)), 2))
        return {
            "auc": [area_difference(joined, i, j, independent) for i, j in arms],
            "accuracy": [accuracy_difference(right[i], right[j]) for i, j in arms],
        }
