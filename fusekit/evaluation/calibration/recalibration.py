"""Recalibration on another cohort: a map of a frozen model's probabilities with one or two numbers of its own.

What a map promises is measured by cross-fitting: each subject's probability is mapped by one that was fitted without
that subject. The map that is passed on is fitted on all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from fusekit.data import assign_folds
from fusekit.errors import DataError, OptionError
from fusekit.evaluation.calibration import reliability
from fusekit.evaluation.calibration.reliability import apply_temperature, fit_temperature, logit
from fusekit.evaluation.predictions import POSITIVE, SMALLEST, probabilities_of
from fusekit.evaluation.thresholds import most_probable

#: Logits divided by one number; or, for two classes, logit of the positive one times a slope, plus an intercept.
METHODS = ("temperature", "logistic")

#: Cross-fitting cuts the subjects into so many parts, fewer where a class has fewer subjects.
PARTS = 5
#: Where the classes are separated perfectly, the best slope is infinite; it ends here.
_LIMIT = 50.0


@dataclass(frozen=True, slots=True)
class CalibrationMap:
    """A map of a subject's probabilities."""

    method: str  # a name in ``METHODS``
    temperature: float = 1.0  # above 1, probabilities move towards equal ones
    intercept: float = 0.0  # above 0, the positive class becomes more probable
    slope: float = 1.0  # of the logistic map; below 1, probabilities move towards one half

    @classmethod
    def fit(cls, method: str, labels: np.ndarray, probabilities: np.ndarray) -> CalibrationMap:
        """Fit on labels (N,) and probabilities (N, K) of subjects, by maximum likelihood.

        Raises:
            OptionError: there is no such method, or it is for two classes and there are more.
        """
        if method not in METHODS:
            raise OptionError(f"--recalibrate takes none, {' or '.join(METHODS)}, not {method!r}.")
        if method == "temperature":
            return cls(method, temperature=fit_temperature(probabilities, labels))
        if probabilities.shape[1] != 2:
            raise OptionError(
                f"--recalibrate logistic is for two classes, and here are {probabilities.shape[1]}; take temperature."
            )
        intercept, slope = fit_logistic(labels, probabilities)
        return cls(method, intercept=intercept, slope=slope)

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Map probabilities (N, K)."""
        if self.method == "temperature":
            return apply_temperature(probabilities, self.temperature)
        from scipy.special import expit

        mapped = expit(self.intercept + self.slope * logit(probabilities[:, POSITIVE]))
        return np.column_stack([1 - mapped, mapped])

    def as_json(self) -> dict[str, Any]:
        """Plain text and numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> CalibrationMap:
        """The way back; other entries are ignored."""
        return cls(**{name: plain[name] for name in ("method", "temperature", "intercept", "slope")})


def fit_logistic(labels: np.ndarray, probabilities: np.ndarray) -> tuple[float, float]:
    """Intercept and slope of a logistic regression of labels (N,) on the logit of probabilities (N, 2) (Cox 1958).

    Both stay within -50 and 50, where perfectly separated classes would drive them to infinity.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    x, y = logit(probabilities[:, POSITIVE]), np.asarray(labels == POSITIVE, dtype=float)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        linear = parameters[0] + parameters[1] * x
        error = expit(linear) - y
        return float(np.mean(np.logaddexp(0, linear) - y * linear)), np.array([error.mean(), (error * x).mean()])

    bounds, options = [(-_LIMIT, _LIMIT)] * 2, {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000}
    found = minimize(loss, np.array([0.0, 1.0]), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return float(found.x[0]), float(found.x[1])


def parts_of(labels: pd.Series, parts: int = PARTS) -> pd.Series:
    """Part of each subject (label by subject), with equal shares of the classes.

    Raises:
        DataError: a class has one subject.
    """
    fewest = int(labels.value_counts().min())
    if fewest < 2 or labels.nunique() < 2:
        raise DataError("recalibration needs two subjects of each class; a class has one.")
    return assign_folds(labels, min(parts, fewest), seed=0)


def cross_fitted(method: str, labels: np.ndarray, probabilities: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Probabilities (N, K), each mapped by a recalibration that was fitted on the other parts (N,)."""
    mapped = np.empty_like(probabilities)
    for part in np.unique(parts):
        own = parts == part
        mapped[own] = CalibrationMap.fit(method, labels[~own], probabilities[~own]).apply(probabilities[own])
    return mapped


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean of minus the logarithm of the true class's probability, which counts as 2^-24 at least."""
    own = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(own, SMALLEST, None)).mean())


def recalibration_table(subjects: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """How well calibrated the frozen model is in another cohort, and would be after each recalibration.

    Args:
        subjects: one row per subject: ``label``, ``p_0``, ``p_1``, ...

    Returns:
        One row per method, first ``as it is``, as ``recalibration.csv`` (docs/reference/files.md): with more than two
        classes ``ece`` is that of the called class; ``calibration_intercept`` is 0 if as many are positive as
        predicted, ``calibration_slope`` 1 if the probabilities are as spread as they should be. And the cross-fitted
        probabilities (subjects, K) by method; none where a class has one subject.
    """
    labels, probabilities = subjects["label"].to_numpy(), probabilities_of(subjects)
    rows = [{"method": "as it is", "measured": "directly", **_calibration(labels, probabilities)}]
    mapped: dict[str, np.ndarray] = {}
    methods = [name for name in METHODS if name != "logistic" or probabilities.shape[1] == 2]
    try:
        parts = parts_of(subjects.set_index("subject")["label"]).to_numpy()
    except DataError:
        methods = []
    for method in methods:
        mapped[method] = cross_fitted(method, labels, probabilities, parts)
        fitted = CalibrationMap.fit(method, labels, probabilities)
        numbers = {"temperature": fitted.temperature}
        if method == "logistic":
            numbers = {"intercept": fitted.intercept, "slope": fitted.slope}
        measured = {"measured": "cross-fitted", "parts": len(np.unique(parts))}
        rows.append({"method": method, **measured, **numbers, **_calibration(labels, mapped[method])})
    columns = ["method", "measured", "parts", "temperature", "intercept", "slope", "brier", "ece", "log_loss"]
    columns += ["observed", "predicted", "calibration_intercept", "calibration_slope"]
    table = pd.DataFrame(rows, columns=columns).assign(subjects=len(subjects))
    return table.astype({"parts": "Int64"}), mapped


def _calibration(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    loss = log_loss(labels, probabilities)
    if probabilities.shape[1] != 2:
        right = (most_probable(probabilities) == labels).astype(int)
        return {"ece": reliability.expected_calibration_error(right, probabilities.max(axis=1)), "log_loss": loss}
    p = probabilities[:, POSITIVE]
    fitted = reliability.recalibration(labels, p)
    return {
        "brier": reliability.brier(labels, p),
        "ece": reliability.expected_calibration_error(labels, p),
        "log_loss": loss,
        "observed": float((labels == POSITIVE).mean()),
        "predicted": float(p.mean()),
        "calibration_intercept": fitted.intercept[0],
        "calibration_slope": fitted.slope[0],
    }
