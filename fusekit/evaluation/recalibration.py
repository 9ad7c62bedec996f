"""Recalibration on another cohort: a map of a frozen model's probabilities with one or two numbers of its own.

What a map promises is measured by cross-fitting: each subject's probability is mapped by one that was fitted without
that subject. The map that is passed on is fitted on all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from fusekit.data import assign_folds
from fusekit.errors import DataError, OptionError
from fusekit.evaluation.calibration import apply_temperature, brier, expected_calibration_error, fit_temperature
from fusekit.evaluation.predictions import probabilities_of
from fusekit.evaluation.scores import POSITIVE

Method = Literal["temperature", "logistic"]

#: Name -> what it is.
METHODS: Mapping[Method, str] = {
    "temperature": "logits divided by one number",
    "logistic": "logit of the positive class times a slope, plus an intercept; for two classes",
}

#: Cross-fitting cuts the subjects into so many parts, fewer where a class has fewer subjects.
PARTS = 5
#: Where the classes are separated perfectly, the best slope is infinite; it ends here.
_LIMIT = 50.0
#: The smallest probability whose logarithm is taken: single precision rounds what is closer to 1 to certainty.
_SMALLEST = 2.0**-24


@dataclass(frozen=True, slots=True)
class Recalibration:
    """A map of a subject's probabilities.

    Args:
        method: a name in ``METHODS``.
        temperature: above 1, probabilities move towards equal ones.
        intercept, slope: of the logistic map; above 0, the positive class becomes more probable; below 1, probabilities
            move towards one half.
    """

    method: Method
    temperature: float = 1.0
    intercept: float = 0.0
    slope: float = 1.0

    @classmethod
    def fit(cls, method: Method, labels: np.ndarray, probabilities: np.ndarray) -> Recalibration:
        """Fit on labels (N,) and probabilities (N, K), a row a subject, by maximum likelihood.

        Raises:
            OptionError: there is no such method, or it is for two classes and there are more.
        """
        if method not in METHODS:
            raise OptionError(f"--recalibrate takes none, {' or '.join(METHODS)}, not {method!r}.")
        if method == "temperature":
            return cls(method, temperature=float(fit_temperature(labels, probabilities)))
        if probabilities.shape[1] != 2:
            raise OptionError(
                f"--recalibrate logistic is for two classes, and here are {probabilities.shape[1]}; take temperature."
            )
        intercept, slope = fit_logistic(labels, probabilities)
        return cls(method, intercept=intercept, slope=slope)

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Map probabilities (N, K)."""
        if self.method == "temperature":
            return np.asarray(apply_temperature(probabilities, self.temperature))
        mapped = _expit(self.intercept + self.slope * logits(probabilities))
        return np.column_stack([1 - mapped, mapped])

    def as_json(self) -> dict[str, Any]:
        """Plain text and numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Recalibration:
        """The way back; entries of other names are left aside."""
        return cls(**{name: plain[name] for name in ("method", "temperature", "intercept", "slope")})


def logits(probabilities: np.ndarray) -> np.ndarray:
    """Logit of the positive class (N,) of probabilities (N, 2); 0 and 1 count as single precision's nearest."""
    p = np.clip(probabilities[:, POSITIVE], _SMALLEST, 1 - _SMALLEST)
    return np.asarray(np.log(p) - np.log1p(-p))


def fit_logistic(labels: np.ndarray, probabilities: np.ndarray, slope: float | None = None) -> tuple[float, float]:
    """Intercept and slope of a logistic regression of the label on the logit (Cox 1958).

    With a given slope, the intercept alone is fitted: with 1 that is calibration in the large. Both stay within -50 and
    50, where perfectly separated classes would drive them to infinity.

    Args:
        labels: (N,).
        probabilities: (N, 2).
        slope: fixed at this value.
    """
    from scipy.optimize import minimize

    x, y = logits(probabilities), np.asarray(labels == POSITIVE, dtype=float)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        linear = parameters[0] + parameters[1] * x
        error = _expit(linear) - y
        return float(np.mean(np.logaddexp(0, linear) - y * linear)), np.array([error.mean(), (error * x).mean()])

    second = (-_LIMIT, _LIMIT) if slope is None else (slope, slope)
    start = np.array([0.0, 1.0 if slope is None else slope])
    options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(-_LIMIT, _LIMIT), second], options=options)
    return float(found.x[0]), float(found.x[1])


