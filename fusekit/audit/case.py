"""What the audit looks at."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from fusekit.data.cohort import Cohort, Finding, Severity
from fusekit.data.store.store import SliceStore
from fusekit.data.task import Task

#: Chance of a false alarm that a warning by test may have.
LEVEL = 0.05


def note(
    code: str, message: str, items: Iterable[str], advice: str = "", severity: Severity = "warning"
) -> Iterator[Finding]:
    """The finding, if anything is concerned."""
    if listed := tuple(items):
        yield Finding(code, message, listed, severity, advice)


@dataclass(frozen=True)
class Case:
    """A cohort under audit."""

    cohort: Cohort  # checked by ``Cohort.check``
    folds: pd.Series | None  # fold by subject; None if the cohort is not split
    task: Task  # knows which columns betray its label
    store: SliceStore | None  # with what was measured of each volume; None before it is built

    @cached_property
    def first(self) -> pd.DataFrame:
        """One row per subject, of its first scan: the columns of ``Cohort.scans``; index scan.

        Subjects, not scans, are independent: every test of the audit counts a subject once.
        """
        return self.cohort.scans.drop_duplicates("subject")

    @cached_property
    def clinical(self) -> pd.DataFrame:
        """Clinical values of those scans."""
        return self.cohort.clinical.loc[self.first.index]

    @cached_property
    def labels(self) -> np.ndarray:
        """Their groups (subjects,), from 0: their classes, of a number thirds."""
        return self.cohort.target.groups(self.first["label"])[0]

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the groups."""
        return self.cohort.target.groups(self.first["label"])[1]

    def volumes(self) -> Iterator[tuple[str, pd.DataFrame, np.ndarray]]:
        """Of each image of the scans: what it is called, for messages (empty of the only one); what was measured.

        That is: index scan, and the thumbnails (scans, D, H, W) in this order.
        """
        if self.store is None:
            return
        volumes = self.store.volumes
        names = volumes["image"].unique()
        if len(names) == 1:
            yield "", volumes, self.store.thumbnails
            return
        for name in names:
            own = (volumes["image"] == name).to_numpy()
            yield str(name), volumes[own], self.store.thumbnails[own]

    def sides(self) -> Iterator[tuple[str, np.ndarray]]:
        """Name of a class, and which subjects are of it (subjects,) bool: the positive one of two, each of several."""
        for number, name in enumerate(self.classes):
            if number > 0 or len(self.classes) > 2:
                yield name, self.labels == number
