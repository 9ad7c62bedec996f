"""The share without an event over time, from people who were followed for different times (Kaplan and Meier 1958).

Who enters late is at risk from then on. Right-censored people alone are known by ``censoring``; with delayed entry too,
``observed`` takes its place, and is the same where all enter at 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusekit.data.target.follow_up import entries_of, events_of, times_of, waiting


class Curve(NamedTuple):
    """A step function: 1 before the first time, then the value of the last time that has come."""

    times: np.ndarray  # (K,) ascending
    levels: np.ndarray  # (K,) from that time on
    variance: np.ndarray  # (K,) of the logarithm of the value (Greenwood 1926)

    def at(self, when: np.ndarray | float, *, before: bool = False) -> np.ndarray:
        """Values at times (N,); with ``before``, just before them."""
        place = np.searchsorted(self.times, when, side="left" if before else "right")
        return np.asarray(np.concatenate([[1.0], self.levels])[place])

    def area(self, last: float) -> float:
        """Area below the curve up to a time: of survival the restricted mean, in the unit of times."""
        inside = self.times < last
        ends = np.concatenate([self.times[inside], [last]])
        return float(np.diff(ends, prepend=0.0) @ np.concatenate([[1.0], self.levels[inside]]))

    def limits(self, when: float) -> tuple[float, float]:
        """95 % limits of a value, on the scale of log(-log) (Kalbfleisch and Prentice 1980); NaN at 0 and 1."""
        from scipy.special import ndtri

        value = float(self.at(when))
        place = int(np.searchsorted(self.times, when, side="right"))
        if not 0 < value < 1:
            return float("nan"), float("nan")
        half = ndtri(0.975) * np.sqrt(self.variance[place - 1]) / abs(np.log(value))
        low, high = (float(value ** np.exp(sign * half)) for sign in (1, -1))
        return low, high


def log_parts(labels: np.ndarray, when: float) -> np.ndarray:
    """Derivatives of log survival at a time by the weight of each row (N,): their squares add up to its variance."""
    times, events = times_of(labels), events_of(labels)
    distinct, of_row = np.unique(times, return_inverse=True)
    died = np.bincount(of_row, weights=events, minlength=len(distinct))
    at_risk = np.cumsum(np.bincount(of_row, minlength=len(distinct))[::-1])[::-1]
    at_risk = at_risk - waiting(labels, distinct, np.ones(len(labels)))
    with np.errstate(divide="ignore", invalid="ignore"):
        left = 1 / (at_risk - died)
        met = np.concatenate([[0.0], np.cumsum(np.where(died > 0, died / at_risk * left, 0.0))])
    passed = np.searchsorted(distinct, np.minimum(times, when), side="right")
    parts = met[passed] - np.where(events & (times <= when), left[of_row], 0.0)
    if (entries := entries_of(labels)) is not None:
        parts -= met[np.searchsorted(distinct, np.minimum(entries, when), side="right")]
    return np.asarray(parts)


def survival(labels: np.ndarray) -> Curve:
    """Survival from labels (N,) or (N, 2) of ``TimeToEvent``.

    Who is censored at a time is at risk at that time. Where one person alone is at risk, and has the event, it is 0
    from there on, even if a subject enters later.
    """
    distinct, of_row = np.unique(times_of(labels), return_inverse=True)
    died = np.bincount(of_row, weights=events_of(labels), minlength=len(distinct))
    gone = np.bincount(of_row, minlength=len(distinct))
    at_risk = len(labels) - np.cumsum(gone) + gone - waiting(labels, distinct, np.ones(len(labels)))
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = died / (at_risk * (at_risk - died))
    return Curve(distinct, np.cumprod(1 - died / at_risk), np.cumsum(np.where(died > 0, steps, 0.0)))


def censoring(labels: np.ndarray) -> Curve:
    """The share that is still followed over time: the same, with censoring in place of the event.

    Where both come at once the event comes first, so that its time ends the risk to be censored then.
    """
    times, events = times_of(labels), events_of(labels)
    distinct, of_row = np.unique(times, return_inverse=True)
    lost = np.bincount(of_row, weights=~events, minlength=len(distinct))
    gone = np.bincount(of_row, minlength=len(distinct))
    at_risk = len(times) - np.cumsum(gone) + lost
    with np.errstate(divide="ignore", invalid="ignore"):
        kept = np.where(lost > 0, 1 - lost / at_risk, 1.0)
        steps = np.where(lost > 0, lost / (at_risk * (at_risk - lost)), 0.0)
    return Curve(distinct, np.cumprod(kept), np.cumsum(steps))


def observed(labels: np.ndarray, when: np.ndarray | float, *, before: bool = False) -> np.ndarray:
    """The share of those without an event at times (T,) that is under observation then; ``before``: just before them.

    Who is seen counts one over it for those who are not. Without delayed entry it is ``censoring``. With it, it is the
    number at risk over people * survival, both just before or at the time: right up to a factor, which is one over the
    share of all people that ever enters, if entry and censoring depend neither on the time of the event nor on what
    risks are said of (Woodroofe 1985). NaN after survival has fallen to 0 while others are still to enter.
    """
    if entries_of(labels) is None:
        return censoring(labels).at(when, before=before)
    curve, times = survival(labels), np.sort(times_of(labels))
    gone = curve.times[:-1][curve.levels[:-1] == 0]
    reached = len(times) - np.searchsorted(times, when, side="left" if before else "right")
    at_risk = reached - waiting(labels, np.asarray(when, dtype=float), np.ones(len(times)))
    alive = curve.at(when, before=before)
    share = np.divide(at_risk, len(times) * alive, out=np.ones(np.shape(when)), where=np.asarray(alive > 0))
    return np.where(when > gone[0], np.nan, share) if len(gone) else share


def numbers_at_risk(labels: np.ndarray, when: np.ndarray) -> np.ndarray:
    """How many are under observation and without the event just before each of times (T,), or at 0."""
    reached = (times_of(labels)[None] >= np.asarray(when)[:, None]).sum(axis=1)
    late = waiting(labels, np.maximum(when, np.nextafter(0, 1)), np.ones(len(labels)))
    return np.asarray(reached - late.astype(int))


def followed(labels: np.ndarray, subjects: np.ndarray, horizon: float) -> int:
    """How many subjects are seen at a horizon, and have no event up to then; labels and subjects (N,)."""
    entries, there = entries_of(labels), times_of(labels) > horizon
    return len(np.unique(subjects[there if entries is None else there & (entries < horizon)]))
