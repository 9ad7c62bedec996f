"""A baseline that reads the table and what a network says of the image: stacking (Wolpert 1992), with the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fusekit.baselines.baseline import Baseline
from fusekit.data import Column
from fusekit.data.target.target import SMALLEST
from fusekit.errors import DataError, OptionError

#: Of the columns that a network becomes.
_PREFIX = "network log odds"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackOptions:
    """What predicts from the table and from what the network says: ``-o stack.option=value``."""

    by: str = ""  # a baseline that reads the table; empty: the network itself predicts
    folds: int = 3  # within the training subjects: so many networks are trained, and one on all of them

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise OptionError(f"stack.folds takes 2 or more, not {self.folds}.")


def log_odds(probabilities: np.ndarray, scans: np.ndarray) -> np.ndarray:
    """What a network says of slices, (n, K) with the scan of each (n,) -> log odds of scans, in order of appearance.

    Each class against the rest, mean over the slices of a scan: (scans, K), or of two classes the second (scans, 1).
    Unlike a network's features, whose axes are its own, they mean the same from every network.
    """
    number, known = pd.factorize(scans)
    clipped = np.clip(probabilities if probabilities.shape[1] > 2 else probabilities[:, 1:], SMALLEST, 1 - SMALLEST)
    sums = np.zeros((len(known), clipped.shape[1]))
    np.add.at(sums, number, np.log(clipped / (1 - clipped)))
    return sums / np.bincount(number)[:, None]


@dataclass(frozen=True)
class Stack:
    """A baseline on the table with a network's log odds beside it.

    Those that it is fitted on must be cross-fitted: what a network says of the subjects that it was trained on is near
    their labels, and the baseline would trust it alone.
    """

    baseline: Baseline

    def fit(
        self,
        said: np.ndarray,
        values: pd.DataFrame,
        columns: Sequence[Column],
        labels: np.ndarray,
        subjects: np.ndarray,
        seed: int,
    ) -> None:
        """Fit on n training scans: ``log_odds`` (n, L), and the rest as for ``Baseline.fit``.

        DataError if a column has a name that is the network's.
        """
        taken = next((column.name for column in columns if column.name.startswith(_PREFIX)), None)
        if taken is not None:
            raise DataError(f"the column {taken!r} has a name that a stack gives to its network. Rename it.")
        further = tuple(Column(name) for name in _names(said))
        self.baseline.fit(beside(values, said), (*columns, *further), labels, subjects, seed)

    def probabilities(self, slices: np.ndarray, values: pd.DataFrame, scans: np.ndarray) -> np.ndarray:
        """A network's probabilities (n, K) of slices, their clinical values and scans -> those of the whole (n, K).

        All slices of a scan get the same: they have one table, and the network's mean.
        """
        number = pd.factorize(scans)[0]
        firsts = np.unique(number, return_index=True)[1]
        known = beside(values.iloc[firsts], log_odds(slices, scans))
        return np.asarray(self.baseline.probabilities(known), dtype=float)[number]


def _names(said: np.ndarray) -> list[str]:
    return [_PREFIX] if said.shape[1] == 1 else [f"{_PREFIX} {k}" for k in range(said.shape[1])]


def beside(values: pd.DataFrame, said: np.ndarray) -> pd.DataFrame:
    """A table of n scans with their ``log_odds`` (n, L) on its right: what the baseline of a stack reads."""
    return pd.concat([values, pd.DataFrame(said, columns=_names(said), index=values.index)], axis=1)
