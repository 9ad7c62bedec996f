"""Ridge regression on the encoded clinical values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.baselines.baseline import encoded, plain_state, require_columns, require_folds
from fusekit.baselines.inner_cv import losses, one_thread, squared_error, strata_of, subject_weights
from fusekit.baselines.numbers import NumberBaseline
from fusekit.data import ClinicalEncoding, Column
from fusekit.data.clinical.column import ColumnJson
from fusekit.disk import OPEN
from fusekit.errors import DataError, OptionError

#: Penalties that are tried, on squared errors summed over subjects; the strongest first.
PENALTIES = tuple(float(10.0**exponent) for exponent in np.arange(4, -2.5, -0.5))


@with_config(OPEN)
class _Ridge(TypedDict):
    columns: list[ColumnJson]
    intercept: float


class Ridge(NumberBaseline):
    """Ridge regression on what the networks read too: scaled, one-hot, with masks of gaps.

    The penalty is chosen by the squared error in a cross-validation within the training subjects. Scans are weighted
    so that each subject counts alike.

    Args:
        penalty: on the squared coefficients (scikit-learn's alpha), beside squared errors that are summed over
            subjects; None chooses it.
        folds: of the cross-validation that chooses.
    """

    def __init__(self, *, penalty: float | None = None, folds: int = 5):
        if penalty is not None and penalty <= 0:
            raise OptionError(f"baseline.penalty takes a number above 0, or none, not {penalty:g}.")
        require_folds(folds)
        self.penalty, self.folds = penalty, folds
        self._encoding = ClinicalEncoding(())
        self._coefficients, self._intercept = np.zeros(0), 0.0

    def fit(
        self, values: pd.DataFrame, columns: Sequence[Column], labels: np.ndarray, subjects: np.ndarray, seed: int
    ) -> None:
        """Choose the penalty, unless given, and fit."""
        require_columns(columns)
        weights = subject_weights(subjects)

        def path(train: np.ndarray, test: np.ndarray) -> np.ndarray:
            encoding = ClinicalEncoding.fit(values[train], columns)  # anew: the part set aside is not looked at
            inputs, others = (encoded(encoding, values[part]) for part in (train, test))
            models = (_fitted(inputs, labels[train], weights[train], penalty) for penalty in PENALTIES)
            return np.stack([model.predict(others) for model in models])

        with one_thread():
            strata = strata_of(labels, subjects)
            found = None if self.penalty else losses(path, labels, subjects, self.folds, seed, squared_error, strata)
            chosen = self.penalty or (1.0 if found is None else PENALTIES[int(found.argmin())])
            self._encoding = ClinicalEncoding.fit(values, columns)
            model = _fitted(encoded(self._encoding, values), labels, weights, chosen)
            self._coefficients, self._intercept = model.coef_, float(model.intercept_)

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


def _fitted(inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, penalty: float) -> Any:
    from sklearn.linear_model import Ridge as Regression

    return Regression(alpha=penalty, solver="cholesky").fit(inputs, labels, sample_weight=weights)
