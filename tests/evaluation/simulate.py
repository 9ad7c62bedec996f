"""Subjects with known truth, and arms whose predictions of them are right as often as it is asked; no training.

Tests draw a few hundred cohorts; ``python -m tests.evaluation.simulate`` draws thousands and prints the figures of
``docs/explanation/statistics.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm


@dataclass(frozen=True)
class Cohort:
    """What is simulated: each subject has a latent grade, of which each arm sees a part and errs in its own way.

    An arm's logit is ``scale_f * (effect * (label - 1/2) + sqrt(shared) * common + sqrt(1 - shared) * own) + shift_f``
    with standard normal common and own errors, and another scale and shift in every fold.
    """

    subjects: int = 120
    folds: int = 5
    prevalence: float = 0.5
    effects: tuple[float, ...] = (1.2, 1.2)  # of each arm, in standard deviations
    shared: float = 0.5  # of the error's variance
    seeds: int = 1
    of_seed: float = 0.0  # share of the own error's variance that a new seed draws anew
    scales: np.ndarray = field(default_factory=lambda: np.array([0.5, 1.0, 1.5, 2.0, 4.0]))
    shifts: np.ndarray = field(default_factory=lambda: np.array([-0.4, 0.2, 0.0, 0.4, -0.2]))

    def areas(self) -> np.ndarray:
        """True AUC of each arm; shift and scale of a fold do not change it."""
        return np.asarray(norm.cdf(np.array(self.effects) / np.sqrt(2)))

    def accuracies(self) -> np.ndarray:
        """True accuracy of each arm's calls at one half, over its folds."""
        offsets = (self.shifts / self.scales)[: self.folds]
        right = [norm.cdf(np.array(self.effects)[:, None] / 2 + side * offsets).mean(axis=1) for side in (1, -1)]
        return np.asarray(self.prevalence * right[0] + (1 - self.prevalence) * right[1])

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw labels (N,), folds (seeds, N) and probabilities of the positive class (arms, seeds, N)."""
        labels = (rng.random(self.subjects) < self.prevalence).astype(int)
        folds = np.empty((self.seeds, self.subjects), dtype=int)
        for seed in range(self.seeds):
            for label in (0, 1):
                members = rng.permutation(np.flatnonzero(labels == label))
                folds[seed, members] = (np.arange(len(members)) + label) % self.folds
        shape = (len(self.effects), 1, self.subjects)
        own = np.sqrt(1 - self.of_seed) * rng.normal(size=shape)
        own = own + np.sqrt(self.of_seed) * rng.normal(size=(len(self.effects), self.seeds, self.subjects))
        errors = np.sqrt(self.shared) * rng.normal(size=self.subjects) + np.sqrt(1 - self.shared) * own
        grades = np.array(self.effects)[:, None, None] * (labels - 0.5) + errors
        return labels, folds, expit(self.scales[folds] * grades + self.shifts[folds])


def tables(labels: np.ndarray, folds: np.ndarray, p: np.ndarray) -> dict[str, list[pd.DataFrame]]:
    """Arms a, b, ... with one ``predictions.csv`` a seed: one slice a subject."""
    subjects = [f"s{i:04d}" for i in range(len(labels))]
    return {
        name: [
            pd.DataFrame(
                {
                    "row": range(len(labels)),
                    "subject": subjects,
                    "scan": subjects,
                    "slice": 0,
                    "fold": of_seed,
                    "label": labels,
                    "p_0": 1 - values,
                    "p_1": values,
                }
            )
            for of_seed, values in zip(folds, of_arm, strict=True)
        ]
        for name, of_arm in zip("abcdefgh", p, strict=False)
    }
