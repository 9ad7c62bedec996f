"""The demonstration: the wrong split is wrong, the right one right, shuffled labels stay with their subject."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit import Run
from fusekit.data import Cohort
from fusekit.errors import OptionError
from fusekit.experiment import demonstrate
from fusekit.experiment.demonstrate import SETTINGS, _deal, _middle, _some
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Quiet

CONFIG = Settings.of({"task": "adni-ad", "folds": 3})


def rows(subjects: int = 12, slices: int = 6) -> pd.DataFrame:
    subject = np.repeat([f"s{k:02}" for k in range(subjects)], slices)
    return pd.DataFrame({"subject": subject, "label": np.repeat(np.arange(subjects) % 2, slices)})


def test_the_wrong_split_shares_subjects_and_the_right_one_does_not() -> None:
    table = rows()
    by_slice, by_subject = _deal(table, "slice", CONFIG), _deal(table, "subject", CONFIG)
    assert by_subject.groupby(table["subject"]).nunique().eq(1).all()
    assert by_slice.groupby(table["subject"]).nunique().gt(1).all()
    for folds in (by_slice, by_subject):  # equal shares of the classes, equal sizes
        assert table["label"].groupby(folds).mean().tolist() == [0.5] * 3
        assert folds.value_counts().tolist() == [24] * 3


def test_the_middle_slices_are_neighbours() -> None:
    table = pd.DataFrame({"scan": ["a"] * 11 + ["b"] * 3, "slice": [*range(20, 31), 4, 5, 6]})
    kept = _middle(table)
    assert kept.loc[kept["scan"] == "a", "slice"].tolist() == [22, 23, 24, 25, 26, 27]
    assert kept.loc[kept["scan"] == "b", "slice"].tolist() == [4, 5, 6]


def test_large_cohorts_are_sampled_by_class_one_scan_a_subject(
    small_cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fusekit.experiment.demonstrate.SUBJECTS", 12)
    some = _some(small_cohort, 0)
    assert some.scans["subject"].is_unique
    counts, all_ = some.subjects.value_counts(), small_cohort.subjects.value_counts()
    assert counts.tolist() == (all_ / 2).round().astype(int).tolist()
    assert some.clinical.index.equals(some.scans.index)
    assert _some(small_cohort, 0).scans.equals(some.scans)


def test_four_trainings_end_in_a_table_a_figure_and_a_manifest(small_run: Run, tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "task": "adni-ad",
        "backbone": "test_resnet",
        "folds": 3,
        "epochs": 1,
        "image_size": 32,
        "out": tmp_path / "shown",
        "options": {"synthetic": {"subjects": 24}},
    }
    made = demonstrate.demonstrate(given, Quiet())
    assert {path.name for path in made.folder.iterdir()} == {"scores.csv", "inflation.png", "manifest.json"}
    assert list(dict.fromkeys(zip(made.scores["labels"], made.scores["split"], strict=True))) == list(SETTINGS)
    assert (made.subjects, made.slices, made.synthetic) == (24, 24 * 6, True)
    assert made.chance == pytest.approx(13 / 24)
    of_slices = made.scores[(made.scores["split"] == "slice") & (made.scores["level"] == "subject")]
    assert (of_slices["subjects"] > 20).all()  # nearly everybody is on both sides
    written = pd.read_csv(made.folder / "scores.csv")
    pd.testing.assert_frame_equal(written, made.scores, check_dtype=False)
    manifest = json.loads((made.folder / "manifest.json").read_text())
    assert manifest["synthetic"] is True
    assert manifest["slices"]["space"] == "fraction"


def test_whole_volumes_cannot_show_it(tmp_path: Path) -> None:
    given = {"task": "adni-ad", "out": tmp_path / "x", "options": {"slices": {"plane": "volume"}}}
    with pytest.raises(OptionError, match="needs several slices of a subject"):
        demonstrate.demonstrate(given, Quiet())
    assert not (tmp_path / "x").exists()
