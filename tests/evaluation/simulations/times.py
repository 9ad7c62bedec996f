"""Times to an event: exponential, censored at random; an arm knows everyone's rate but for noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import ClassVar

import numpy as np
from scipy.optimize import brentq

from fusekit.data.target.follow_up import events_of, labelled
from fusekit.data.target.time_to_event import RISK, SURVIVAL
from fusekit.evaluation.arms.differences import Difference, area_difference, error_difference
from fusekit.evaluation.delong import Areas
from fusekit.evaluation.metrics.metric import Metric
from fusekit.evaluation.metrics.survival import (
    HarrellConcordance,
    IntegratedBrier,
    ObservedOverPredicted,
    TimeDependentArea,
    UnoConcordance,
)
from fusekit.evaluation.survival.brier import brier_terms, integrated
from fusekit.evaluation.survival.concordance import shares, uno
from tests.evaluation.simulations.simulation import Drawn, Simulation, dealt

#: People, or pairs of them, over whom the truth is a mean.
MANY = 1_000_000


@dataclass(frozen=True)
class Times(Simulation):
    """The log rate is normal around one event in 30 months; an arm's is wrong by normal noise, in part shared by arms.

    Risks of the folds' models are on other scales. Censoring is exponential and does not depend on anything.
    """

    metrics: ClassVar[Mapping[str, Metric]] = {
        "uno-c": UnoConcordance(),
        "harrell-c": HarrellConcordance(),
        "time-auc": TimeDependentArea(),
        "integrated-brier": IntegratedBrier(),
        "observed-over-predicted": ObservedOverPredicted(),
    }

    noises: tuple[float, ...] = (0.7, 0.7)  # SD of each arm's, in log rates; SD of the log rates is 1
    shared: float = 0.5  # of the noise's variance
    censored: float = 0.3  # of the people, before their event
    horizons: tuple[float, float] = (12.0, 36.0)
    scales: tuple[float, ...] = (1.0, 0.5, 2.0, 1.5, 0.8)

    def truth(self) -> dict[str, np.ndarray]:
        """By expected values, not by outcomes: over people, or pairs of them, with known rates."""
        found = [_of_arm(noise, self.horizons, _censoring(self.censored)) for noise in self.noises]
        return {name: np.array([of[name] for of in found]) for name in self.metrics}

    def draw(self, rng: np.random.Generator) -> Drawn:
        """Predicted are risk and survival at horizons (A, 1, N, 1 + H)."""
        rates = np.exp(rng.normal(size=self.subjects)) / 30
        times = rng.exponential(1 / rates)
        ends = rng.exponential(1 / _censoring(self.censored), self.subjects)
        labels = labelled(np.minimum(times, ends), times <= ends)
        folds = dealt(rng, events_of(labels), self.folds)
        own = rng.normal(size=(len(self.noises), self.subjects))
        noise = np.sqrt(self.shared) * rng.normal(size=self.subjects) + np.sqrt(1 - self.shared) * own
        said = rates * np.exp(np.array(self.noises)[:, None] * noise)
        survival = np.exp(-said[..., None] * np.array(self.horizons))
        risks = (1 - np.exp(-said * self.horizons[-1])) ** np.array(self.scales)[folds]
        return Drawn(labels, folds[None], np.concatenate([risks[..., None], survival], axis=-1)[:, None])

    def columns(self, predicted: np.ndarray) -> dict[str, np.ndarray]:
        """Risk and survival."""
        at = {f"{SURVIVAL}{horizon:g}": predicted[:, k] for k, horizon in enumerate(self.horizons, start=1)}
        return {RISK: predicted[:, 0], **at}

    def find_pairs(self, drawn: Drawn) -> dict[str, list[Difference]]:
        """By the subjects' parts in Uno's c, and a sign-flip test of those in the integrated Brier score."""
        labels, (folds,), said = drawn[0], drawn[1], drawn[2][:, 0]
        everyone = np.arange(len(labels))
        found = [shares(uno(self.horizons[-1]), labels, one[:, 0], everyone, folds) for one in said]
        areas = Areas(*(np.concatenate(of) for of in zip(*found, strict=True)))
        errors = [integrated(brier_terms(labels, one[:, 1:], self.horizons), self.horizons)[None] for one in said]
        cases = int(events_of(labels).sum())
        arms = list(combinations(range(len(said)), 2))
        return {
            "uno-c": [area_difference(areas, i, j, cases) for i, j in arms],
            "integrated-brier": [error_difference(errors[i], errors[j]) for i, j in arms],
        }


@lru_cache
def _censoring(share: float) -> float:
    """Rate at which this share is censored before the event."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    rates, weights = np.exp(nodes) / 30, weights / weights.sum()
    return float(brentq(lambda rate: weights @ (rate / (rate + rates)) - share, 1e-6, 10))


@lru_cache
def _of_arm(noise: float, horizons: tuple[float, float], censoring: float) -> dict[str, float]:
    rng = np.random.default_rng(0)
    rates = np.exp(rng.normal(size=(2, MANY))) / 30
    said = rates * np.exp(noise * rng.normal(size=(2, MANY)))
    last, (rate, of_model) = horizons[-1], (rates[0], said[0])

    def concordance(lost: float) -> float:
        """The first of a pair has its event at t with the other and both under observation, over t up to the last."""
        total = rates.sum(axis=0) + 2 * lost
        first = rates[0] / total * -np.expm1(-total * last)
        return float(first @ (said[0] > said[1]) / first.sum())

    def area(horizon: float) -> float:
        """Mann-Whitney: everyone is a case with the chance of an event by then, and none with that of no event."""
        order = np.argsort(of_model)
        alive = np.exp(-rate[order] * horizon)
        below = np.cumsum(alive) - alive
        return float((1 - alive) @ below / ((1 - alive).sum() * alive.sum() - (1 - alive) @ alive))

    def brier(horizon: float) -> float:
        alive, expected = np.exp(-rate * horizon), np.exp(-of_model * horizon)
        return float(np.mean((1 - alive) * expected**2 + alive * (1 - expected) ** 2))

    first, second = map(brier, horizons)
    return {
        "uno-c": concordance(0.0),
        "harrell-c": concordance(censoring),
        "time-auc": float(np.mean([area(horizon) for horizon in horizons])),
        "integrated-brier": (horizons[0] * first / 2 + (last - horizons[0]) * (first + second) / 2) / last,
        "observed-over-predicted": float(np.mean(-np.expm1(-rate * last)) / np.mean(-np.expm1(-of_model * last))),
    }
