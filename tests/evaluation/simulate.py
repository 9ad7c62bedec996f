"""Subjects with known truth, and arms whose predictions of them are right as often as it is asked; no training.

Tests draw a few hundred cohorts; ``python -m benchmarks.statistics`` draws thousands and prints the figures of
``docs/explanation/statistics.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import binom, norm

from fusekit.evaluation.arms.differences import Difference, accuracy_difference, area_difference
from fusekit.evaluation.delong import Areas, areas, mean_areas
from fusekit.evaluation.metrics.classes import Accuracy
from fusekit.evaluation.metrics.metric import Metric
from fusekit.evaluation.metrics.ranking import AreaUnderCurve
from fusekit.evaluation.scores import value_and_interval


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


METRICS: dict[str, Metric] = {"auc": AreaUnderCurve(), "accuracy": Accuracy()}


def find_pairs(labels: np.ndarray, folds: np.ndarray, p: np.ndarray) -> dict[str, list[Difference]]:
    """Compare all pairs of arms as ``compare_arms`` does, without the tables: measure -> of each pair."""
    joined: Areas = mean_areas([areas(labels == 1, p[:, seed], folds[seed]) for seed in range(len(folds))])
    right = ((p > 0.5) == (labels == 1)).astype(float)
    tested = [labels[folds[0] == fold] for fold in np.unique(folds[0])]
    independent = sum(int(min(part.sum(), (1 - part).sum())) for part in tested)
    arms = list(combinations(range(len(p)), 2))
    return {
        "auc": [area_difference(joined, i, j, independent) for i, j in arms],
        "accuracy": [accuracy_difference(right[i], right[j]) for i, j in arms],
    }


def chances(cohort: Cohort, times: int, seed: int) -> dict[str, np.ndarray]:
    """p-values of all pairs in many cohorts: measure -> (times, pairs)."""
    rng = np.random.default_rng(seed)
    found = [find_pairs(*cohort.draw(rng)) for _ in range(times)]
    return {name: np.array([[pair.p for pair in of[name]] for of in found]) for name in METRICS}


def false_families(p: np.ndarray) -> np.ndarray:
    """In which cohorts any pair is called different after Holm's correction: p (times, pairs) -> (times,).

    Holm's first step decides: it is the smallest p times the number of pairs.
    """
    return np.asarray(p.min(axis=1) * p.shape[1] < 0.05)


def covered_differences(cohort: Cohort, times: int, seed: int) -> dict[str, int]:
    """How often the interval of the first pair's difference holds the true one, by measure."""
    rng = np.random.default_rng(seed)
    truth = {name: of_arms[0] - of_arms[1] for name, of_arms in _truth(cohort).items()}
    hits = dict.fromkeys(METRICS, 0)
    for _ in range(times):
        for name, pairs in find_pairs(*cohort.draw(rng)).items():
            hits[name] += int(pairs[0].low <= truth[name] <= pairs[0].high)
    return hits


def covered_scores(cohort: Cohort, times: int, seed: int) -> dict[str, int]:
    """How often the interval of the first arm's score holds the true one, by measure."""
    rng = np.random.default_rng(seed)
    truth, hits = _truth(cohort), dict.fromkeys(METRICS, 0)
    for _ in range(times):
        labels, folds, p = cohort.draw(rng)
        values = p[0, 0]
        frame = pd.DataFrame({"subject": range(len(labels)), "fold": folds[0], "label": labels, "p_0": 1 - values})
        for name, metric in METRICS.items():
            _, low, high = value_and_interval(metric, frame.assign(p_1=values))
            hits[name] += int(low <= truth[name][0] <= high)
    return hits


def _truth(cohort: Cohort) -> dict[str, np.ndarray]:
    return {"auc": cohort.areas(), "accuracy": cohort.accuracies()}


def band(rate: float, times: int, confidence: float = 0.999) -> tuple[int, int]:
    """How often something of this rate happens in so many cohorts, but for rare accidents."""
    low, high = binom.interval(confidence, times, rate)
    return int(low), int(high)
