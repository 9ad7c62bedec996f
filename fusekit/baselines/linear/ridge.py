"""Ridge regression on the encoded clinical values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.baselines.baseline import encoded, plain_state
from fusekit.baselines.inner_cv import Loss, squared_error, strata_of
from fusekit.baselines.linear.penalised import Penalised
from fusekit.baselines.numbers import NumberBaseline
from fusekit.data import ClinicalEncoding
from fusekit.data.clinical.column import ColumnJson
from fusekit.disk import OPEN
from fusekit.errors import DataError

#: Penalties that are tried, on squared errors summed over subjects; the strongest first.
PENALTIES = tuple(float(10.0**exponent) for exponent in np.arange(4, -2.5, -0.5))


@with_config(OPEN)
class _Ridge(TypedDict):
    columns: list[ColumnJson]
    intercept: float


class Ridge(Penalised, NumberBaseline):
    """Ridge regression on what the networks read too: scaled, one-hot, with masks of gaps.

    The penalty is chosen by the squared error in a cross-validation within the training subjects. Scans are weighted
    so that each subject counts alike.

    Args:
        penalty: on the squared coefficients (scikit-learn's alpha), beside squared errors that are summed over
            subjects; None chooses it.
        folds: of the cross-validation that chooses.
    """

    tried, middle = PENALTIES, 1.0

    def __init__(self, *, penalty: float | None = None, folds: int = 5):
        super().__init__("penalty", penalty, folds)
        self._coefficients, self._intercept = np.zeros(0), 0.0

    def estimated(
        self, inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, penalty: float, start: Any = None
    ) -> Any:
        """scikit-learn's."""
        from sklearn.linear_model import Ridge as Regression

        return Regression(alpha=penalty, solver="cholesky").fit(inputs, labels, sample_weight=weights)

    def predicted(self, model: Any, inputs: np.ndarray) -> np.ndarray:
        """Numbers (N,)."""
        return np.asarray(model.predict(inputs))

    def keep(self, model: Any, inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> None:
        """Its coefficients."""
        self._coefficients, self._intercept = model.coef_, float(model.intercept_)

    @property
    def loss(self) -> Loss:
        """The squared error."""
        return squared_error

    def strata(self, labels: np.ndarray, subjects: np.ndarray) -> np.ndarray:
        """Quantiles of the number."""
        return strata_of(labels, subjects)

    def numbers(self, values: pd.DataFrame) -> np.ndarray:
        """A weighted sum (N,), row by row, so that it does not depend on the other rows."""
        inputs = encoded(self._encoding, values)
        return np.asarray(np.einsum("nf,f->n", inputs, self._coefficients) + self._intercept)

    def shipped(self) -> dict[str, Any]:
        """The encoding and the coefficients."""
        return {**self._encoding.as_json(), "intercept": self._intercept, "coefficients": self._coefficients}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        """DataError if the coefficients are of other columns, or one is no number."""
        made, plain = cls(), plain_state(state, _Ridge)
        made._encoding = ClinicalEncoding.from_json({"columns": plain["columns"]})
        coefficients = np.asarray(state["coefficients"])
        if coefficients.shape != (len(made._encoding.features),) or coefficients.dtype != np.float64:
            raise DataError(f"its coefficients are {coefficients.shape} {coefficients.dtype}, and of other columns.")
        if not (np.isfinite(coefficients).all() and np.isfinite(plain["intercept"])):
            raise DataError("a coefficient is no number.")
        made._coefficients, made._intercept = coefficients, plain["intercept"]
        return made
