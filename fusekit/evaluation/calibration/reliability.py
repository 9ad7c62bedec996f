"""Whether a probability of 0.8 comes true four times out of five; and how to mend it with one number.

Probabilities are claims on one scale, whichever model makes them, so those of several folds may be looked at together.
They are taken subject by subject.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from fusekit.errors import DataError
from fusekit.evaluation.predictions import SMALLEST
from fusekit.evaluation.statistics import RESAMPLES, subject_bootstrap, wilson

#: How far a temperature may go: beyond, validation subjects are separated perfectly and no finite one is best.
COLDEST, HOTTEST = 0.05, 20.0


def reliability(labels: np.ndarray, p: np.ndarray, bins: int = 10) -> pd.DataFrame:
    """Put predicted beside observed shares, in at most so many bins that hold equally many subjects.

    Bins of equal width would leave most subjects in two of them and single ones in the rest. Subjects with equal
    probabilities stay in one bin.

    Args:
        labels: (N,), class 1 is the positive one.
        p: its probabilities (N,).

    Returns:
        One row per bin: lowest, highest (of its probabilities), predicted (their mean), observed (share of positives),
        low, high (Wilson's 95 % limits), subjects, positives.
    """
    bins_of = pd.DataFrame({"p": p, "case": labels == 1}).groupby(_bins(p, bins))
    shares = bins_of["p"].agg(lowest="min", highest="max", predicted="mean")
    counts = bins_of["case"].agg(observed="mean", subjects="size", positives="sum")
    limits = [wilson(share, n) for share, n in zip(counts["observed"], counts["subjects"], strict=True)]
    low, high = np.reshape(limits, (-1, 2)).T
    table = shares.assign(observed=counts["observed"], low=low, high=high)
    joined: pd.DataFrame = table.join(counts[["subjects", "positives"]]).reset_index(drop=True)
    return joined


def brier(labels: np.ndarray, p: np.ndarray) -> float:
    """Mean squared distance between probability (N,) and outcome (Brier 1950): 0 is best, 0.25 is always one half."""
    return float(np.mean((p - (labels == 1)) ** 2))


def expected_calibration_error(labels: np.ndarray, p: np.ndarray, bins: int = 10) -> float:
    """Mean distance between predicted and observed share over the bins of ``reliability``, by their subjects.

    Chance alone keeps it above 0: ``calibration_scores`` says what it would be without fault.
    """
    return float(np.abs(np.bincount(_bins(p, bins), weights=p - (labels == 1))).sum() / len(p))


class Recalibration(NamedTuple):
    """A logistic regression of the outcome on the logit of its probability (Cox 1958), with 95 % limits."""

    intercept: tuple[float, float, float]  # with the slope held at 1: 0 if probabilities are right on average
    slope: tuple[float, float, float]  # 1 if right; below 1 if probabilities are too extreme


def recalibration(labels: np.ndarray, p: np.ndarray) -> Recalibration:
    """Fit labels (N,) on p (N,) of class 1; NaN where they are not defined, as after perfect separation."""
    import statsmodels.api as sm

    undefined = (float("nan"),) * 3
    cases, logits = (labels == 1).astype(float), logit(p)
    if cases.min() == cases.max():
        return Recalibration(undefined, undefined)

    def fitted(design: np.ndarray, offset: np.ndarray | None) -> tuple[float, float, float]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # statsmodels warns of what the standard error shows
            found = sm.GLM(cases, design, family=sm.families.Binomial(), offset=offset).fit()
        low, high = found.conf_int()[-1]
        return float(found.params[-1]), float(low), float(high)

    ones = np.ones((len(p), 1))
    steep = np.ptp(logits) == 0 or _separated(cases, logits)
    slope = undefined if steep else fitted(np.column_stack([ones, logits]), None)
    return Recalibration(fitted(ones, logits), slope)


def calibration_scores(labels: np.ndarray, p: np.ndarray, bins: int = 10, seed: int = 0) -> pd.DataFrame:
    """Brier score, expected calibration error, calibration intercept and slope, with 95 % limits over subjects.

    Args:
        labels: of subjects (N,), class 1 is the positive one.
        p: its probabilities (N,).
        bins, seed: of the expected calibration error, and of what would be without fault.

    Returns:
        One row per measure (brier, ece, intercept, slope): measure, value, low, high, faultless: the value that a model
        without any fault would reach; of brier and ece its mean over outcomes drawn from the probabilities themselves.
    """
    subjects, of_bin = np.arange(len(p)), _bins(p, bins)
    drawn = np.random.default_rng(seed).random((RESAMPLES, len(p))) < p
    sums = (p - drawn) @ (of_bin[:, None] == np.unique(of_bin))  # (RESAMPLES, bins)
    faultless = {"brier": np.mean((p - drawn) ** 2), "ece": np.abs(sums).sum(axis=1).mean() / len(p)}
    table = []
    measures: dict[str, Callable[[np.ndarray], float]] = {
        "brier": lambda rows: brier(labels[rows], p[rows]),
        "ece": lambda rows: expected_calibration_error(labels[rows], p[rows], bins),
    }
    for name, measure in measures.items():
        limits = subject_bootstrap(measure, subjects, labels)
        table.append((name, measure(subjects), *limits, float(faultless[name])))
    fitted = recalibration(labels, p)
    table += [("intercept", *fitted.intercept, 0.0), ("slope", *fitted.slope, 1.0)]
    return pd.DataFrame(table, columns=["measure", "value", "low", "high", "faultless"])


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Temperature whose probabilities (N, K) make the labels (N,) most likely (Guo et al. 2017).

    Above 1 where the model was too sure, below 1 where it was not sure enough; between 0.05 and 20.

    Raises:
        DataError: there is no subject, or a probability is not a number.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    if len(labels) == 0:
        raise DataError("A temperature is fitted on validation subjects, and there are none.")
    if not np.isfinite(probabilities).all():
        raise DataError("A temperature needs probabilities, and some are not a number: did training diverge?")
    logs = np.log(np.clip(probabilities, SMALLEST, None))

    def surprise(coldness: float) -> float:  # convex in 1 / T
        return -float(log_softmax(coldness * logs, axis=1)[np.arange(len(labels)), labels].mean())

    found = minimize_scalar(surprise, bounds=(1 / HOTTEST, 1 / COLDEST), method="bounded", options={"xatol": 1e-6})
    return float(1 / found.x)


def apply_temperature(probabilities: np.ndarray, temperature: float | np.ndarray) -> np.ndarray:
    """Soften (above 1) or sharpen (below 1) probabilities (N, K): softmax(log p / T), with one T or one per row (N,).

    The most probable class stays.
    """
    from scipy.special import softmax

    divisor = np.broadcast_to(np.asarray(temperature, dtype=float), len(probabilities))[:, None]
    return np.asarray(softmax(np.log(np.clip(probabilities, SMALLEST, None)) / divisor, axis=1))


def _bins(p: np.ndarray, bins: int) -> np.ndarray:
    """Which bin each probability lies in (N,), counted from 0 but not without gaps."""
    inner = np.quantile(p, np.arange(1, bins) / bins)
    return np.searchsorted(np.unique(inner), p, side="left")


def logit(p: np.ndarray) -> np.ndarray:
    """Logit of probabilities (N,); 0 and 1 count as single precision's nearest."""
    inside = np.clip(p, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def _separated(cases: np.ndarray, values: np.ndarray) -> bool:
    """Whether some value has all cases on its one side and all others on its other."""
    of_cases, others = values[cases == 1], values[cases == 0]
    return bool(of_cases.min() >= others.max() or of_cases.max() <= others.min())
