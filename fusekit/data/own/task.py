"""A task made of a TOML: people's own images and table, without a plugin."""

from pathlib import Path
from typing import Any

import pandas as pd

from fusekit.data.cohort import Cohort
from fusekit.data.own.cohort import read_cohort
from fusekit.data.own.columns import decides
from fusekit.data.own.description import OwnData
from fusekit.data.own.toml import read_own
from fusekit.data.target import Target
from fusekit.data.task import Task
from fusekit.progress import Progress


def is_own(task: str) -> bool:
    """Whether a task's name is the path of a TOML that describes people's own data."""
    return str(task).lower().endswith(".toml")


def name_of(task: str) -> str:
    """What to call a task: of a TOML, its file name without ending."""
    return Path(task).stem if is_own(task) else task


class OwnTask(Task):
    """A cohort that a TOML describes: images, table, subject, label, columns."""

    def __init__(self, path: Path):
        self.own: OwnData = read_own(path)
        self.title = self.own.title
        self.classes = self.own.target.classes
        self.metrics = self.own.metrics
        identifying = (self.own.label, self.own.subject, self.own.scan)
        describing = (name for name in self.own.groups if name not in identifying)
        self.subgroups = self.own.subgroups or (*describing, *Task.subgroups)
        self.folder, self.absent = self.own.folder, self.own.absent
        self.paper = self.synthetic = self.own.preset
        self._leaks: dict[str, str] = {}

    @property
    def target(self) -> Target:
        """What the TOML says."""
        return self.own.target

    def scan(self, folder: Path, progress: Progress) -> Cohort:
        """Read the tables and find the images, joined by id; refuse everything that does not fit, at once."""
        cohort, cells = read_cohort(self.own, folder, progress)
        groups = pd.Series(self.target.groups(cohort.scans["label"])[0], cohort.scans.index)
        labels = self.own.labels
        others = [str(name) for name in cells if name not in labels]
        self._leaks = {
            **{
                name: "its cells are those of the label"
                for name in others
                if any(cells[name].equals(cells[label]) for label in labels)
            },
            **{name: "each of its values goes with one class" for name in others if decides(cells[name], groups)},
        }
        return cohort

    def reason_to_leave_out(self, column: str) -> str | None:
        """The label, what identifies a row, and every column that is the label in other words (known after a scan)."""
        own = self.own
        places = (*(image.place for image in own.every_image), own.masks)
        paths = [place for place in places if isinstance(place, str)]
        if column in own.labels:
            return "the label"
        if column and column in (own.subject, own.scan, *paths):
            return "an identifier"
        return self._leaks.get(column)

    def describe(self) -> dict[str, Any]:
        """Also what the values of each class were, which DICOM series was asked for, and whether ids were joined."""
        values = {name: list(values) for name, values in self.own.classes.items()}
        series = {image.name: image.series.as_json() for image in self.own.every_image if image.series}
        joined = {"join_ids": "alike"} if self.own.join_alike else {}
        return {
            **super().describe(),
            **({"values": values} if values else {}),
            **({"series": series} if series else {}),
            **joined,
        }
