"""Check a task."""

from pathlib import Path
from typing import Any

import pandas as pd

from fusekit.data import Classes, Cohort, Task, cut, read
from fusekit.extension import catalog
from fusekit.progress import Quiet


def check_task(task: Task, folder: Path, **synthetic: Any) -> Cohort:
    """Write a small synthetic cohort (``synthetic`` are its options), read it twice, check it, and return it."""
    _check_description(task)
    task.synthesize(folder, Quiet(), **synthetic)
    before = _files(folder)
    cohort, again = task.scan(folder, Quiet()), task.scan(folder, Quiet())
    assert _files(folder) == before, "scan() changed the folder; it must only read"
    _check_columns(cohort)  # before check(), which compares numbers with their limits
    cohort.check()
    pd.testing.assert_frame_equal(cohort.scans, again.scans, obj="scans of a second scan()")
    pd.testing.assert_frame_equal(cohort.clinical, again.clinical, obj="clinical values of a second scan()")
    assert cohort.target == task.target, f"the cohort's target is {cohort.target}, the task's {task.target}"
    for name in cohort.groups:
        assert name in cohort.scans, f"the group {name!r} is no column of the scans"
    image = cohort.scans["image"].iloc[0]
    assert isinstance(image, Path), f"images are given as Path, not {type(image).__name__}"
    images, positions = cut(read(image), task.synthetic.slices, task.synthetic.image_size)
    assert len(images) == len(positions) > 0, "the synthetic preset's slices miss the first volume"
    return cohort


def _check_description(task: Task) -> None:
    assert task.title, "the task needs a title: the question it asks"
    few = isinstance(task.target, Classes) and len(task.classes) < 2
    assert not few, "the task needs two classes or more"
    assert len(set(task.classes)) == len(task.classes), f"class names repeat: {task.classes}"
    for name in task.metrics:
        takes = catalog().metrics.make(name).targets  # raises UnknownName with the nearest
        assert task.target.kind in takes, f"the metric {name!r} scores {' or '.join(takes)}, not {task.target.kind}"


def _check_columns(cohort: Cohort) -> None:
    for column in cohort.columns:
        assert column.name in cohort.clinical, f"the column {column.name!r} is described and not there"
        values = cohort.clinical[column.name]
        if column.kind == "number":
            assert pd.api.types.is_numeric_dtype(values), f"the number column {column.name!r} holds {values.dtype}"
        elif column.categories:
            unknown = set(values.dropna()) - set(column.categories)
            assert not unknown, f"the column {column.name!r} holds categories it does not declare: {sorted(unknown)}"
        assert values.notna().any(), f"the column {column.name!r} is empty; leave it out and say so in a finding"


def _files(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}
