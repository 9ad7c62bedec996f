"""A cohort as a run reads it, to look at before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd

from fusekit.data import Cohort, Task
from fusekit.evaluation.cohorts.table_one import table_one
from fusekit.evaluation.shown import SYNTHETIC, table_html, titled_html
from fusekit.experiment.look import Look, contact
from fusekit.experiment.setup.cohort import read_cohort
from fusekit.experiment.setup.parts import open_task
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Bars, Progress
from fusekit.report.formatting import counted


@dataclass(frozen=True, repr=False, eq=False)
class TaskCohort(Cohort):
    """A ``Cohort`` that knows how it was read, and shows itself at a prompt and in a notebook."""

    config: Settings = field(kw_only=True)
    opened: Task = field(kw_only=True)

    @property
    def synthetic(self) -> bool:
        """Whether its patients are invented."""
        return self.config.data is None

    def table_one(self) -> pd.DataFrame:
        """Describe its clinical columns group by group: Table 1, as text."""
        return table_one(self)

    def show(
        self, count: int = 8, *, subjects: str | Sequence[str] = (), slices: int = 5, progress: Progress | None = None
    ) -> Look:
        """Draw scans as a network sees them: ``fusekit.look`` of this cohort, which is not read again."""
        return contact(self.config, self.opened, self, subjects, count, slices, progress or Bars())

    def __repr__(self) -> str:
        *parts, (_, people) = self.counts["subjects"].items()
        subjects = f"{people} subjects ({', '.join(f'{number} {name}' for name, number in parts)})"
        sizes = {"scan": len(self.scans), "column": len(self.columns), "finding": len(self.findings)}
        words = [subjects, *(counted(number, noun) for noun, number in sizes.items())]
        return f"Cohort({self.config.task_name}: {', '.join([*words, *[SYNTHETIC] * self.synthetic])})"

    def _repr_html_(self) -> str:
        kinds = [column.kind for column in self.columns]
        columns = f"{kinds.count('number')} clinical columns of numbers, {kinds.count('category')} of categories"
        present = self.present
        images = f"images of each scan: {', '.join(self.images)}; scans without an image: {(~present['image']).sum()}"
        images += f", without a table: {(~present['table']).sum()}" if self.columns else ""
        page = titled_html(self.config.task_name, self.counts, self.synthetic, columns, images)
        found = [(finding.severity, finding.code, finding.count, finding.message) for finding in self.findings]
        table = pd.DataFrame(found, columns=["severity", "finding", "count", "what"])
        return page + (table_html(table, index=False) if found else "")


def cohort(
    task: str, data: str | Path | None = None, *, progress: Progress | None = None, **settings: Any
) -> TaskCohort:
    """Read a cohort as a run would, without auditing or training.

    Args:
        task: its name, or the path of the TOML of your own data.
        data: folder of the cohort; the task's SYNTHETIC cohort if not given.
        progress: where progress is shown; bars on standard error if not given.
        settings: as for ``fusekit.run``: options, recipe, allow, image_size, seed.

    Raises:
        DataError: it cannot be read, or nothing could be trained on it.
        UnknownName: there is no such task.
    """
    config = Settings.of({"task": task, "data": data, **settings})
    opened = open_task(config.task, config.options)
    read = read_cohort(config, opened, progress or Bars())
    return TaskCohort(**{one.name: getattr(read, one.name) for one in fields(Cohort)}, config=config, opened=opened)
