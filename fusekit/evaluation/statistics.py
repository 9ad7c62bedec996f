"""Intervals over subjects: the subject, not the slice, is the unit that was sampled."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

#: Resamples of a bootstrap; its own noise in a 95 % limit is then far below the interval's width.
RESAMPLES = 2000

#: Subjects that are drawn before any statistic of them is computed.
DRAWN = 4_000_000


def wilson(proportion: float, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a proportion out of ``total`` independent trials (Wilson 1927).

    Unlike the normal interval it stays inside [0, 1] and does not collapse at 0 and 1. ``proportion * total`` need
    not be whole: slice-level proportions are given with their number of subjects, which is the sample size if slices
    of one subject agree fully, and conservative if they do not.

    Returns:
        Lower and upper limit; NaN, NaN for an empty total.
    """
    from scipy.stats import norm

    if total == 0:
        return float("nan"), float("nan")
    z = float(norm.ppf(0.5 + confidence / 2))
    centre = (proportion + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * np.sqrt(proportion * (1 - proportion) / total + z**2 / (4 * total**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


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
        labels: class of each row (N,), one a subject.
        confidence: of the interval.
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
