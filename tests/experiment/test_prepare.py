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

from fusekit.data import Cohort, Column
from fusekit.errors import LeakageError
from fusekit.experiment import Run
from fusekit.experiment.config import resolve
from fusekit.experiment.plan import make_plan
from fusekit.experiment.prepare import Prepared, prepare
from fusekit.progress import Quiet
from fusekit_adni.task import AdniAdTask

SMALL: dict[str, Any] = {
    "task": "adni-ad",
    "backbone": "resnet10t",
    "image_size": 32,
    "options": {"synthetic": {"subjects": 24}},
}


class Heard(Quiet):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def prepared(seed: int = 0) -> Prepared:
    return prepare(make_plan(resolve({**SMALL, "seed": seed})), Quiet())


def test_rows_are_the_stores_with_subject_fold_and_label(small_run: Run, small_cohort: Cohort) -> None:
    made = prepared()
    assert made.rows.index.tolist() == list(range(len(made.store.images)))
    joined = made.rows.merge(small_cohort.scans, left_on="scan", right_index=True, suffixes=("", "_of_scan"))
    assert len(joined) == len(made.rows)
    assert (joined["subject"] == joined["subject_of_scan"]).all()
    assert (joined["label"] == joined["label_of_scan"]).all()
    assert made.rows.groupby("subject")["fold"].nunique().eq(1).all()
    assert set(made.training_rows["subject"]).isdisjoint(made.test_rows["subject"])
    pd.testing.assert_frame_equal(made.test_rows.reset_index(), small_run.predictions[[*made.test_rows.reset_index()]])


def test_tested_subjects_have_no_part_in_what_is_fitted(small_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = prepared()
    tested = before.test_rows["scan"].unique()
    scan = AdniAdTask.scan

    def disturbed(self: AdniAdTask, folder: Path, progress: Any) -> Cohort:
        cohort = scan(self, folder, progress)
        clinical = cohort.clinical.copy()
        clinical.loc[tested, "AGE"] = 119.0
        return replace(cohort, clinical=clinical)

    monkeypatch.setattr(AdniAdTask, "scan", disturbed)
    after = prepared()
    assert after.encoding == before.encoding
    assert (after.values(after.test_rows)["AGE"] == 119).all()
    training = before.cohort.clinical.loc[before.training_rows["scan"].unique(), "AGE"].to_numpy()
    age = next(column for column in before.encoding.columns if column.name == "AGE")
    assert age.fill == pytest.approx(training.mean())
    assert age.scale == pytest.approx(training.std())


def test_counts_add_up(small_run: Run) -> None:
    made = prepared(seed=1)
    counts = made.counts()
    assert sum(c["slices"] for side in counts.values() for c in side.values()) == len(made.rows)
    assert sum(c["scans"] for side in counts.values() for c in side.values()) == len(made.cohort.scans)
    for side, rows in (("train", made.training_rows), ("test", made.test_rows)):
        assert sum(c["subjects"] for c in counts[side].values()) == rows["subject"].nunique()
        assert counts[side]["AD"]["slices"] == int((rows["label"] == 1).sum())


def test_the_synthetic_cohort_is_announced_written_once_and_used_again(small_run: Run) -> None:
    heard = Heard()
    folders = list((Path(os.environ["FUSEKIT_CACHE"]) / "synthetic").iterdir())
    made = prepare(make_plan(resolve(SMALL)), heard)
    assert "SYNTHETIC cohort" in heard.lines[0]
    assert "say nothing about disease" in heard.lines[0]
    assert list((Path(os.environ["FUSEKIT_CACHE"]) / "synthetic").iterdir()) == folders
    assert made.store.fingerprint == prepared(seed=1).store.fingerprint  # another split, the same slices


def test_every_finding_is_said_with_its_count(small_run: Run) -> None:
    heard = Heard()
    made = prepare(make_plan(resolve(SMALL)), heard)
    assert made.findings
    for finding in made.findings:
        if finding.severity == "note":
            assert f"note: {finding.message} ({finding.count})" in heard.lines
        else:
            assert any(f"{finding.code} ({finding.count})" in line for line in heard.lines)
    assert np.all([finding.count > 0 for finding in made.findings])


def test_categories_that_only_tested_subjects_have_are_reported(
    small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested = prepared().test_rows["scan"].unique()
    scan = AdniAdTask.scan

    def with_blood_group(self: AdniAdTask, folder: Path, progress: Any) -> Cohort:
        cohort = scan(self, folder, progress)
        group = pd.Series("A", index=cohort.scans.index, dtype=object)
        group[tested[0]] = "B"
        clinical = cohort.clinical.assign(blood=group)
        return replace(cohort, clinical=clinical, columns=(*cohort.columns, Column("blood", "category")))

    monkeypatch.setattr(AdniAdTask, "scan", with_blood_group)
    findings = {finding.code: finding for finding in prepared().findings}
    assert findings["unseen-category"].items == ("B",)
    assert "'blood'" in findings["unseen-category"].message
    assert "blood" in findings["constant-column"].items


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
        without.setattr("fusekit.experiment.prepare.build_store", None)  # it would fail to be called
        with pytest.raises(LeakageError, match=r"leaky-column \(1\)[^\n]*\n  MMSE\."):
            prepared()
    heard = Heard()
    made = prepare(make_plan(resolve({**SMALL, "allow": ("leaky-column",)})), heard)
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
        prepared()
    subjects = small_cohort.scans
    for subject in (subjects["subject"].iloc[0], subjects["subject"].iloc[-1]):
        assert subject in str(caught.value)
