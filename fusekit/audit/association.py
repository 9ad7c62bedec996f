"""How strongly things go together with a label, and whether chance would do as much."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

#: Permutations of a test: its smallest p is 1 / (this + 1).
PERMUTATIONS = 1999

#: Folds of a cross-validation.
PARTS = 5


def auc(scores: np.ndarray, cases: np.ndarray) -> float:
    """Area under the ROC curve of scores (N,) for cases (N,) bool, ties half; NaN if either side is empty."""
    from scipy.stats import rankdata

    n, m = int(cases.sum()), int((~cases).sum())
    above = float(rankdata(scores)[cases].sum()) - n * (n + 1) / 2
    return above / (n * m) if n and m else float("nan")


def auc_interval(scores: np.ndarray, cases: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Limits of the AUC from the variance of its placements (DeLong 1988), within [0, 1].

    Where the sides are separated perfectly that variance is 0; the limit is then the exact one (Clopper and Pearson
    1934) for as many pairs as the smaller side has members.
    """
    from scipy.stats import norm, rankdata

    value, n, m = auc(scores, cases), int(cases.sum()), int((~cases).sum())
    tail = (1 - confidence) / 2
    if value in (0.0, 1.0):
        limit = tail ** (1 / min(n, m))
        return (limit, 1.0) if value else (0.0, 1 - limit)
    if min(n, m) < 2:
        return 0.0, 1.0
    ranks = rankdata(scores)
    beyond = (ranks[cases] - rankdata(scores[cases])) / m  # per case: share of the others that it scores above
    below = 1 - (ranks[~cases] - rankdata(scores[~cases])) / n
    half = float(norm.ppf(1 - tail) * np.sqrt(beyond.var(ddof=1) / n + below.var(ddof=1) / m))
    return max(0.0, value - half), min(1.0, value + half)


def holm(p: Sequence[float]) -> np.ndarray:
    """Adjust p values for their number (Holm 1979): below 0.05, at most 5 % of families have one false alarm."""
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(stepped)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def table_test(rows: np.ndarray, columns: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Test whether two groupings (N,) are independent, by shuffling one of them.

    The statistic is Pearson's chi-square; shuffling keeps its p right where cells are sparse, as with many sites.

    Returns:
        p, and Cramer's V without the part that chance brings (Bergsma 2013), 0 to 1.
    """
    row, column = pd.factorize(rows)[0], pd.factorize(columns)[0]
    r, c, n = int(row.max()) + 1, int(column.max()) + 1, len(row)
    if min(r, c) < 2:
        return 1.0, 0.0
    expected = np.outer(np.bincount(row), np.bincount(column)).ravel() / n

    def statistic(of: np.ndarray) -> float:
        return float((np.bincount(row * c + of, minlength=r * c) ** 2 / expected).sum() - n)

    observed = statistic(column)
    rng = np.random.default_rng(seed)
    beaten = sum(statistic(rng.permutation(column)) >= observed * (1 - 1e-12) for _ in range(PERMUTATIONS))
    excess = max(0.0, observed / n - (r - 1) * (c - 1) / (n - 1))
    width = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    return (beaten + 1) / (PERMUTATIONS + 1), min(1.0, float(np.sqrt(excess / width))) if width > 0 else 0.0


def furthest(rows: np.ndarray, columns: np.ndarray) -> tuple[Any, Any, pd.DataFrame]:
    """The level of ``rows`` and of ``columns`` (N,) that meet most oddly often or seldom, and the table of counts.

    Measured in Pearson's residuals: standard deviations of a count if the two were independent.
    """
    table = pd.crosstab(rows, columns)
    counts = table.to_numpy(dtype=float)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    row, column = np.unravel_index(np.abs((counts - expected) / np.sqrt(expected)).argmax(), counts.shape)
    return table.index[row], table.columns[column], table


def held_out_rates(group: np.ndarray, cases: np.ndarray) -> np.ndarray:
    """Score each member (N,) by the share of cases in its group among the members of the other folds.

    A group that the others do not have gets the overall share; groups are drawn towards it by one member's weight, so
    that small ones do not shout.
    """
    scores, codes = np.empty(len(cases)), pd.factorize(group)[0]
    for test in _parts(cases):
        train = np.ones(len(cases), dtype=bool)
        train[test] = False
        overall = cases[train].mean()
        size = np.bincount(codes[train], minlength=len(cases))
        hit = np.bincount(codes[train], weights=cases[train], minlength=len(cases))
        scores[test] = np.where(size, (hit + overall) / (size + 1), overall)[codes[test]]
    return scores


def held_out_probabilities(features: np.ndarray, cases: np.ndarray) -> np.ndarray:
    """Score each member (N,) by a logistic regression on features (N, F), fitted on the other folds."""
    from sklearn.linear_model import LogisticRegression

    scores = np.empty(len(cases))
    for test in _parts(cases):
        train = np.ones(len(cases), dtype=bool)
        train[test] = False
        model = LogisticRegression(max_iter=1000).fit(features[train], cases[train])
        scores[test] = model.predict_proba(features[test])[:, 1]
    return scores


def _parts(cases: np.ndarray) -> list[np.ndarray]:
    """Members of each fold, with equal shares of cases; the same for every column without gaps."""
    return _dealt(cases.tobytes())


@lru_cache(maxsize=64)
def _dealt(packed: bytes) -> list[np.ndarray]:
    from sklearn.model_selection import StratifiedKFold

    cases = np.frombuffer(packed, dtype=bool)
    folds = min(PARTS, int(cases.sum()), int((~cases).sum()))
    splitter = StratifiedKFold(folds, shuffle=True, random_state=0)
    return [test for _, test in splitter.split(np.zeros(len(cases)), cases)]
