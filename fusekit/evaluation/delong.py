"""Areas under correlated ROC curves and how sure they are (DeLong, DeLong and Clarke-Pearson 1988).

Each subject's placement, the share of the other class that its score lies rightly above or below, is found by sorting,
as Sun and Xu (2014) do, instead of from all pairs. An area is the mean of placements, so what one subject adds to its
error can be kept by subject: then folds add up, seeds are averaged, and curves of the same subjects have a covariance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fusekit.evaluation.predictions import above_cuts
from fusekit.evaluation.statistics import interval_between


class Areas(NamedTuple):
    """A areas and the part that each of N subjects has in their errors."""

    area: np.ndarray  # (A,)
    parts: np.ndarray  # (A, N): their sums of squares and products are the covariance

    @property
    def covariance(self) -> np.ndarray:
        """(A, A), unbiased."""
        return np.asarray(self.parts @ self.parts.T)


def auc(cases: np.ndarray, scores: np.ndarray) -> float:
    """Area under the curve of scores (N,) for cases (N,) bool, ties half (Mann-Whitney); NaN if a side is empty."""
    if cases.all() or not cases.any():
        return float("nan")
    return float(placements(cases, scores[None])[0, cases].mean())


def auc_interval(
    cases: np.ndarray, scores: np.ndarray, confidence: float = 0.95, folds: np.ndarray | None = None
) -> tuple[float, float]:
    """Limits of the AUC on the logit scale, from the variance of its placements; the exact ones at 0 and 1.

    NaN, NaN where a side has fewer than two members and another limit than the exact one would be needed.
    """
    found = areas(cases, scores[None], folds)
    if found.area[0] in (0.0, 1.0):
        folds = np.zeros(len(cases), dtype=int) if folds is None else folds
        sides = [cases[folds == fold] for fold in np.unique(folds)]
        pairs = sum(int(min(side.sum(), (~side).sum())) for side in sides)
        return exact_limits(float(found.area[0]), pairs, confidence)
    return logit_interval(float(found.area[0]), float(found.covariance[0, 0]), confidence)


def exact_limits(value: float, pairs: int, confidence: float = 0.95) -> tuple[float, float]:
    """Limits (Clopper and Pearson 1934) of an area of 1 or 0: all of so many independent pairs are ordered alike.

    There every placement is alike, and neither DeLong's variance nor a bootstrap would leave any doubt.
    """
    limit = ((1 - confidence) / 2) ** (1 / pairs)
    return (limit, 1.0) if value == 1.0 else (0.0, 1 - limit)


def delong(labels: np.ndarray, scores: np.ndarray, folds: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Areas under the curves of scores of the same subjects, and their covariance.

    Args:
        labels: (N,), class 1 is the positive one.
        scores: (A, N), higher where the positive class is more likely; ties count half.
        folds: (N,) whose model scored each subject; without it, one model scored all.

    Returns:
        Areas (A,), each the mean of the folds' weighted by their subjects; covariance (A, A). See ``areas``.
    """
    found = areas(labels == 1, scores, folds)
    return found.area, found.covariance


def areas(cases: np.ndarray, scores: np.ndarray, folds: np.ndarray | None = None) -> Areas:
    """Areas under the curves of scores (A, N) for cases (N,) bool, with each subject's part in their errors.

    Areas are NaN if no fold holds both classes; other folds that lack one are left out. Parts are NaN if a fold has a
    single subject of a class: how much such subjects vary cannot be seen.
    """
    folds = np.zeros(len(cases), dtype=int) if folds is None else folds
    rows_of = [np.flatnonzero(folds == fold) for fold in np.unique(folds)]
    rows_of = [rows for rows in rows_of if 0 < cases[rows].sum() < len(rows)]
    values, parts = np.zeros(len(scores)), np.zeros(scores.shape)
    if not rows_of:
        return Areas(values + np.nan, parts + np.nan)
    for rows in rows_of:
        weight, placed = len(rows), placements(cases[rows], scores[:, rows])
        of_fold = placed[:, cases[rows]].mean(axis=1)
        values += weight * of_fold
        for members in (cases[rows], ~cases[rows]):
            n = int(members.sum())
            scale = weight / np.sqrt(n * (n - 1)) if n > 1 else np.nan
            parts[:, rows[members]] = scale * (placed[:, members] - of_fold[:, None])
    total = sum(map(len, rows_of))  # divided by last, so that nothing but ones is exactly one
    return Areas(values / total, parts / total)


def placements(cases: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Share of the other class that each subject is rightly above (cases) or below (the others), ties half: (A, N)."""
    placed = np.empty(scores.shape)
    for members, sign in ((cases, 1), (~cases, -1)):
        for i, values in enumerate(sign * scores):
            others = np.sort(values[~members])
            own = values[members]
            # Counting from either side and halving counts each tie half.
            twice = np.searchsorted(others, own, "left") + np.searchsorted(others, own, "right")
            placed[i, members] = twice / (2 * len(others))
    placed[np.isnan(scores).any(axis=1)] = np.nan  # a curve of undefined scores is undefined
    return placed


def macro_areas(labels: np.ndarray, probabilities: np.ndarray, folds: np.ndarray | None = None) -> Areas:
    """Mean over the classes of each one's area against the rest; labels (N,), probabilities (A, N, K).

    A fold that lacks a class is left out.
    """
    classes = range(probabilities.shape[2])
    return _mean_over([labels == k for k in classes], [probabilities[:, :, k] for k in classes], folds)


def cut_areas(labels: np.ndarray, probabilities: np.ndarray, folds: np.ndarray | None = None) -> Areas:
    """Mean over the cuts of ordered classes of the area of those above against those below, by P(above).

    Labels (N,), probabilities (A, N, K). A fold that lacks the lowest or the highest class is left out.
    """
    above = above_cuts(probabilities)
    cuts = range(above.shape[2])
    return _mean_over([labels > k for k in cuts], [above[:, :, k] for k in cuts], folds)


def _mean_over(cases: Sequence[np.ndarray], scores: Sequence[np.ndarray], folds: np.ndarray | None) -> Areas:
    """Mean of areas of the same subjects: cases (N,) bool and scores (A, N) of each.

    A fold in which one of them lacks cases, or others, is left out of all.
    """
    shape = scores[0].shape
    folds = np.zeros(shape[1], dtype=int) if folds is None else folds
    whole = [fold for fold in np.unique(folds) if all(0 < own[folds == fold].mean() < 1 for own in cases)]
    kept = np.isin(folds, whole)
    if not whole:
        return Areas(np.full(shape[0], np.nan), np.full(shape, np.nan))
    of_each = [areas(own[kept], score[:, kept], folds[kept]) for own, score in zip(cases, scores, strict=True)]
    parts = np.zeros(shape)
    parts[:, kept] = np.mean([found.parts for found in of_each], axis=0)
    return Areas(np.mean([found.area for found in of_each], axis=0), parts)


def mean_areas(seeds: Sequence[Areas]) -> Areas:
    """Average over seeds whose columns are the same subjects, whatever fold each was in.

    A subject that is hard in every seed keeps its part; what differs from seed to seed averages out.
    """
    return Areas(np.mean([seed.area for seed in seeds], axis=0), np.mean([seed.parts for seed in seeds], axis=0))


def logit_interval(area: float, variance: float, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of one area by its variance, on the scale of log(area / (1 - area)), where it cannot leave [0, 1].

    NaN, NaN for an undefined area or variance, and for areas of 0 and 1, which have no logit.
    """
    return interval_between(area, float(np.sqrt(variance)), (0, 1), confidence=confidence)