def _expit(values: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return np.asarray(expit(values))


def parts_of(labels: pd.Series, parts: int = PARTS) -> pd.Series:
    """Part of each subject (label by subject), with equal shares of the classes.

    Raises:
        DataError: a class has one subject.
    """
    fewest = int(labels.value_counts().min())
    if fewest < 2 or labels.nunique() < 2:
        raise DataError("recalibration needs two subjects of each class; a class has one.")
    return assign_folds(labels, min(parts, fewest), seed=0)


def cross_fitted(method: Method, labels: np.ndarray, probabilities: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Probabilities (N, K), each mapped by a recalibration that was fitted on the other parts (N,)."""
    mapped = np.empty_like(probabilities)
    for part in np.unique(parts):
        own = parts == part
        mapped[own] = Recalibration.fit(method, labels[~own], probabilities[~own]).apply(probabilities[own])
    return mapped


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean of minus the logarithm of the true class's probability, which counts as 2^-24 at least."""
    own = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(own, _SMALLEST, None)).mean())


def recalibration_table(subjects: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """How well calibrated the frozen model is in another cohort, and would be after each recalibration.

    Args:
        subjects: one row a subject: ``label``, ``p_0``, ``p_1``, ...

    Returns:
        One row a method, first ``as it is``: ``method``, ``measured`` (how), ``parts``, ``subjects``; the map fitted on
        all subjects: ``temperature``, ``intercept``, ``slope``; and of the cross-fitted probabilities ``brier``,
        ``ece``, ``log_loss``, and for two classes ``observed`` and ``predicted`` (shares of the positive class),
        ``calibration_intercept`` (0 if as many are positive as predicted) and ``calibration_slope`` (1 if the
        probabilities are as spread as they should be). And the cross-fitted probabilities (subjects, K) by method;
        without any method where a class has one subject.
    """
    labels, probabilities = subjects["label"].to_numpy(), probabilities_of(subjects)
    rows = [{"method": "as it is", "measured": "directly", **_calibration(labels, probabilities)}]
    mapped: dict[str, np.ndarray] = {}
    try:
        parts = parts_of(subjects.set_index("subject")["label"]).to_numpy()
    except DataError:
        return _table(rows, len(subjects)), mapped
    for method in METHODS:
        if method == "logistic" and probabilities.shape[1] != 2:
            continue
        mapped[method] = cross_fitted(method, labels, probabilities, parts)
        fitted = Recalibration.fit(method, labels, probabilities).as_json()
        of_method = ("temperature",) if method == "temperature" else ("intercept", "slope")
        numbers = {name: fitted[name] for name in of_method}
        measured = {"measured": "cross-fitted", "parts": len(np.unique(parts))}
        rows.append({"method": method, **measured, **numbers, **_calibration(labels, mapped[method])})
    return _table(rows, len(subjects)), mapped


_MEASURES: Mapping[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "brier": brier,
    "ece": expected_calibration_error,
    "log_loss": log_loss,
}


def _calibration(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    found: dict[str, Any] = {name: measure(labels, probabilities) for name, measure in _MEASURES.items()}
    if probabilities.shape[1] == 2:
        found["observed"] = float((labels == POSITIVE).mean())
        found["predicted"] = float(probabilities[:, POSITIVE].mean())
        found["calibration_intercept"] = fit_logistic(labels, probabilities, slope=1.0)[0]
        found["calibration_slope"] = fit_logistic(labels, probabilities)[1]
    return found


def _table(rows: list[dict[str, Any]], subjects: int) -> pd.DataFrame:
    columns = ["method", "measured", "parts", "temperature", "intercept", "slope", *_MEASURES]
    columns += ["observed", "predicted", "calibration_intercept", "calibration_slope"]
    table = pd.DataFrame(rows, columns=columns)
    table["parts"] = table["parts"].astype("Int64")
    return table.assign(subjects=subjects)
