"""How long people were followed until an event, as one number each."""

from __future__ import annotations

import numpy as np


def labelled(times: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Labels (N,): the time, with a minus sign (0: minus zero) where the subject was censored then."""
    return np.asarray(np.copysign(times, np.where(events, 1.0, -1.0)))


def times_of(labels: np.ndarray) -> np.ndarray:
    """Times (N,) of event or censoring."""
    return np.asarray(np.abs(np.asarray(labels, dtype=float)))


def events_of(labels: np.ndarray) -> np.ndarray:
    """Whether the event was seen (N,)."""
    return np.asarray(~np.signbit(np.asarray(labels, dtype=float)))


def exposure(labels: np.ndarray, intervals: int) -> tuple[np.ndarray, np.ndarray]:
    """Scaled labels (N,) -> shares of the intervals that count (N, W), and in which the event was (N, W) bool.

    An interval with the event counts whole: the event is that of the interval.
    """
    place, begins = times_of(labels)[:, None], np.arange(intervals)[None]
    passed = np.clip(place - begins, 0, 1)
    died = events_of(labels)[:, None] & (passed > 0) & (place <= begins + 1)
    return np.where(died, 1.0, passed), died


def surprise(labels: np.ndarray, hazards: np.ndarray) -> np.ndarray:
    """Negative log likelihood (N,) of hazards (N, W) in intervals, in nats, for scaled labels (N,)."""
    passed, died = exposure(labels, hazards.shape[1])
    chance = np.clip(np.where(died, hazards, 1 - hazards), 1e-12, 1.0)
    return np.asarray(np.sum(-passed * np.log(chance), axis=1))


def summed_hazard(labels: np.ndarray, ratios: np.ndarray, weights: np.ndarray, intervals: int) -> np.ndarray:
    """Breslow's estimate (1974) of the hazard of a ratio of 1, summed over each interval (W,).

    Args:
        labels: scaled (N,).
        ratios: of hazards (N,).
        weights: (N,), so that subjects count alike.
    """
    times, seen = times_of(labels), events_of(labels)
    order = np.argsort(-times, kind="stable")
    last = np.searchsorted(-times[order], -times, side="right") - 1  # of those who are followed for as long
    at_risk = np.cumsum((weights * ratios)[order])[last]
    place = np.ceil(times).astype(int) - 1
    return np.bincount(place[seen], (weights / at_risk)[seen], minlength=intervals)
