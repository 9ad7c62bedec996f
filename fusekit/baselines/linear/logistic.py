"""Logistic regression on the encoded clinical values."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.baselines.baseline import encoded, plain_state
from fusekit.baselines.inner_cv import one_thread
from fusekit.baselines.linear.penalised import Penalised
from fusekit.data import Classes, ClinicalEncoding, Number, Ordered, TimeToEvent
from fusekit.data.clinical.column import ColumnJson
from fusekit.disk import OPEN
from fusekit.errors import DataError

#: Inverse strengths of the penalty (scikit-learn's C, per subject) that are tried, the strongest penalty first.
STRENGTHS = tuple(float(10.0**exponent) for exponent in np.arange(-4, 1.5, 0.5))


@with_config(OPEN)
class _State(TypedDict):
    columns: list[ColumnJson]


class Logistic(Penalised):
    """Logistic regression with an L2 penalty, on what the networks read too: scaled, one-hot, with masks of gaps.

    The penalty's strength is chosen by the log loss in a cross-validation within the training subjects. Scans are
    weighted so that each subject counts alike. Several classes are fitted at once (multinomial).

    Args:
        strength: inverse strength of the penalty (scikit-learn's C), a sum over subjects; None chooses it.
        folds: of the cross-validation that chooses.
    """

    targets: ClassVar[tuple[str, ...]] = (Classes.kind, Ordered.kind)
    counterparts = MappingProxyType({Number.kind: "ridge", TimeToEvent.kind: "cox"})

    tried, middle = STRENGTHS, 0.01

    def __init__(self, *, strength: float | None = None, folds: int = 5):
        super().__init__("strength", strength, folds)
        self._model: Any = None

    def estimated(
        self, inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, penalty: float, start: Any = None
    ) -> Any:
        """scikit-learn's."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=penalty, tol=1e-6, max_iter=10_000).fit(inputs, labels, sample_weight=weights)

    def predicted(self, model: Any, inputs: np.ndarray) -> np.ndarray:
        """Probabilities (N, K)."""
        return np.asarray(model.predict_proba(inputs))

    def keep(self, model: Any, inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> None:
        """As it is."""
        self._model = model

    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        """Probabilities (N, K)."""
        with one_thread():
            return self.predicted(self._model, encoded(self._encoding, values))

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
