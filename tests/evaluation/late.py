"""People who come under observation late: literal risk sets, and cohorts in which all are known before any is lost."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusekit.data.target.follow_up import labelled


def tied(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entries, times and events in whole numbers, with entries at times of events and many at 0."""
    draw = np.random.default_rng(seed)
    entries = draw.integers(0, 8, count) * (draw.random(count) < 0.6)
    return entries.astype(float), (entries + draw.integers(1, 9, count)).astype(float), draw.random(count) < 0.6


class People(NamedTuple):
    """Those of 1,000 who are seen: labels (n, 2), and what a model says that knows the truth but for noise."""

    labels: np.ndarray
    risks: np.ndarray  # (n,)
    survival: np.ndarray  # (n, 2), at ``HORIZONS``


HORIZONS = (12.0, 36.0)


def draw_people(seed: int, count: int, *, lost: bool = True) -> People:
    """Exponential times, mean 30 months at x = 0, log hazard ratio 1; half enter at up to 24 months.

    The model is wrong on purpose: it takes 20 months for 30. Follow-up ends 6 to 60 months after 0, or after the entry
    if that is later. Those whose event comes before the entry are never seen. With ``lost`` False all are seen from 0
    to their event.
    """
    draw = np.random.default_rng(seed)
    x = draw.normal(size=count)
    times = draw.exponential(30 * np.exp(-x))
    entries = draw.uniform(0, 24, count) * (draw.random(count) < 0.5)
    ends = np.maximum(draw.uniform(6, 60, count), entries + draw.uniform(0, 12, count))
    said = x + draw.normal(0, 0.5, count)
    survival = np.exp(-np.asarray(HORIZONS)[None] * np.exp(said)[:, None] / 20)
    if not lost:
        return People(labelled(times, np.ones(count, dtype=bool)), said, survival)
    seen = np.minimum(times, ends) > entries
    labels = labelled(np.minimum(times, ends), times <= ends, entries)[seen]
    return People(labels, said[seen], survival[seen])
