"""Logistic regression on the encoded clinical values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fusekit.baselines.baseline import Baseline, require_columns, require_folds
from fusekit.baselines.inner_cv import losses, one_thread, subject_weights
from fusekit.data import ClinicalEncoding, Column
from fusekit.errors import OptionError

#: Inverse strengths of the penalty (scikit-learn's C, per subject) that are tried, the strongest penalty first.
STRENGTHS = tuple(float(10.0**exponent) for exponent in np.arange(-4, 1.5, 0.5))


class Logistic(Baseline):
    """Logistic regression with an L2 penalty, on what the networks read too: scaled, one-hot, with masks of gaps.

    The penalty's strength is chosen by the log loss in a cross-validation within the training subjects. Scans are
    weighted so that each subject counts alike. Several classes are fitted at once (multinomial).

    Args:
        strength: inverse strength of the penalty (scikit-learn's C), a sum over subjects; None chooses it.
        folds: of the cross-validation that chooses.
    """

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
            inputs, others = _encoded(encoding, values[train]), _encoded(encoding, values[test])
            models = (_fitted(inputs, labels[train], weights[train], strength) for strength in STRENGTHS)
            return np.stack([model.predict_proba(others) for model in models])

        with one_thread():
            found = None if self.strength else losses(path, labels, subjects, self.folds, seed)
            middle = 0.01  # where there are too few subjects to choose one
            chosen = self.strength or (middle if found is None else STRENGTHS[int(found.argmin())])
            self._encoding = ClinicalEncoding.fit(values, columns)
            self._model = _fitted(_encoded(self._encoding, values), labels, weights, chosen)

    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        """Probabilities (N, K)."""
        with one_thread():
            return np.asarray(self._model.predict_proba(_encoded(self._encoding, values)))


def _encoded(encoding: ClinicalEncoding, values: pd.DataFrame) -> np.ndarray:
    return encoding.transform(values).astype(np.float64)


def _fitted(inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, tol=1e-6, max_iter=10_000).fit(inputs, labels, sample_weight=weights)
