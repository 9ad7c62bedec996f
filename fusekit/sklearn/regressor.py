"""A regressor."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d

from fusekit.data import Number
from fusekit.data.own.outcome import NUMBERS
from fusekit.sklearn.estimator import Estimator, Outcome, numbers


class FuseKitRegressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """Fuses an image and the other columns of a DataFrame into a number.

    Parameters and attributes are those of ``FuseKitClassifier``, but for ``classes_``.
    """

    def _outcome(self, y: Any) -> Outcome:
        return Outcome(Number(str(getattr(y, "name", None) or "y")), column_or_1d(numbers(y), warn=True), NUMBERS)

    def predict(self, X: Any) -> np.ndarray:
        """Give the number of each row (n,), in the unit of y."""
        return self._answers(X)["predicted"].to_numpy()
