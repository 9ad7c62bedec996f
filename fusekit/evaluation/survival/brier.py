"""How far predicted survival lies from what happened (Graf et al. 1999): the Brier score of people who may be censored.

Up to a horizon, who had the event counts one over the share still followed just before it, who is known to have none
one over the share still followed then, and who was censored before counts nothing. With delayed entry the share is that
under observation (``observed``). The weights are people on average: of all rows they add up to their number.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusekit.data.target.follow_up import entries_of, events_of, times_of
from fusekit.evaluation.survival.kaplan_meier import observed


def brier_terms(labels: np.ndarray, survival: np.ndarray, horizons: Sequence[float]) -> np.ndarray:
    """What each row adds to the Brier score at each horizon (N, H); the score is the mean over rows.

    Args:
        labels: of ``TimeToEvent`` (N,) or (N, 2).
        survival: predicted, (N, H).
        horizons: (H,); NaN where nobody is followed so long.
    """
    early, late = known(labels, horizons)
    return np.asarray(early * survival**2 + late * (1 - survival) ** 2)


def known(labels: np.ndarray, horizons: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """What each row counts at each horizon as one with the event by then, and as one without: twice (N, H)."""
    times, events = times_of(labels)[:, None], events_of(labels)[:, None]
    at, entries = np.asarray(horizons, dtype=float)[None], entries_of(labels)
    there = (times > at) if entries is None else (times > at) & (entries[:, None] < at)
    seen, still = observed(labels, times[:, 0], before=True)[:, None], observed(labels, at[0])[None]
    with np.errstate(divide="ignore", invalid="ignore"):
        early = np.where(events & (times <= at), 1 / seen, 0.0)
        late = np.where(there, 1 / still, 0.0)
    return np.where(still == 0, np.nan, early), np.where(still == 0, np.nan, late)


def integrated(terms: np.ndarray, horizons: Sequence[float]) -> np.ndarray:
    """Mean over the time up to the last horizon (N,) of terms (N, H), by lines between them and 0 at time 0."""
    from scipy.integrate import trapezoid

    ends = np.concatenate([[0.0], horizons])
    with_start = np.concatenate([np.zeros((len(terms), 1)), terms], axis=1)
    return np.asarray(trapezoid(with_start, ends, axis=1) / ends[-1])
