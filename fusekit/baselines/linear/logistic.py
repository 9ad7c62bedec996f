"""Logistic regression on the encoded clinical values."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.baselines.baseline import Baseline, encoded, plain_state, require_columns, require_folds
from fusekit.baselines.inner_cv import losses, one_thread, subject_weights
from fusekit.data import Classes, ClinicalEncoding, Column, Ordered
from fusekit.data.clinical.column import ColumnJson
from fusekit.disk import OPEN
from fusekit.errors import DataError, OptionError

#: Inverse strengths of the penalty (scikit-learn's C, per subject) that are tried, the strongest penalty first.
STRENGTHS = tuple(float(10.0**exponent) for exponent in np.arange(-4, 1.5, 0.5))


@with_config(OPEN)
class _State(TypedDict):
    columns: list[ColumnJson]


class Logistic(Baseline):
    """Logistic regression with an L2 penalty, on what the networks read too: scaled, one-hot, with masks of gaps.

    The penalty's strength is chosen by the log loss in a cross-validation within the training subjects. Scans are
    weighted so that each subject counts alike. Several classes are fitted at once (multinomial).

    Args:
        strength: inverse strength of the penalty (scikit-learn's C), a sum over subjects; None chooses it.
        folds: of the cross-validation that chooses.
    """

    targets: ClassVar[tuple[str, ...]] = (Classes.kind, Ordered.kind)

    def __init__(self, *, strength: float | None = None, folds: int = 5):
        if strength is not None and strength <= 0:
            raise OptionError(f"baseline.strength takes a number above 0, or none, not {strength:g}.")
        require_folds(folds)
        self.strength, self.folds = strength, folds
        self._encoding = ClinicalEncoding(())
        self._model: Any = None

    def fit(
        self, values: pd.DataFrame, columns: Sequence[Column], labels: np.ndarray, subjects: np.ndarray, seed: int
    ) -> None:
        """Choose the penalty, unless given, and fit."""
        require_columns(columns)
        weights = subject_weights(subjects)

        def path(train: np.ndarray, test: np.ndarray) -> np.ndarray:
            encoding = ClinicalEncoding.fit(values[train], columns)  # anew: the part set aside is not looked at
            inputs, others = encoded(encoding, values[train]), encoded(encoding, values[test])
            models = (_fitted(inputs, labels[train], weights[train], strength) for strength in STRENGTHS)
            return np.stack([model.predict_proba(others) for model in models])

        with one_thread():
            found = None if self.strength else losses(path, labels, subjects, self.folds, seed)
            middle = 0.01  # where there are too few subjects to choose one
            chosen = self.strength or (middle if found is None else STRENGTHS[int(found.argmin())])
            self._encoding = ClinicalEncoding.fit(values, columns)
            self._model = _fitted(encoded(self._encoding, values), labels, weights, chosen)

    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        """Probabilities (N, K)."""
        with one_thread():
            return np.asarray(self._model.predict_proba(encoded(self._encoding, values)))

    def shipped(self) -> dict[str, Any]:
        """The encoding, and scikit-learn's model."""
        return {**self._encoding.as_json(), "model": self._model}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        """DataError if the model is of other columns, or a coefficient is no number."""
        from sklearn.linear_model import LogisticRegression

        made, given = cls(), state["model"]
        made._encoding = ClinicalEncoding.from_json({**plain_state(state, _State)})
        if type(given) is not LogisticRegression:
            raise DataError(f"its model is a {type(given).__name__}, and a LogisticRegression is expected.")
        coefficients, intercepts = given.coef_, given.intercept_
        rows = len(intercepts)  # one of two classes, of more one for each
        if rows in (0, 2):
            raise DataError(f"its model has {rows} intercepts, which is no number of classes.")
        for array, shape in ((coefficients, (rows, len(made._encoding.features))), (intercepts, (rows,))):
            if array.shape != shape or array.dtype != np.float64 or not np.isfinite(array).all():
                raise DataError(f"its model has coefficients of {array.shape} {array.dtype}, or one is no number.")
        made._model = LogisticRegression()  # anew: nothing else of the file's is used
        made._model.coef_, made._model.intercept_ = coefficients, intercepts
        made._model.classes_ = np.arange(max(2, rows))
        made._model.n_features_in_ = len(made._encoding.features)
        return made


def _fitted(inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, tol=1e-6, max_iter=10_000).fit(inputs, labels, sample_weight=weights)
