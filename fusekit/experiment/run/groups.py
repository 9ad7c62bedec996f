"""The variables that scores are split by, as ``cohort.csv`` of a run folder."""

import pandas as pd

from fusekit.data import OURS, Cohort, Task
from fusekit.data.absence import AVAILABLE, available
from fusekit.data.own.columns import decides


def subgroup_table(cohort: Cohort, task: Task, folds: pd.Series) -> pd.DataFrame:
    """One row per scan: scan, subject, label, fold, and the variables of ``task.subgroups`` that the cohort has.

    Where scans lack images or tables, what each has is the first of them.

    A name is looked for among the groups, then among the clinical columns, without regard to case; the values are as
    they were read. Left out is what would split by the label itself: a clinical column that the task says must not be
    an input, and any whose values go with the classes one to one.
    """
    scans = cohort.scans
    table = pd.DataFrame(
        {
            "scan": scans.index.astype(str),
            "subject": scans["subject"].astype(str).to_numpy(),
            "label": scans["label"].to_numpy(),
            "fold": scans["subject"].map(folds).to_numpy(),
        }
    )
    parts = pd.Series(cohort.target.groups(scans["label"])[0], scans.index)
    if cohort.absent:
        table[AVAILABLE] = available(cohort.present).to_numpy()
    for name, values in _variables(cohort, task).items():
        if not decides(values, parts):
            table[name] = values.to_numpy()
    return table


def numbers_of(table: pd.DataFrame) -> list[str]:
    """The variables that are numbers, for the manifest: a reader cannot know a site 01 from a number."""
    return [name for name in map(str, table.select_dtypes("number")) if name not in OURS]


def _variables(cohort: Cohort, task: Task) -> dict[str, pd.Series]:
    """The cohort's own name -> values, in the order of the task's subgroups."""
    there: dict[str, tuple[str, pd.Series]] = {}
    for name in cohort.groups:
        there.setdefault(name.lower(), (name, cohort.scans[name]))
    for column in cohort.columns:
        if task.reason_to_leave_out(column.name) is None:
            there.setdefault(column.name.lower(), (column.name, cohort.clinical[column.name]))
    wanted = [name.lower() for name in task.subgroups if name.lower() in there]
    return {there[name][0]: there[name][1] for name in wanted if name not in OURS}
