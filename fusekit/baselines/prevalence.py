"""The null model: no subject is looked at."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fusekit.baselines.baseline import Baseline
from fusekit.baselines.inner_cv import subject_weights
from fusekit.data import Column


class Prevalence(Baseline):
    """Each class's share of the training subjects, for every subject: what any other method has to beat."""

    def __init__(self) -> None:
        self._shares = np.zeros(0)

    def fit(
        self, values: pd.DataFrame, columns: Sequence[Column], labels: np.ndarray, subjects: np.ndarray, seed: int
    ) -> None:
        """Count subjects."""
        counts = np.bincount(labels, weights=subject_weights(subjects))
        self._shares = counts / counts.sum()

    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        """The same (K,) for each of N rows."""
        return np.tile(self._shares, (len(values), 1))
