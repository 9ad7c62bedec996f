"""Differences between two arms that predicted the same subjects: how large, how sure, and whether chance may do it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusekit.evaluation.delong import Areas, exact_limits

#: Of the sign-flip test, where there are too many to try them all.
FLIPS = 9999


class Difference(NamedTuple):
    """First arm minus second, its 95 % limits, and the two-sided p of no difference."""

    value: float
    low: float
    high: float
    p: float


def area_difference(areas: Areas, first: int, second: int, pairs: int) -> Difference:
    """Compare two areas by DeLong's paired z-test.

    Where every placement of both arms is alike, as after perfect separation, the variance is 0 and z would claim
    certainty. The limits are then those of so many independent pairs of a case and another subject, all ordered alike,
    and p is that of a sign test on them.
    """
    from scipy.special import ndtr, ndtri

    value = float(areas.area[first] - areas.area[second])
    error = float(np.sqrt(np.sum((areas.parts[first] - areas.parts[second]) ** 2)))
    if np.isnan(value) or np.isnan(error):
        return Difference(value, *[float("nan")] * 3)
    if error > 0:
        half = ndtri(0.975) * error
        return Difference(value, max(-1.0, value - half), min(1.0, value + half), float(2 * ndtr(-abs(value) / error)))
    slack = 1 - exact_limits(1.0, pairs)[0]
    p = 1.0 if value == 0 else min(1.0, 2 * 0.5**pairs)
    return Difference(value, max(-1.0, value - slack), min(1.0, value + slack), p)


def accuracy_difference(first: np.ndarray, second: np.ndarray) -> Difference:
    """Compare the share of right calls of two arms, over one seed or several.

    p is McNemar's exact one with one seed, and that of the sign-flip test of subjects with several, which is the same
    test where there is one. The limits are Wald's of the subjects' differences and of two more subjects, one that each
    arm alone calls rightly (Bonett and Price 2012); with several seeds a subject's difference is its mean over them.

    Args:
        first, second: 1 where a call was right, 0 where it was wrong, NaN for a subject that a seed did not test
            (S, N).
    """
    from scipy.special import ndtri
    from statsmodels.stats.contingency_tables import mcnemar

    each, weights, mine = _by_subject(first, second)
    n, value = len(mine), float(mine.mean())
    padded = np.concatenate([mine, [1.0, -1.0]])
    half = ndtri(0.975) * padded.std() / np.sqrt(n + 2)
    if len(each) == 1:
        only_first, only_second = int((each == 1).sum()), int((each == -1).sum())
        p = float(mcnemar([[0, only_first], [only_second, 0]], exact=True).pvalue)
    else:
        p = sign_flip(np.sum(each * weights / weights.max(), axis=0))
    return Difference(value, max(-1.0, padded.mean() - half), min(1.0, padded.mean() + half), p)


def error_difference(first: np.ndarray, second: np.ndarray, *, ranks: bool = False) -> Difference:
    """Compare the mean absolute errors of two arms, over one seed or several.

    p is that of the sign-flip test of subjects. The limits are Student's of the subjects' differences, each the mean
    over seeds; NaN of fewer than two subjects.

    Args:
        first, second: absolute errors, NaN for a subject that a seed did not test (S, N).
        ranks: errors are whole ranks. Arms that call everyone alike would then seem to be alike for certain: the limits
            are those of two more subjects, of whom each arm calls one a rank better (as ``accuracy_difference``).
    """
    from scipy.stats import t

    if np.isnan(first).all():
        return Difference(*[float("nan")] * 4)
    each, weights, mine = _by_subject(first, second)
    n, value = len(mine), float(mine.mean())
    if n < 2:
        return Difference(value, *[float("nan")] * 3)
    padded = np.concatenate([mine, [1.0, -1.0]]) if ranks else mine
    middle = float(padded.mean())
    half = float(t.ppf(0.975, len(padded) - 1) * padded.std(ddof=1) / np.sqrt(len(padded)))
    p = sign_flip(np.sum(each * weights / weights.max(), axis=0))
    return Difference(value, middle - half, middle + half, p)


def _by_subject(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Differences (S, N), 0 for who was not tested; weights of seeds (S, 1); each tested subject's own (n,).

    The mean of those is the mean over seeds of the differences between two arms' means over those whom a seed tested.
    """
    tested = ~np.isnan(first)
    each = np.nan_to_num(first - second)
    weights = 1 / tested.sum(axis=1, keepdims=True)
    n = int(tested.any(axis=0).sum())
    return each, weights, n * np.mean(weights * each, axis=0)[tested.any(axis=0)]


def sign_flip(differences: np.ndarray, seed: int = 0) -> float:
    """Two-sided p of subjects' differences (N,), each of which was as likely to go the other way.

    All ways are tried where they are few, otherwise 9999 that are drawn.
    """
    from scipy.stats import permutation_test

    apart = differences[differences != 0]  # a subject with no difference may be flipped at will
    if len(apart) < 2:
        return 1.0  # of one as of none; scipy asks for two
    found = permutation_test(
        (apart,),
        lambda values, axis: np.sum(values, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=FLIPS,
        batch=1000,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)
