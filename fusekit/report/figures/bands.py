"""ROC and precision-recall curves averaged over folds, with a band over subjects.

Scores of different models are not on one scale, so a curve is drawn in every fold; what is shown is the mean of their
heights over a common grid, weighted by the folds' subjects. Of several seeds, which have folds of their own, curves and
limits are averaged, as the report's scores are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from fusekit.evaluation.statistics import times_drawn

#: Where curves are read: 1 - specificity, or recall.
GRID = np.linspace(0.0, 1.0, 101)
RESAMPLES = 500


class Band(NamedTuple):
    """A mean curve: x, y, low, high (G,), and the mean area below the curves with its limits; NaN if undefined."""

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray
    area: tuple[float, float, float]


#: (W, N) sums of weights of positives and of negatives at or above each threshold -> (W, G) heights, (W,) areas.
_Curve = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def roc_band(seeds: Sequence[pd.DataFrame], label: int = 1, resamples: int = RESAMPLES) -> Band:
    """Mean ROC curve of a class against the rest: sensitivity over 1 - specificity, and the AUC.

    The 95 % band is pointwise: subjects are drawn with replacement within each fold and class, the same for every arm.
    Each of ``seeds`` has one row per subject: subject, fold, label, p_0, p_1, ...
    """
    y, low, high, area = _mean_curve(seeds, label, resamples, _roc)
    # Every ROC curve starts at (0, 0) and may rise at once.
    x, y, low, high = (np.concatenate([np.zeros(1), values]) for values in (GRID, y, low, high))
    return Band(x, y, low, high, area)


def precision_recall_band(seeds: Sequence[pd.DataFrame], label: int = 1, resamples: int = RESAMPLES) -> Band:
    """Mean precision-recall curve of a class against the rest, and the average precision; as ``roc_band``.

    The precision at a recall is that of the highest threshold which reaches the recall: a staircase, as average
    precision counts it.
    """
    return Band(GRID, *_mean_curve(seeds, label, resamples, _precision_recall))


def _mean_curve(
    seeds: Sequence[pd.DataFrame], label: int, resamples: int, curve: _Curve
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[float, float, float]]:
    """Heights, lower and upper limits (G,) and the area with its limits; all NaN where no fold has both sides."""
    joined = [_of_seed(table, label, resamples, curve) for table in seeds]
    nothing = np.full(len(GRID) + 1, np.nan)
    own, low, high = np.mean([one or (nothing,) * 3 for one in joined], axis=0)
    return own[:-1], low[:-1], high[:-1], (float(own[-1]), float(low[-1]), float(high[-1]))


def _of_seed(
    table: pd.DataFrame, label: int, resamples: int, curve: _Curve
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Heights and then the area (G + 1,) of the cohort itself, and their limits."""
    table, values, total = table.sort_values("subject", kind="stable"), np.zeros((resamples + 1, len(GRID) + 1)), 0
    for fold, own in table.groupby("fold"):
        cases = own["label"].to_numpy() == label
        if cases.all() or not cases.any():
            continue  # no curve without both
        drawn = times_drawn(~cases, np.random.default_rng([0, int(str(fold))]), resamples)
        weights = np.vstack([np.ones(len(cases)), drawn])  # the subjects as they are, and then every resample
        heights, areas = curve(*_sums(cases, own[f"p_{label}"].to_numpy(dtype=float), weights))
        values += np.column_stack([heights, areas]) * len(cases)
        total += len(cases)
    return None if total == 0 else (values[0] / total, *_limits(values / total))


def _limits(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % limits of values (1 + resamples, G) around the cohort's own in row 0.

    A subject drawn twice ties with itself, which makes resampled curves better than the cohort's (precision above
    all); so the quantiles are moved by how far the resamples' mean lies off.
    """
    own, drawn = values[0], values[1:]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0) - (drawn.mean(axis=0) - own)
    return np.clip(np.minimum(low, own), 0, 1), np.clip(np.maximum(high, own), 0, 1)


def _sums(cases: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights of positives and of negatives that score at least each distinct threshold, from the highest down."""
    order = np.argsort(-scores, kind="stable")
    last_of_equals = np.append(np.diff(scores[order]) != 0, True)
    true, false = ((weights * side)[:, order].cumsum(axis=1)[:, last_of_equals] for side in (cases, ~cases))
    return true, false


def _roc(true: np.ndarray, false: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    begin = np.zeros((len(true), 1))
    true, false = (np.hstack([begin, sums / sums[:, -1:]]) for sums in (true, false))
    heights = np.stack([np.interp(GRID, x, y) for x, y in zip(false, true, strict=True)])
    areas = (np.diff(false, axis=1) * (true[:, 1:] + true[:, :-1]) / 2).sum(axis=1)
    return heights, areas


def _precision_recall(true: np.ndarray, false: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    called = true + false
    precision = np.divide(true, called, out=np.zeros_like(true), where=called > 0)
    recall = true / true[:, -1:]
    # A hair lower than the grid, for rounding; but at recall 0 the first threshold that finds anyone.
    at = np.append(1e-9, GRID[1:] - 1e-9)
    heights = np.stack([p[np.searchsorted(r, at)] for r, p in zip(recall, precision, strict=True)])
    areas = (np.diff(recall, axis=1, prepend=0.0) * precision).sum(axis=1)
    return heights, areas
