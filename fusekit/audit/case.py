"""What the audit looks at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from fusekit.data.cohort import Cohort
from fusekit.data.store.store import SliceStore
from fusekit.data.task import Task

#: Chance of a false alarm that a warning by test may have.
LEVEL = 0.05


@dataclass(frozen=True)
class Case:
    """A cohort under audit.

    Args:
        cohort: checked by ``Cohort.check``.
        folds: fold by subject; None if the cohort is not split.
        task: knows which columns betray its label.
        store: of the cohort's slices, with what was measured of each volume; None before it is built.
    """

    cohort: Cohort
    folds: pd.Series | None
    task: Task
    store: SliceStore | None

    @cached_property
    def first(self) -> pd.DataFrame:
        """One row a subject, of its first scan: the columns of ``Cohort.scans``; index scan.

        People, not scans, are independent: every test of the audit counts a person once.
        """
        return self.cohort.scans.drop_duplicates("subject")

    @cached_property
    def clinical(self) -> pd.DataFrame:
        """Clinical values of those scans."""
        return self.cohort.clinical.loc[self.first.index]

    @cached_property
    def labels(self) -> np.ndarray:
        """Their labels (subjects,)."""
        return self.first["label"].to_numpy()

    def sides(self) -> Iterator[tuple[str, np.ndarray]]:
        """Name of a class, and who is of it (subjects,) bool: the positive one of two, each one of several."""
        for number, name in enumerate(self.cohort.classes):
            if number > 0 or len(self.cohort.classes) > 2:
                yield name, self.labels == number
