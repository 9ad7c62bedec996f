"""How strongly things go together with a label, and whether chance would do as much."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from fusekit.audit.case import LEVEL
from fusekit.evaluation.statistics import holm

Key = TypeVar("Key")

#: Permutations of a test: its smallest p is 1 / (this + 1).
PERMUTATIONS = 1999

#: Folds of a cross-validation.
PARTS = 5


def beyond_chance(p: Mapping[Key, float]) -> dict[Key, float]:
    """P values below ``LEVEL`` after correction for their number (Holm)."""
    corrected = zip(p, holm(list(p.values())).tolist(), strict=True)
    return {key: value for key, value in corrected if value < LEVEL}


def as_text(values: pd.Series) -> pd.Series:
    """Names of levels, of which a blank is one."""
    return values.map(lambda value: "(blank)" if pd.isna(value) or value == "" else str(value)).astype(object)


def table_test(rows: np.ndarray, columns: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Test whether two groupings (N,) are independent, by shuffling one of them.

    The statistic is Pearson's chi-square; shuffling keeps its p right where cells are sparse, as with many sites.
    Returns p, and Cramer's V without the part that chance brings (Bergsma 2013), 0 to 1.
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


def rank_test(groups: np.ndarray, values: pd.Series, fewest: int = 1) -> tuple[float, float]:
    """Test whether numbers are alike in all groups (N,) (Kruskal and Wallis); gaps are left out.

    Returns p, and epsilon squared: the share of the ranks' variance that the groups explain. 1 and 0 where a group with
    values has fewer than ``fewest`` of them, or nothing can differ.
    """
    from scipy.stats import kruskal

    parts = [part.dropna().to_numpy() for _, part in values.groupby(groups) if part.notna().any()]
    if len(parts) < 2 or min(map(len, parts)) < fewest or values.nunique() < 2:
        return 1.0, 0.0
    result = kruskal(*parts)
    return float(result.pvalue), float(result.statistic) / (sum(map(len, parts)) - 1)


def furthest(rows: np.ndarray, columns: np.ndarray) -> tuple[Any, Any, pd.DataFrame]:
    """The level of ``rows`` and of ``columns`` (N,) that meet most oddly often or seldom, and the table of counts.

    Measured in Pearson's residuals: standard deviations of a count if the two were independent.
    """
    from statsmodels.stats.contingency_tables import Table

    counts = pd.crosstab(rows, columns)
    residuals = np.abs(Table(counts.to_numpy(), shift_zeros=False).resid_pearson)
    row, column = np.unravel_index(residuals.argmax(), counts.shape)
    return counts.index[row], counts.columns[column], counts


def column_areas(cases: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Areas under the ROC curves of columns of numbers (N, C) for cases (N,) bool, gaps left out: (C,).

    By the ranks' sum (Mann and Whitney); NaN where a side of a column has no number.
    """
    from scipy.stats import rankdata

    if not values.size:
        return np.full(values.shape[1], np.nan)
    ranks, seen = rankdata(values, axis=0, nan_policy="omit"), ~np.isnan(values)
    own, others = seen[cases].sum(axis=0), seen[~cases].sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((np.nansum(ranks[cases], axis=0) - own * (own + 1) / 2) / (own * others))


def best_area(codes: np.ndarray, cases: np.ndarray) -> float:
    """The area for cases (N,) bool of the best order of the groups (N,) int, which is by their shares of cases."""
    size, hit = np.bincount(codes), np.bincount(codes, weights=cases)
    missed = size - hit
    order = np.argsort(hit / np.maximum(size, 1))
    below = np.cumsum(missed[order]) - missed[order] / 2
    pairs = hit.sum() * missed.sum()
    return float((hit[order] * below).sum() / pairs) if pairs else float("nan")


def fisher_p(missing: np.ndarray, cases: np.ndarray) -> np.ndarray:
    """Two-sided p of Fisher's exact test of each column of ``missing`` (N, C) bool against cases (N,) bool: (C,).

    Columns with equally many gaps have one distribution, so thousands of columns need few.
    """
    from scipy.stats import hypergeom

    gaps, own = missing.sum(axis=0), missing[cases].sum(axis=0)
    p = np.ones(missing.shape[1])
    for count in np.unique(gaps):
        at = gaps == count
        chance = hypergeom.pmf(np.arange(count + 1), len(cases), int(cases.sum()), count)
        # As scipy.stats.fisher_exact: tables that are as likely up to rounding count as no likelier.
        p[at] = [min(1.0, chance[chance <= chance[k] * (1 + 1e-14)].sum()) for k in own[at]]
    return p


def held_out_rates(group: np.ndarray, cases: np.ndarray) -> np.ndarray:
    """Score each member (N,) by the share of cases in its group among the members of the other folds.

    A group that the others do not have gets the overall share; groups are drawn towards it by one member's weight, so
    that small ones do not shout. NaN where a side has one member, which no other fold could know.
    """
    scores, codes = np.full(len(cases), np.nan), pd.factorize(group)[0]
    if min(cases.sum(), (~cases).sum()) < 2:
        return scores
    for train, test in _parts(cases.tobytes()):
        overall = cases[train].mean()
        size = np.bincount(codes[train], minlength=len(cases))
        hit = np.bincount(codes[train], weights=cases[train], minlength=len(cases))
        scores[test] = np.where(size, (hit + overall) / (size + 1), overall)[codes[test]]
    return scores


def held_out_probabilities(features: np.ndarray, cases: np.ndarray) -> np.ndarray:
    """Score each member (N,) by a logistic regression on features (N, F), fitted on the other folds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    model, parts = LogisticRegression(max_iter=1000), _parts(cases.tobytes())
    return np.asarray(cross_val_predict(model, features, cases, cv=parts, method="predict_proba")[:, 1])


@lru_cache(maxsize=64)
def _parts(packed: bytes) -> list[tuple[np.ndarray, np.ndarray]]:
    """Members to learn from and to score, with equal shares of cases; the same for every column without gaps."""
    from sklearn.model_selection import StratifiedKFold

    cases = np.frombuffer(packed, dtype=bool)
    folds = min(PARTS, int(cases.sum()), int((~cases).sum()))
    return list(StratifiedKFold(folds, shuffle=True, random_state=0).split(cases, cases))
