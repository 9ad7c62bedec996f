"""Intervals over subjects, and p values corrected for their number: the subject is the unit that was sampled."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

#: Resamples of a bootstrap; its own noise in a 95 % limit is then far below the interval's width.
RESAMPLES = 2000

#: Groups of subjects that a jackknife leaves out in turn; up to so many subjects, each is a group.
GROUPS = 500

#: Subjects that are drawn before any statistic of them is computed.
DRAWN = 4_000_000

#: Printed where a score has no value or an interval no limits, and why that is so.
UNDEFINED = "undefined"
WHY_UNDEFINED = (
    f"{UNDEFINED}: too few subjects. A score needs a subject of each class that it looks at, its interval two of each, "
    "and in every fold."
)
#: The same of numbers.
WHY_NO_NUMBER = (
    f"{UNDEFINED}: too few subjects, or what is predicted or true is alike in all of them, or no prediction errs."
)


def interval_text(low: float | None, high: float | None, digits: int = 2, sign: str = "") -> str:
    """``[0.80, 0.93]``, or ``[undefined]``; ``sign="+"`` puts a plus before numbers above 0."""
    if low is None or high is None or np.isnan(low) or np.isnan(high):
        return f"[{UNDEFINED}]"
    return f"[{low:{sign}.{digits}f}, {high:{sign}.{digits}f}]"


def wilson(proportion: float, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a proportion out of ``total`` independent trials (Wilson 1927); NaN, NaN for an empty total.

    Unlike the normal interval it stays inside [0, 1] and does not collapse at 0 and 1. ``proportion * total`` need
    not be whole: slice-level proportions are given with their number of subjects, which is the sample size if slices
    of one subject agree fully, and conservative if they do not.
    """
    from statsmodels.stats.proportion import proportion_confint

    if total == 0:
        return float("nan"), float("nan")
    low, high = proportion_confint(proportion * total, total, 1 - confidence, method="wilson")
    # At the ends a limit is exact, whatever rounding makes of it.
    return (0.0 if proportion == 0 else float(low)), (1.0 if proportion == 1 else float(high))


def holm(p: ArrayLike) -> np.ndarray:
    """Correct p values (N,) for their number (Holm 1979); undefined ones are not counted.

    As ``multipletests`` of statsmodels, which collects all garbage in each call: 0.2 s beside torch.
    """
    corrected = np.array(p, dtype=float)
    order = np.argsort(corrected)[: int(np.count_nonzero(~np.isnan(corrected)))]  # NaN is sorted last
    steps = corrected[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.maximum.accumulate(steps).clip(max=1)
    return corrected


def times_drawn(strata: np.ndarray, rng: np.random.Generator, resamples: int = RESAMPLES) -> np.ndarray:
    """How often each subject (N,) is in each resample, the strata's sizes kept: (resamples, N)."""
    times = np.empty((resamples, len(strata)))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        times[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), resamples)
    return times


def subject_bootstrap(
    statistic: Callable[[np.ndarray], float],
    subjects: np.ndarray,
    labels: np.ndarray,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of a statistic of rows, over subjects drawn with replacement within each class.

    Args:
        statistic: row numbers (M,) -> value; a subject drawn twice brings its rows twice.
        subjects: subject of each row (N,).
        labels: class of each row (N,), one per subject.
        seed: the same rows give the same interval.

    Returns:
        Lower and upper limit; NaN, NaN where a class has fewer than two subjects.
    """
    from scipy.stats import bootstrap

    codes = pd.factorize(subjects)[0]
    numbers, first, counts = np.unique(codes, return_index=True, return_counts=True)
    order = np.argsort(codes, kind="stable")  # the rows of each subject, one subject after the other
    starts = np.cumsum(counts) - counts
    by_class = [numbers[labels[first] == label] for label in np.unique(labels)]
    if min(map(len, by_class)) < 2:
        return float("nan"), float("nan")

    def resampled(*drawn: np.ndarray) -> float:
        chosen = np.concatenate(drawn)
        lengths = counts[chosen]
        ends = np.cumsum(lengths)
        within = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
        return statistic(order[np.repeat(starts[chosen], lengths) + within])

    interval = bootstrap(
        by_class,
        resampled,
        n_resamples=RESAMPLES,
        batch=max(1, min(RESAMPLES, DRAWN // len(numbers))),  # or memory would grow with the cohort
        vectorized=False,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def subject_jackknife(statistic: Callable[[np.ndarray], float], subjects: np.ndarray) -> tuple[float, int]:
    """Error of a statistic of rows, from what it is without each subject (Tukey 1958), or without each of 500 groups.

    It is right for what each subject moves a little: means, ratios, correlations of ranks; not for medians.

    Args:
        statistic: row numbers (M,) -> value.
        subjects: subject of each row (N,).

    Returns:
        The standard error, NaN of a single subject or where a value is undefined; its degrees of freedom.
    """
    groups = pd.factorize(subjects)[0] % GROUPS
    count = int(groups.max()) + 1 if len(groups) else 0
    if count < 2:
        return float("nan"), 0
    without = np.array([statistic(np.flatnonzero(groups != group)) for group in range(count)])
    return float(np.sqrt((count - 1) * without.var())), count - 1


def interval_between(
    value: float, error: float, limits: tuple[float, float], freedom: float = np.inf, confidence: float = 0.95
) -> tuple[float, float]:
    """Limits of a value by its standard error, on a scale without ends, so that they stay between its own.

    Between two ends that scale is the logit, beyond one the logarithm of the distance from it; else it is the value's.
    Where errors grow with the distance from a perfect score, as those of a standard deviation do, they are alike on it.

    Args:
        value, error: of the score, and its standard error.
        limits: below and above which it never is.
        freedom: degrees of freedom of the error, for Student's quantile in place of the normal one.

    Returns:
        Lower and upper limit; NaN, NaN of an undefined value or error, and at an end.
    """
    from scipy.special import expit, logit, ndtri, stdtrit

    bottom, top = limits
    if np.isnan(error) or not bottom < value < top:
        return float("nan"), float("nan")
    tail = 0.5 + confidence / 2
    quantile = ndtri(tail) if np.isinf(freedom) else stdtrit(freedom, tail)
    if np.isfinite(bottom) and np.isfinite(top):
        share, width = (value - bottom) / (top - bottom), top - bottom
        half = quantile * (error / width) / (share * (1 - share))
        low, high = (bottom + width * expit(logit(share) + sign * half) for sign in (-1, 1))
    elif np.isfinite(bottom) or np.isfinite(top):
        end = bottom if np.isfinite(bottom) else top
        half = quantile * error / abs(value - end)
        low, high = sorted(end + (value - end) * np.exp(sign * half) for sign in (-1, 1))
    else:
        low, high = value - quantile * error, value + quantile * error
    return float(low), float(high)
