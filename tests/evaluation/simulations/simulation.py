"""Cohorts with known truth, and arms whose predictions of them are right as often as it is asked; no training.

Tests draw a few hundred cohorts; ``python -m benchmarks.statistics`` draws thousands and prints the figures of
``docs/explanation/statistics.md``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binom

from fusekit.evaluation.arms.differences import Difference
from fusekit.evaluation.metrics.metric import Metric
from fusekit.evaluation.scores import value_and_interval


class Drawn(NamedTuple):
    """One cohort of N subjects, a slice each, and what A arms say of them."""

    labels: np.ndarray  # (N,)
    folds: np.ndarray  # (seeds, N)
    predicted: np.ndarray  # (A, seeds, N, ...)


@dataclass(frozen=True)
class Simulation(ABC):
    """One target. A subject is harder than another for all arms alike, and each arm errs in its own way too."""

    metrics: ClassVar[Mapping[str, Metric]]

    subjects: int = 120
    folds: int = 5

    @abstractmethod
    def truth(self) -> dict[str, np.ndarray]:
        """Give the true score of each arm (A,) by each metric."""

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> Drawn:
        """Draw a cohort."""

    @abstractmethod
    def columns(self, predicted: np.ndarray) -> dict[str, np.ndarray]:
        """Columns of ``predictions.csv`` for what an arm says (N, ...)."""

    @abstractmethod
    def find_pairs(self, drawn: Drawn) -> dict[str, list[Difference]]:
        """Compare all pairs of arms as ``compare_arms`` does, without the tables: measure -> of each pair."""

    def tables(self, drawn: Drawn) -> dict[str, list[pd.DataFrame]]:
        """Arms a, b, ... with one ``predictions.csv`` per seed."""
        count = len(drawn.labels)
        names = [f"s{i:04d}" for i in range(count)]
        known = {"row": range(count), "subject": names, "scan": names, "slice": 0}
        return {
            arm: [
                pd.DataFrame({**known, "fold": fold, "label": drawn.labels, **self.columns(said)})
                for fold, said in zip(drawn.folds, of_seeds, strict=True)
            ]
            for arm, of_seeds in zip("abcdefgh", drawn.predicted, strict=False)
        }


def compared(simulation: Simulation, times: int, seed: int) -> dict[str, np.ndarray]:
    """All pairs in many cohorts: measure -> difference, low, high, p (times, pairs, 4)."""
    rng = np.random.default_rng(seed)
    found = [simulation.find_pairs(simulation.draw(rng)) for _ in range(times)]
    return {measure: np.array([of[measure] for of in found]) for measure in found[0]}


def chances(simulation: Simulation, times: int, seed: int) -> dict[str, np.ndarray]:
    """p-values of all pairs in many cohorts: measure -> (times, pairs)."""
    return {measure: found[..., 3] for measure, found in compared(simulation, times, seed).items()}


def false_families(p: np.ndarray) -> np.ndarray:
    """In which cohorts any pair is called different after Holm's correction: p (times, pairs) -> (times,).

    Holm's first step decides: it is the smallest p times the number of pairs.
    """
    return np.asarray(p.min(axis=1) * p.shape[1] < 0.05)


def found_if_known(differences: np.ndarray) -> float:
    """Power of a z test of differences (times,) that knows their standard error: their own over the cohorts."""
    there = differences[~np.isnan(differences)]
    return float(np.mean(np.abs(there) > 1.959964 * there.std()))


class Held(NamedTuple):
    """How many intervals there are, and how many of them hold the truth."""

    hits: int
    defined: int


def held(limits: np.ndarray, truth: float) -> Held:
    """Count intervals (times, 2) that hold it; undefined ones hold nothing, and are not counted."""
    low, high = limits.T
    return Held(int(((low <= truth) & (truth <= high)).sum()), int((~np.isnan(low)).sum()))


def covered_differences(simulation: Simulation, times: int, seed: int) -> dict[str, Held]:
    """How often the interval of the first pair's difference holds the true one, by measure."""
    truth, found = simulation.truth(), compared(simulation, times, seed)
    return {name: held(of[:, 0, 1:3], truth[name][0] - truth[name][1]) for name, of in found.items()}


def covered_scores(simulation: Simulation, times: int, seed: int) -> dict[str, Held]:
    """How often the interval of the first arm's score holds the true one, by metric."""
    rng, truth = np.random.default_rng(seed), simulation.truth()
    limits: dict[str, list[tuple[float, float]]] = {name: [] for name in simulation.metrics}
    for _ in range(times):
        table = simulation.tables(simulation.draw(rng))["a"][0]
        for name, metric in simulation.metrics.items():
            limits[name].append(value_and_interval(metric, table)[1:])
    return {name: held(np.array(of), truth[name][0]) for name, of in limits.items()}


def dealt(rng: np.random.Generator, groups: np.ndarray, folds: int) -> np.ndarray:
    """Deal subjects into folds (N,), each group (N,) evenly."""
    fold = np.empty(len(groups), dtype=int)
    for number, group in enumerate(np.unique(groups)):
        members = rng.permutation(np.flatnonzero(groups == group))
        fold[members] = (np.arange(len(members)) + number) % folds
    return fold


def band(rate: float, times: int, confidence: float = 0.999) -> tuple[int, int]:
    """How often something of this rate happens in so many cohorts, but for rare accidents."""
    low, high = binom.interval(confidence, times, rate)
    return int(low), int(high)
