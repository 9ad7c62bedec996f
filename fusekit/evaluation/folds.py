"""Which rows one model predicted: scores of different models are not on one scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Folds:
    """The rows of a predictions table, by the model that predicted them."""

    of_row: np.ndarray  # (N,) which fold, 0..F-1
    subjects: np.ndarray  # (F,) how many subjects each fold has: its weight

    @classmethod
    def of_table(cls, table: pd.DataFrame) -> Folds:
        """Read the column ``fold``; without one, one model predicted everything."""
        if "fold" not in table:
            return cls(np.zeros(len(table), dtype=int), np.array([table["subject"].nunique()]))
        of_row, _ = pd.factorize(table["fold"], sort=True)
        return cls(of_row, table.groupby("fold")["subject"].nunique().to_numpy())

    @property
    def rows(self) -> list[np.ndarray]:
        """Row numbers of each fold."""
        return [np.flatnonzero(self.of_row == k) for k in range(len(self.subjects))]

    def of(self, rows: np.ndarray) -> Folds:
        """Give the same folds for a choice of rows (M,), with the weights that they had."""
        return Folds(self.of_row[rows], self.subjects)

    def within(self, labels: np.ndarray) -> np.ndarray:
        """Strata (N,) of one fold and one class each."""
        classes, of_class = np.unique(labels, return_inverse=True)
        return np.asarray(self.of_row * len(classes) + of_class)
