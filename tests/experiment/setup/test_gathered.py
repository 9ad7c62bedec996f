"""From a folder to rows: what is fitted sees training subjects only."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit import Run
from fusekit.data import Cohort, Column
from fusekit.errors import LeakageError
from fusekit.experiment.setup.gathered import Gathered, gather, gather_again, report
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Quiet
from fusekit_adni.task import AdniAdTask

SMALL: dict[str, Any] = {
    "task": "adni-ad",
    "backbone": "test_resnet",
    "image_size": 32,
    "options": {"synthetic": {"subjects": 24}},
}


class Heard(Quiet):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def gathered(progress: Quiet | None = None, **changes: Any) -> Gathered:
    plan = make_plan(Settings.of({**SMALL, **changes}))
    return gather(plan.config, plan.task, plan.slices, progress or Quiet())


@pytest.fixture(scope="module")
def made(small_run: Run) -> Gathered:
    return gathered()


def test_rows_are_the_stores_with_subject_fold_and_label(made: Gathered, small_run: Run, small_cohort: Cohort) -> None:
    assert made.rows.index.tolist() == list(range(len(made.store.images)))
    joined = made.rows.merge(small_cohort.scans, left_on="scan", right_index=True, suffixes=("", "_of_scan"))
    assert len(joined) == len(made.rows)
    assert (joined["subject"] == joined["subject_of_scan"]).all()
    assert (joined["label"] == joined["label_of_scan"]).all()
    assert made.rows.groupby("subject")["fold"].nunique().eq(1).all()
    test = made.sides(0, 0.0, 0).test
    pd.testing.assert_frame_equal(test.reset_index(), small_run.predictions[[*test.reset_index()]])


@pytest.mark.parametrize("fold", [None, 0, 1, 4])
def test_every_row_is_on_one_side_and_no_subject_on_two(made: Gathered, fold: int | None) -> None:
    sides = made.sides(fold, 0.25, seed=0)
    pd.testing.assert_frame_equal(pd.concat(sides).sort_index(), made.rows)
    people = [set(side["subject"]) for side in sides]
    assert sum(map(len, people)) == made.rows["subject"].nunique()
    assert set(sides.test["fold"]) == (set() if fold is None else {fold})
    trainable = len(people[0]) + len(people[1])
    assert len(people[1]) == round(0.25 * trainable)
    assert set(sides.train["label"]) == set(sides.validation["label"]) == {0, 1}
    assert made.sides(fold, 0.0, seed=0).validation.empty


def test_folds_set_other_subjects_aside_and_seeds_too(made: Gathered) -> None:
    drawn = [
        tuple(made.sides(fold, 0.25, seed).validation["subject"].unique()) for fold, seed in ((0, 0), (1, 0), (0, 1))
    ]
    assert len(set(drawn)) == 3
    again = tuple(made.sides(0, 0.25, 0).validation["subject"].unique())
    assert again == drawn[0]


@pytest.mark.parametrize("fold", [0, 3])
def test_fewer_training_subjects_are_some_of_all_on_their_own_side_and_the_test_stays(
    made: Gathered, fold: int
) -> None:
    whole = made.sides(fold, 0.25, seed=0)
    sizes = []
    before: tuple[set[str], ...] = (set(), set())
    for percent in (25, 50, 75):
        own = made.sides(fold, 0.25, 0, percent)
        pd.testing.assert_frame_equal(own.test, whole.test)
        now = tuple(set(side["subject"]) for side in own[:2])
        for people, smaller, larger in zip(now, before, whole[:2], strict=True):
            assert smaller < people < set(larger["subject"])
        for side, all_of_it in zip(own[:2], whole[:2], strict=True):  # all slices of whom they have
            pd.testing.assert_frame_equal(side, all_of_it[all_of_it["subject"].isin(side["subject"])])
        assert set(own.train["label"]) == {0, 1}
        before = now
        sizes.append(len(now[0]) / whole.train["subject"].nunique())
    assert sizes == pytest.approx([0.25, 0.5, 0.75], abs=0.07)  # of some fifteen people


def test_another_process_gathers_the_same_and_does_not_audit_it(
    small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = gathered(folds=4, seed=3)
    plan = make_plan(Settings.of({**SMALL, "folds": 4, "seed": 3}))
    for name in ("audit_tables", "audit_images"):
        monkeypatch.setattr(f"fusekit.experiment.setup.gathered.{name}", None)
    again = gather_again(plan.config, plan.task, plan.slices)
    pd.testing.assert_frame_equal(again.rows, first.rows)
    pd.testing.assert_frame_equal(again.cohort.clinical, first.cohort.clinical)
    assert again.store.folder == first.store.folder


def test_counts_add_up(small_run: Run) -> None:
    made = gathered(seed=1)
    sides = made.sides(0, 0.25, 1)
    counts = sides.counts(made.cohort.target)
    assert sum(c["slices"] for side in counts.values() for c in side.values()) == len(made.rows)
    assert sum(c["scans"] for side in counts.values() for c in side.values()) == len(made.cohort.scans)
    for side, rows in sides._asdict().items():
        assert sum(c["subjects"] for c in counts[side].values()) == rows["subject"].nunique()
        assert counts[side]["AD"]["slices"] == int((rows["label"] == 1).sum())


def test_the_synthetic_cohort_is_announced_written_once_and_used_again(small_run: Run) -> None:
    heard = Heard()
    folders = list((Path(os.environ["FUSEKIT_CACHE"]) / "synthetic").iterdir())
    made = gathered(heard)
    assert "SYNTHETIC cohort" in heard.lines[0]
    assert "say nothing about disease" in heard.lines[0]
    assert list((Path(os.environ["FUSEKIT_CACHE"]) / "synthetic").iterdir()) == folders
    assert made.store.fingerprint == gathered(seed=1).store.fingerprint  # another split, the same slices


def test_every_finding_is_said_with_its_count(small_run: Run) -> None:
    heard = Heard()
    made = gathered(heard)
    report(made.findings, heard)
    assert made.findings
    for finding in made.findings:
        if finding.severity == "note":
            assert f"note: {finding.message} ({finding.count})" in heard.lines
        else:
            assert any(f"{finding.code} ({finding.count})" in line for line in heard.lines)
    assert np.all([finding.count > 0 for finding in made.findings])


def test_a_leak_stops_before_the_images_are_read_and_an_allowed_one_is_kept(
    small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = AdniAdTask.scan

    def with_leak(self: AdniAdTask, folder: Path, progress: Any) -> Cohort:
        cohort = scan(self, folder, progress)
        clinical = cohort.clinical.assign(MMSE=20.0 + np.arange(len(cohort.scans)) % 7)
        return replace(cohort, clinical=clinical, columns=(*cohort.columns, Column("MMSE")))

    monkeypatch.setattr(AdniAdTask, "scan", with_leak)
    with monkeypatch.context() as without:
        without.setattr("fusekit.experiment.setup.gathered.build_store", None)  # it would fail to be called
        with pytest.raises(LeakageError, match=r"leaky-column \(1\)[^\n]*\n  MMSE\."):
            gathered()
    heard = Heard()
    made = gathered(heard, allow=("leaky-column",))
    report(made.findings, heard)
    kept = {finding.code: finding.severity for finding in made.findings}
    assert kept["leaky-column"] == "refusal"
    assert any("refusal, allowed:" in line and "MMSE" in line for line in heard.lines)


def test_one_image_under_two_subjects_is_refused(
    small_run: Run, small_cohort: Cohort, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scan = AdniAdTask.scan

    def with_copy(self: AdniAdTask, folder: Path, progress: Any) -> Cohort:
        cohort = scan(self, folder, progress)
        images = cohort.scans["image"].copy()
        images.iloc[-1] = Path(shutil.copy(images.iloc[0], tmp_path / "again.nii"))
        return replace(cohort, scans=cohort.scans.assign(image=images))

    monkeypatch.setattr(AdniAdTask, "scan", with_copy)
    with pytest.raises(LeakageError, match="same-image") as caught:
        gathered()
    subjects = small_cohort.scans
    for subject in (subjects["subject"].iloc[0], subjects["subject"].iloc[-1]):
        assert subject in str(caught.value)
