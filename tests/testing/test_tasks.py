"""The check of tasks passes ADNI's and names what a broken one breaks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest

from fusekit.data import Classes, Cohort, Column, Preset, SlicePolicy, Task
from fusekit.errors import FusekitError, UnknownName
from fusekit.progress import Progress
from fusekit.testing import check_task
from fusekit_adni.task import AdniAdTask


def test_adni_ad_keeps_what_tasks_promise(tmp_path: Path) -> None:
    cohort = check_task(AdniAdTask(), tmp_path, subjects=16)
    assert cohort.classes == ("CN", "AD")
    assert 12 <= len(cohort.subjects) <= 16


class Four(Task):
    """Four subjects with a volume and two values each; a good task."""

    title = "Is it so?"
    classes: tuple[str, ...] = ("no", "yes")
    synthetic = Preset(image_size=8, slices=SlicePolicy(start=2, stop=5))

    def synthesize(self, folder: Path, progress: Progress, *, seed: int = 0) -> None:
        draw = np.random.default_rng(seed)
        for i in range(4):
            data = draw.normal(100, 10, (8, 8, 8)).astype(np.float32)
            image: Any = nibabel.Nifti1Image  # untyped
            nibabel.save(image(data, np.diag([-1.0, 1.0, 1.0, 1.0])), folder / f"{i}.nii.gz")

    def scan(self, folder: Path, progress: Progress) -> Cohort:
        index = pd.Index([f"scan{i}" for i in range(4)], name="scan")
        scans = pd.DataFrame(
            {
                "subject": [f"s{i}" for i in range(4)],
                "image": [folder / f"{i}.nii.gz" for i in range(4)],
                "label": [0, 1, 0, 1],
                "site": ["x", "y", "x", "y"],
            },
            index=index,
        )
        clinical = pd.DataFrame({"age": [70.0, 71.0, np.nan, 73.0], "gene": ["a", "b", None, "a"]}, index=index)
        columns = (Column("age", unit="years"), Column("gene", kind="category", categories=("a", "b")))
        return Cohort(scans, clinical, columns, self.target, groups=("site",))


def test_a_good_task_passes_and_gives_its_cohort(tmp_path: Path) -> None:
    assert list(check_task(Four(), tmp_path, seed=3).scans["label"]) == [0, 1, 0, 1]


class Untitled(Four):
    title = ""


class OneClass(Four):
    classes = ("no",)


class Twice(Four):
    classes = ("no", "no")


class Renamed(Four):
    def scan(self, folder: Path, progress: Progress) -> Cohort:
        return replace(super().scan(folder, progress), target=Classes(("nein", "ja")))


class Writing(Four):
    def scan(self, folder: Path, progress: Progress) -> Cohort:
        (folder / "cache.csv").write_text("written by a reader")
        return super().scan(folder, progress)


class Shuffling(Four):
    order: Any = None

    def scan(self, folder: Path, progress: Progress) -> Cohort:
        cohort = super().scan(folder, progress)
        self.order = [0, 1, 2, 3] if self.order is None else [1, 0, 2, 3]
        return replace(cohort, scans=cohort.scans.iloc[self.order], clinical=cohort.clinical.iloc[self.order])


class Grouped(Four):
    def scan(self, folder: Path, progress: Progress) -> Cohort:
        return replace(super().scan(folder, progress), groups=("scanner",))


class TextPaths(Four):
    def scan(self, folder: Path, progress: Progress) -> Cohort:
        cohort = super().scan(folder, progress)
        return replace(cohort, scans=cohort.scans.assign(image=cohort.scans["image"].map(str)))


class TextNumbers(Four):
    def scan(self, folder: Path, progress: Progress) -> Cohort:
        cohort = super().scan(folder, progress)
        return replace(cohort, clinical=cohort.clinical.assign(age=["70", "71", "72", "73"]))


class Undeclared(Four):
    def scan(self, folder: Path, progress: Progress) -> Cohort:
        cohort = super().scan(folder, progress)
        return replace(cohort, clinical=cohort.clinical.assign(gene=["a", "b", "c", "a"]))


class Empty(Four):
    def scan(self, folder: Path, progress: Progress) -> Cohort:
        cohort = super().scan(folder, progress)
        return replace(cohort, clinical=cohort.clinical.assign(age=np.nan))


class OffTheBrain(Four):
    synthetic = Preset(image_size=8, slices=SlicePolicy(space="mm", start=50, stop=60))


class BothLabels(Four):
    def scan(self, folder: Path, progress: Progress) -> Cohort:
        cohort = super().scan(folder, progress)
        return replace(cohort, scans=cohort.scans.assign(subject="s0"))


class UnknownMetric(Four):
    metrics = ("acuracy",)


class Missing(Four):
    def scan(self, folder: Path, progress: Progress) -> Cohort:
        cohort = super().scan(folder, progress)
        return replace(cohort, columns=(*cohort.columns, Column("weight")))


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Untitled, "the task needs a title"),
        (OneClass, "the task needs two classes or more"),
        (Twice, "class names repeat"),
        (Renamed, r"the cohort's target is Classes\(classes=\('nein', 'ja'\)\), the task's Classes\("),
        (Writing, r"scan\(\) changed the folder; it must only read"),
        (Shuffling, r"scans of a second scan\(\)"),
        (Grouped, "the group 'scanner' is no column of the scans"),
        (TextPaths, "images are given as Path, not str"),
        (TextNumbers, "the number column 'age' holds"),
        (Undeclared, r"'gene' holds categories it does not declare: \['c'\]"),
        (Missing, "the column 'weight' is described and not there"),
        (Empty, "the column 'age' is empty"),
    ],
)
def test_a_broken_task_is_told_what_it_breaks(broken: type[Task], said: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=said):
        check_task(broken(), tmp_path)


@pytest.mark.parametrize(
    ("broken", "error", "said"),
    [
        (BothLabels, FusekitError, "1 subjects have two labels"),
        (UnknownMetric, UnknownName, "did you mean 'accuracy'"),
        (OffTheBrain, FusekitError, "slice"),
    ],
)
def test_what_a_run_would_refuse_is_refused_in_its_words(
    broken: type[Task], error: type[FusekitError], said: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said):
        check_task(broken(), tmp_path)
