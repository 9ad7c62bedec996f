"""The few clinical columns that decide how an image is read, chosen within the training subjects."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

import pandas as pd

from fusekit.errors import OptionError


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnOptions:
    """Which columns the encoder reads: ``-o columns.option=value``. Unless set, all."""

    most: int = 0  # so many, the most important to a baseline; 0: all. A prior reads all in any case
    by: str = "gbdt"  # the baseline; columns that matter only together with the image are not found by it
    least: float = 0.005  # importance, in nats of log loss, below which a column is not chosen

    def __post_init__(self) -> None:
        if self.most < 0:
            raise OptionError(f"columns.most takes 0 (all) or more, not {self.most}.")
        if not self.least >= 0:
            raise OptionError(f"columns.least takes 0 or more, not {self.least:g}.")


@dataclass(frozen=True)
class ColumnChoice:
    """What was chosen, and how steadily.

    Args:
        importance: one row per column of the table, one column per inner fold: by how much the log loss of the held-out
            subjects rises when the column is permuted among them.
        most: columns to take.
        least: mean importance over folds that a column needs; without any that has it, none is taken.
        one: whether one is taken all the same, the most important.
    """

    importance: pd.DataFrame
    most: int
    least: float = -inf
    one: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The chosen columns, the most important first; of equals, the first in the table."""
        order = self.importance.mean(axis=1).sort_values(ascending=False, kind="stable")
        enough = max(int((order >= self.least).sum()), int(self.one))
        return tuple(str(name) for name in order.index[: min(self.most, enough)])

    def as_json(self) -> list[dict[str, Any]]:
        """Each chosen column: name, importance (mean over folds), folds in which it would be chosen, of how many."""
        chosen = (self.importance.rank(ascending=False, method="first") <= self.most).sum(axis=1)
        means, folds = self.importance.mean(axis=1).to_dict(), self.importance.shape[1]
        counts = chosen.to_dict()
        return [
            {"column": name, "importance": float(means[name]), "chosen": int(counts[name]), "folds": folds}
            for name in self.names
        ]
