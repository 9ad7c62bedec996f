"""Arms of joined predictions in a comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusekit import compare
from fusekit.errors import OptionError
from fusekit.experiment.compare.late_fusion import sources_of
from fusekit.experiment.evidence import gather_evidence
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Quiet
from fusekit.report.kept import run_folders
from fusekit.testing import write_cohort
from tests.experiment.people import unreported


def test_late_fusions_are_arms_beside_those_they_are_made_of(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    task = write_cohort(own)
    settings: dict[str, Any] = {
        "task": str(task), "fusions": ["image-only"], "baselines": ["logistic"], "late_fusion": ["mean", "stacked"],
        "folds": 2, "validation": 0.4, "backbone": "test_resnet", "epochs": 1, "image_size": 32, "batch_size": 4,
        "out": tmp_path / "made", "progress": Quiet(), "explain": "none",
    }  # fmt: skip
    with unreported():
        made = compare(**settings)
    image, table, mean, stacked = made.runs
    arms = gather_evidence(made.runs).arms[2:]  # which refuses files that contradict each other
    assert [arm.name for arm in arms] == ["mean of image-only and logistic", "stacked of image-only and logistic"]
    assert all(arm.reads == {"image", "table"} for arm in arms)
    expected = (image.predictions["p_1"] + table.predictions["p_1"]) / 2
    np.testing.assert_allclose(mean.predictions["p_1"], expected, atol=1e-12)
    assert len(stacked.predictions) == len(image.predictions)
    assert run_folders(tmp_path / "made") == [run.folder for run in made.runs]  # which `fusekit report` shows
    before = (stacked.folder / "manifest.json").stat().st_mtime_ns
    with unreported():
        compare(**settings)
    assert (stacked.folder / "manifest.json").stat().st_mtime_ns == before  # kept


@pytest.mark.parametrize(
    ("arms", "ways", "said"),
    [
        (["image-only", "gbdt"], ["median"], "--late-fusion knows no 'median'; did you mean 'mean'"),
        (["concat", "gbdt"], ["mean"], "none of these reads the image alone: concat, gbdt"),
        (["image-only", "gbdt-components"], ["mean"], "none of these reads the table alone"),
        (["image-only+gbdt", "gbdt"], ["mean"], "none of these reads the image alone"),
        (["gbdt-network", "gbdt"], ["mean"], "none of these reads the image alone"),
    ],
)
def test_what_cannot_be_joined_is_said_before_anything_is_trained(arms: list[str], ways: list[str], said: str) -> None:
    made = {
        name: Settings.of({"task": "adni-ad", ("baseline" if name in ("gbdt", "gbdt-components") else "fusion"): name})
        for name in arms
    }
    with pytest.raises(OptionError, match=said):
        sources_of(made, ways)


def test_the_first_of_each_kind_is_joined() -> None:
    arms = {
        "concat": Settings.of({"task": "adni-ad", "fusion": "concat"}),
        "clinical-only": Settings.of({"task": "adni-ad", "fusion": "clinical-only"}),
        "image-only": Settings.of({"task": "adni-ad", "fusion": "image-only"}),
        "gbdt": Settings.of({"task": "adni-ad", "baseline": "gbdt"}),
    }
    assert sources_of(arms, ["mean"]) == ("image-only", "clinical-only")
    assert sources_of(arms, []) == ()
