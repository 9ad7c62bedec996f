"""The null model: no subject is looked at."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.baselines.baseline import Baseline, plain_state
from fusekit.baselines.inner_cv import subject_weights
from fusekit.data import Classes, Column, Ordered
from fusekit.disk import OPEN
from fusekit.errors import DataError


@with_config(OPEN)
class _State(TypedDict):
    shares: list[float]


class Prevalence(Baseline):
    """Each class's share of the training subjects, for every subject: what any other method has to beat."""

    targets: ClassVar[tuple[str, ...]] = (Classes.kind, Ordered.kind)

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

    def shipped(self) -> dict[str, Any]:
        """The shares."""
        return {"shares": self._shares.tolist()}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        """DataError if they are no shares."""
        made, shares = cls(), np.array(plain_state(state, _State)["shares"], dtype=float)
        if not len(shares) or (shares < 0).any() or not np.isclose(shares.sum(), 1):
            raise DataError("its shares of classes do not sum to one.")
        made._shares = shares
        return made
