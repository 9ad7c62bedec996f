"""A table and times to an event that it says something of."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from fusekit.baselines import SurvivalBaseline
from fusekit.data import TimeToEvent
from fusekit.data.target.follow_up import labelled, times_of
from tests.baselines.cohort import COLUMNS, invented

B = TypeVar("B", bound=SurvivalBaseline)

__all__ = ["COLUMNS", "DEATH", "LABELS", "LATE", "SUBJECTS", "VALUES", "fitted"]

DEATH = TimeToEvent("death", (10.0, 25.0, 40.0), intervals=4)
VALUES, _CLASS, _ = invented(90)
#: Every second subject has two scans.
SUBJECTS = np.array([f"s{row // 3 * 2 + (row % 3 == 2)}" for row in range(90)], dtype=object)


def _labels() -> np.ndarray:
    draw = np.random.default_rng(3)
    time, end = draw.exponential(30 * np.exp(-1.5 * _CLASS)), draw.uniform(5, 60, 90)
    times, events = np.minimum(time, end).round(0) + 1, time <= end  # ties
    _, first, of_row = np.unique(SUBJECTS, return_index=True, return_inverse=True)
    return labelled(times, events)[first][of_row]


LABELS = _labels()


def _late() -> np.ndarray:
    """The same with times of entry: of every second subject up to 8 before, in whole numbers, at times of events."""
    _, of_row = np.unique(SUBJECTS, return_inverse=True)
    entries = np.where(of_row % 2 == 0, 0.0, np.clip(times_of(LABELS) - 1 - of_row % 8, 0, None))
    return np.column_stack([LABELS, entries])


LATE = _late()


def fitted(made: B, labels: np.ndarray = LABELS) -> B:
    made.target = DEATH
    made.fit(VALUES, COLUMNS, labels, SUBJECTS, 0)
    return made
