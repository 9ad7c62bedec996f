"""Boosted trees of hazards in intervals of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.baselines.baseline import plain_state
from fusekit.baselines.gbdt import GradientBoosting
from fusekit.baselines.inner_cv import Loss
from fusekit.baselines.survival.baseline import SurvivalBaseline, read_target
from fusekit.data import Column
from fusekit.data.target.follow_up import events_of, exposure, labels_table, surprise
from fusekit.disk import OPEN


@with_config(OPEN)
class _State(TypedDict):
    target: dict[str, Any]


class GradientBoostingHazards(GradientBoosting, SurvivalBaseline):
    """Gradient-boosted trees of the hazards that networks put out too: as ``gbdt``, with the interval as a column.

    Each scan is a row for every interval that its subject reaches, with the event in it or not; an interval in which
    the follow-up ends counts by the share of it that was passed. With delayed entry the rows begin with the interval of
    the entry, which counts by the share that was left; an event in it counts whole, which is right up to the square of
    its hazard.

    Args:
        trees: how many; None chooses, up to ``most``.
        most: trees that are tried.
        rate: how much of its correction each tree brings.
        leaves: of a tree, at most.
        rows: rows in a leaf, at least.
        penalty: on the leaves' values (L2).
        folds: of the cross-validation that chooses.
    """

    targets, late_entry = SurvivalBaseline.targets, True

    def fit(
        self, values: pd.DataFrame, columns: Sequence[Column], labels: np.ndarray, subjects: np.ndarray, seed: int
    ) -> None:
        """Fit the intervals, choose the number of trees, unless given, and fit."""
        self.target = self.asked.fit(labels_table(subjects, labels))
        super().fit(values, columns, self.asked.scaled(labels), subjects, seed)

    @property
    def loss(self) -> Loss:
        """The negative log likelihood of the hazards."""
        return hazard_loss

    def strata(self, labels: np.ndarray, subjects: np.ndarray) -> np.ndarray:
        """Whether the event was seen."""
        return events_of(labels).astype(int)

    def samples(
        self, inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A row for each interval that a scan reaches, and is under observation in."""
        share, died = exposure(labels, self.asked.intervals)
        scan, interval = np.nonzero(share)
        rows = inputs[scan]
        rows[:, -1] = interval
        return rows, died[scan, interval].astype(int), weights[scan] * np.where(died, 1.0, share)[scan, interval]

    def staged(self, model: Any, inputs: np.ndarray) -> np.ndarray:
        """Hazards after each tree (trees, N, W)."""
        every = self.asking(inputs)
        return np.stack([one[:, 1].reshape(len(inputs), -1) for one in model.staged_predict_proba(every)])

    def survival(self, values: pd.DataFrame) -> np.ndarray:
        """Risk and survival (N, 1 + H)."""
        import torch

        outputs = self.scores(values).reshape(len(values), self.asked.intervals)
        return self.asked.answers(torch.from_numpy(outputs)).numpy()

    def asking(self, inputs: np.ndarray) -> np.ndarray:
        """A row for each interval (N * W, F)."""
        rows = np.repeat(inputs, self.asked.intervals, axis=0)
        rows[:, -1] = np.tile(np.arange(self.asked.intervals), len(inputs))
        return rows

    def shipped(self) -> dict[str, Any]:
        """Also the intervals."""
        return {**super().shipped(), "target": self.asked.as_json()["time_to_event"]}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        """DataError as of ``gbdt``, or if the intervals are none."""
        made = super().restored(state)
        made.target = read_target(plain_state(state, _State))
        return made

    probabilities = SurvivalBaseline.probabilities


def hazard_loss(labels: np.ndarray, hazards: np.ndarray, weights: np.ndarray) -> float:
    """Weighted mean over scans of the negative log likelihood of hazards (n, W), for scaled labels (n,)."""
    return float(np.average(surprise(labels, hazards), weights=weights))
