"""Baselines of a number: what they owe, the training mean, and boosted trees."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.baselines.baseline import Baseline, plain_state
from fusekit.baselines.gbdt import GradientBoosting
from fusekit.baselines.inner_cv import Loss, squared_error, strata_of, subject_weights
from fusekit.data import Column, Number
from fusekit.disk import OPEN
from fusekit.errors import FusekitError


class NumberBaseline(Baseline):
    """A baseline that predicts a number; ``fit`` gets the numbers (n,) as labels."""

    targets = (Number.kind,)

    @abstractmethod
    def numbers(self, values: pd.DataFrame) -> np.ndarray:
        """The number (N,) of other scans' values: gaps and categories that training did not have are usual."""

    def answers(self, values: pd.DataFrame, **images: Any) -> np.ndarray:
        """The numbers (N, 1)."""
        return np.asarray(self.numbers(values, **images), dtype=float)[:, None]

    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        """FusekitError: there are none of a number."""
        raise FusekitError(f"{type(self).__name__} predicts a number, and no probabilities.")


@with_config(OPEN)
class _Mean(TypedDict):
    mean: float


class Mean(NumberBaseline):
    """The mean of the training subjects, for every subject: what any other method has to beat."""

    def __init__(self) -> None:
        self._mean = 0.0

    def fit(
        self, values: pd.DataFrame, columns: Sequence[Column], labels: np.ndarray, subjects: np.ndarray, seed: int
    ) -> None:
        """Each subject counts alike."""
        self._mean = float(np.average(labels, weights=subject_weights(subjects)))

    def numbers(self, values: pd.DataFrame) -> np.ndarray:
        """The same for each of N rows."""
        return np.full(len(values), self._mean)

    def shipped(self) -> dict[str, Any]:
        """The mean."""
        return {"mean": self._mean}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        """DataError if it is no number."""
        made = cls()
        made._mean = plain_state(state, _Mean)["mean"]
        return made


class GradientBoostingRegression(GradientBoosting, NumberBaseline):
    """Gradient-boosted trees of a number: as ``gbdt``, by the squared error.

    Args:
        trees: how many; None chooses, up to ``most``.
        most: trees that are tried.
        rate: how much of its correction each tree brings.
        leaves: of a tree, at most.
        rows: scans in a leaf, at least.
        penalty: on the leaves' values (L2).
        folds: of the cross-validation that chooses.
    """

    targets = NumberBaseline.targets

    @property
    def loss(self) -> Loss:
        """The squared error."""
        return squared_error

    def strata(self, labels: np.ndarray, subjects: np.ndarray) -> np.ndarray:
        """Quantiles of the number."""
        return strata_of(labels, subjects)

    def estimator(self, **options: Any) -> Any:
        """Of scikit-learn."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(**options)

    def staged(self, model: Any, inputs: np.ndarray) -> np.ndarray:
        """After each tree (trees, N)."""
        return np.stack(list(model.staged_predict(inputs)))

    def numbers(self, values: pd.DataFrame) -> np.ndarray:
        """Numbers (N,)."""
        return self.scores(values)[:, 0]

    probabilities = NumberBaseline.probabilities
