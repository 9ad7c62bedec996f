"""A task made of a DataFrame and what is predicted of its rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from fusekit.data import Cohort, Preset, Target, Task
from fusekit.data.own.toml import SLICES
from fusekit.progress import Progress
from fusekit.sklearn.table import Table

#: What the task is called; as the name of a TOML, it is no registered one.
NAME = "dataframe.toml"


class FrameTask(Task):
    """Rows of a DataFrame, each a scan, with their labels (n,), for a target."""

    title = "From a DataFrame"
    paper = synthetic = Preset(slices=SLICES)

    def __init__(self, table: Table, target: Target, labels: np.ndarray, metrics: tuple[str, ...]):
        self._target, self.classes, self.metrics = target, target.classes, metrics
        index = pd.Index(table.names, name="scan", dtype=object)
        images = table.images
        clinical, columns, findings = table.clinical()
        scans = pd.DataFrame({"subject": table.subjects, "image": images}, dtype=object).set_axis(index)
        scans["label"] = np.asarray(labels, dtype=target.schema["label"])
        self.absent = ("image",) if images.isna().any() else ()
        clinical = clinical.set_axis(index)
        self.cohort = Cohort(scans, clinical, columns, target, findings=findings, absent=self.absent)

    @property
    def target(self) -> Target:
        """What is predicted."""
        return self._target

    def scan(self, folder: Path, progress: Progress) -> Cohort:
        """Return the rows; no folder is read."""
        return self.cohort
