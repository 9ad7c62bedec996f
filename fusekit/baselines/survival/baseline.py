"""What a baseline of times to an event owes, and the null model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.baselines.baseline import Baseline, plain_state
from fusekit.baselines.inner_cv import subject_weights
from fusekit.data import Column, TimeToEvent
from fusekit.data.target import target_of
from fusekit.data.target.follow_up import entries_of, events_of, labels_table, times_of, waiting
from fusekit.disk import OPEN
from fusekit.errors import DataError, FusekitError

#: Survival that is 0 but for rounding.
_NOTHING = 1e-9


class SurvivalBaseline(Baseline):
    """A baseline that predicts risk and survival; ``fit`` gets labels of ``TimeToEvent`` (n,), and has ``target``.

    One that sets ``late_entry`` gets them with times of entry (n, 2), where entry is delayed.
    """

    targets = (TimeToEvent.kind,)

    @abstractmethod
    def survival(self, values: pd.DataFrame) -> np.ndarray:
        """Risk and survival (N, 1 + H) of other scans' values, as ``TimeToEvent.columns`` has them."""

    def answers(self, values: pd.DataFrame, **images: Any) -> np.ndarray:
        """The same."""
        return np.asarray(self.survival(values, **images), dtype=float)

    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        """FusekitError: there are none of a time."""
        raise FusekitError(f"{type(self).__name__} predicts survival, and no probabilities of classes.")

    @property
    def asked(self) -> TimeToEvent:
        """What is predicted, whatever a network puts out; DataError without ``target``."""
        if not isinstance(self.target, TimeToEvent):
            raise DataError(f"{type(self).__name__} predicts the time to an event: set its target before it is fitted.")
        return replace(self.target, proportional=False, hazard=())

    def require_events(self, labels: np.ndarray) -> None:
        """DataError where no training scan has the event up to the last horizon."""
        self.asked.fit(labels_table(np.arange(len(labels)), labels))


def read_target(state: Mapping[str, Any]) -> TimeToEvent:
    """The target in a shipped state; DataError if it is none."""
    found = target_of({"time_to_event": state["target"]})
    assert isinstance(found, TimeToEvent)
    return found


def at_horizons(target: TimeToEvent, times: np.ndarray, survival: np.ndarray) -> np.ndarray:
    """Step functions -> risk and survival at the horizons (N, 1 + H).

    Args:
        target: with the horizons.
        times: of steps (K,), ascending; before the first one survival is 1.
        survival: from each time on (N, K).
    """
    before = np.concatenate([np.ones((len(survival), 1)), survival], axis=1)
    place = np.searchsorted(times, target.horizons, side="right")
    ends = np.clip(np.concatenate([times, [target.last]]), 0, target.last)
    restricted = before @ np.diff(ends, prepend=0.0)
    return np.column_stack([np.clip(1 - restricted / target.last, 0, 1), before[:, place]])


@with_config(OPEN)
class _State(TypedDict):
    target: dict[str, Any]
    times: list[float]
    survival: list[float]


class KaplanMeier(SurvivalBaseline):
    """The training subjects' survival (Kaplan and Meier 1958) for every subject: what any other method has to beat."""

    late_entry = True

    def __init__(self) -> None:
        self._times: np.ndarray = np.zeros(0)
        self._survival: np.ndarray = np.zeros(0)

    def fit(
        self, values: pd.DataFrame, columns: Sequence[Column], labels: np.ndarray, subjects: np.ndarray, seed: int
    ) -> None:
        """Each subject counts once, from its entry on; DataError where survival is 0 before others enter."""
        self.require_events(labels)
        weights = subject_weights(subjects)
        self._times, of_row = np.unique(times_of(labels), return_inverse=True)
        died = np.bincount(of_row, weights=weights * events_of(labels))
        at_risk = np.cumsum(np.bincount(of_row, weights=weights)[::-1])[::-1] - waiting(labels, self._times, weights)
        self._survival = np.cumprod(np.clip(1 - died / at_risk, 0, 1))
        nothing = (self._survival < _NOTHING) & (self._times <= self.asked.last)
        if entries_of(labels) is not None and nothing[:-1].any():
            when = self._times[nothing][0]
            raise DataError(
                f"all who are under observation at {when:g} have the event then, and others enter later: their "
                "survival up to there is not known. Start the time later, or leave out who entered before."
            )

    def survival(self, values: pd.DataFrame) -> np.ndarray:
        """The same for each of N rows."""
        return np.tile(at_horizons(self.asked, self._times, self._survival[None]), (len(values), 1))

    def shipped(self) -> dict[str, Any]:
        """The curve."""
        described = self.asked.as_json()["time_to_event"]
        return {"target": described, "times": self._times.tolist(), "survival": self._survival.tolist()}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        """DataError if it is no curve."""
        made, plain = cls(), plain_state(state, _State)
        made.target = read_target(plain)
        made._times, made._survival = np.array(plain["times"]), np.array(plain["survival"])
        check_steps(made._times, -made._survival)
        return made


def check_steps(times: np.ndarray, values: np.ndarray) -> None:
    """DataError unless times (K,) ascend and values (K,) never fall; all are numbers."""
    fine = times.shape == values.shape and np.isfinite(times).all() and np.isfinite(values).all()
    if not (fine and (np.diff(times, prepend=-1.0) > 0).all() and (np.diff(values) >= 0).all()):
        raise DataError("its curve is none: times ascend, and survival never rises.")
