"""A regressor."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d

from fusekit.data import Number
from fusekit.data.own.outcome import NUMBERS
from fusekit.errors import DataError
from fusekit.sklearn.estimator import Estimator, Outcome, numbers


class FuseKitRegressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """Fuses an image and the other columns of a DataFrame into a number.

    Parameters and attributes are those of ``FuseKitClassifier``, but for ``classes_``.
    """

    def _outcome(self, y: Any) -> Outcome:
        values = np.asarray(y, dtype=object).ravel()
        texts = [place for place, value in enumerate(values) if isinstance(value, str)]
        if texts:
            raise DataError(
                f"y holds text, such as {values[texts[0]]!r} at position {texts[0]}, and a regressor needs numbers: "
                "convert y with astype(float), or take FuseKitClassifier for classes."
            )
        return Outcome(Number(str(getattr(y, "name", None) or "y")), column_or_1d(numbers(y), warn=True), NUMBERS)

    def predict(self, X: Any) -> np.ndarray:
        """Give the number of each row (n,), in the unit of y."""
        return self._answers(X)["predicted"].to_numpy()
