"""Whether who has the event earlier was said to be at the higher risk: concordance, and the AUC at a time.

Both are shares of pairs of subjects, a case and a subject who has no event yet when the case has, of which the case
has the higher risk; equal risks count half. The sign is that of the risk: below one half, the ranking is wrong.
With delayed entry both are under observation when the case has its event, or at the horizon.

How sure a share is follows from the part that each subject has in it (an infinitesimal jackknife): its derivative by
the subject's weight, in both roles. Subjects' parts add up over slices, folds and seeds, and two models of the same
subjects have a covariance, as those of DeLong. Weights for censoring are taken as known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from fusekit.data.target.follow_up import entries_of, events_of, times_of
from fusekit.evaluation.delong import Areas
from fusekit.evaluation.survival.kaplan_meier import observed

#: Labels and risks (n,) of one fold -> the share, the part of each row (n,) in its error.
Share: TypeAlias = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]

#: Cases that are compared with everybody at once.
_BLOCK = 512


def harrell(last: float = np.inf) -> Share:
    """Harrell's c (1982): all pairs whose order is known up to a time count alike.

    It depends on how people were censored: long times are seen of few.
    """

    def share(labels: np.ndarray, risks: np.ndarray) -> tuple[float, np.ndarray]:
        times, cases = times_of(labels), events_of(labels) & (times_of(labels) <= last)
        return _share(labels, risks, cases.astype(float), times)

    return share


def uno(last: float) -> Share:
    """Uno's c (2011): each case counts one over the squared share still followed just before, up to a time.

    It estimates the same whatever the censoring, if that does not depend on the risk.
    """

    def share(labels: np.ndarray, risks: np.ndarray) -> tuple[float, np.ndarray]:
        return _share(labels, risks, uno_weights(labels, last), times_of(labels))

    return share


def uno_weights(labels: np.ndarray, last: float) -> np.ndarray:
    """What each subject (n,) counts as a case of Uno's c; 0 of who is none."""
    times = times_of(labels)
    cases = events_of(labels) & (times < last)
    followed = observed(labels, times, before=True)
    weights: np.ndarray = np.divide(1.0, followed**2, out=np.zeros(len(times)), where=cases)
    return weights


def beyond(labels: np.ndarray) -> np.ndarray:
    """Times (n,) before which each subject is known to have no event: who is censored then has outlived it."""
    return np.asarray(np.where(events_of(labels), times_of(labels), np.nextafter(times_of(labels), np.inf)))


def met_by(labels: np.ndarray, until: np.ndarray) -> np.ndarray:
    """Who (M, n) is compared with cases: under observation, and without an event, at each of times (M,)."""
    entries, outlived = entries_of(labels), beyond(labels)[None] > until[:, None]
    return outlived if entries is None else outlived & (entries[None] < until[:, None])


def auc_at(horizon: float) -> Share:
    """Cumulative case, dynamic control (Heagerty 2000; weights of Uno 2007): who has the event by a time, who not yet.

    A case counts one over the share still followed just before its event.
    """

    def share(labels: np.ndarray, risks: np.ndarray) -> tuple[float, np.ndarray]:
        times = times_of(labels)
        cases = events_of(labels) & (times <= horizon)
        followed = observed(labels, times, before=True)
        weights = np.divide(1.0, followed, out=np.zeros(len(times)), where=cases)
        return _share(labels, risks, weights, np.full(len(times), horizon))

    return share


def _share(labels: np.ndarray, risks: np.ndarray, weights: np.ndarray, until: np.ndarray) -> tuple[float, np.ndarray]:
    """Pairs of a case (weight above 0) and who has no event up to ``until`` of the case."""
    cases = np.flatnonzero(~(weights <= 0))  # a NaN makes the share one
    won, pairs = np.zeros(len(cases)), np.zeros(len(cases))
    lost, compared = np.zeros(len(labels)), np.zeros(len(labels))
    for start in range(0, len(cases), _BLOCK):
        own = cases[start : start + _BLOCK]
        met = met_by(labels, until[own]).astype(float)
        right = met * (np.sign(risks[own, None] - risks[None]) + 1) / 2
        won[start : start + _BLOCK], pairs[start : start + _BLOCK] = right.sum(axis=1), met.sum(axis=1)
        lost += weights[own] @ right
        compared += weights[own] @ met
    total = float(weights[cases] @ pairs)
    if not total > 0:
        return float("nan"), np.full(len(labels), np.nan)
    share = float(weights[cases] @ won) / total
    parts = lost - share * compared
    parts[cases] += weights[cases] * (won - share * pairs)
    return share, parts / total


def shares(
    share: Share, labels: np.ndarray, risks: np.ndarray, subjects: np.ndarray, folds: np.ndarray | None = None
) -> Areas:
    """The mean of the folds' shares weighted by their subjects, with each subject's part.

    Args:
        share: what is computed within a fold.
        labels, risks, subjects: of rows (N,); a subject's rows are in one fold.
        folds: (N,) whose model said each risk; without it, one model said all.

    Returns:
        One area; parts (1, S) by subject, sorted. Folds without a pair are left out; NaN if all are.
    """
    names, of_row = np.unique(subjects, return_inverse=True)
    folds = np.zeros(len(labels), dtype=int) if folds is None else folds
    value, parts, total = 0.0, np.zeros(len(names)), 0
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds == fold)
        found, own = share(labels[rows], risks[rows])
        people = len(np.unique(of_row[rows]))
        if np.isnan(found):
            continue
        total += people
        value += people * found
        scale = people * np.sqrt(people / (people - 1)) if people > 1 else np.nan
        parts += np.bincount(of_row[rows], weights=scale * own, minlength=len(names))
    if not total:
        return Areas(np.array([np.nan]), np.full((1, len(names)), np.nan))
    return Areas(np.array([value / total]), parts[None] / total)
