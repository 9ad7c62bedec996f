"""What linear baselines share: the encoded table, and a penalty that is chosen within the training subjects."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from fusekit.baselines.baseline import Baseline, encoded, require_columns, require_folds
from fusekit.baselines.inner_cv import Loss, log_loss, losses, one_thread, subject_weights
from fusekit.data import ClinicalEncoding, Column
from fusekit.errors import OptionError


class Penalised(Baseline):
    """A linear model of what the networks read too: scaled, one-hot, with masks of gaps.

    The penalty is chosen by the loss of subjects that inner folds hold out. Scans are weighted so that each subject
    counts alike.

    Args:
        option: name of the penalty among a baseline's options.
        penalty: its value; None chooses it.
        folds: of the cross-validation that chooses, 2 or more.
    """

    tried: ClassVar[tuple[float, ...]]  # values of the penalty, those that shrink most first
    middle: ClassVar[float]  # where there are too few subjects to choose one

    def __init__(self, option: str, penalty: float | None, folds: int):
        if penalty is not None and penalty <= 0:
            raise OptionError(f"baseline.{option} takes a number above 0, or none, not {penalty:g}.")
        require_folds(folds)
        self._penalty, self.folds = penalty, folds
        self._encoding = ClinicalEncoding(())

    @abstractmethod
    def estimated(
        self, inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, penalty: float, start: Any = None
    ) -> Any:
        """A model of inputs (n, F), labels (n,) and weights (n,); ``start`` is one of the penalty tried before."""

    @abstractmethod
    def predicted(self, model: Any, inputs: np.ndarray) -> np.ndarray:
        """What the loss compares with labels (N, ...), of inputs (N, F)."""

    @abstractmethod
    def keep(self, model: Any, inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> None:
        """Keep the model of all training scans; the arguments are those that it was estimated on."""

    @property
    def loss(self) -> Loss:
        """By which the penalty is chosen."""
        return log_loss

    def strata(self, labels: np.ndarray, subjects: np.ndarray) -> np.ndarray:
        """What the inner folds are balanced by (n,)."""
        return labels

    def fit(
        self, values: pd.DataFrame, columns: Sequence[Column], labels: np.ndarray, subjects: np.ndarray, seed: int
    ) -> None:
        """Choose the penalty, unless given, and fit."""
        require_columns(columns)
        weights = subject_weights(subjects)

        def path(train: np.ndarray, test: np.ndarray) -> np.ndarray:
            encoding = ClinicalEncoding.fit(values[train], columns)  # anew: the part set aside is not looked at
            inputs, others = encoded(encoding, values[train]), encoded(encoding, values[test])
            model, found = None, []
            for penalty in self.tried:
                model = self.estimated(inputs, labels[train], weights[train], penalty, model)
                found.append(self.predicted(model, others))
            return np.stack(found)

        with one_thread():
            strata = self.strata(labels, subjects)
            given = self._penalty
            found = None if given else losses(path, labels, subjects, self.folds, seed, self.loss, strata)
            chosen = given or (self.middle if found is None else self.tried[int(found.argmin())])
            self._encoding = ClinicalEncoding.fit(values, columns)
            inputs = encoded(self._encoding, values)
            self.keep(self.estimated(inputs, labels, weights, chosen), inputs, labels, weights)
