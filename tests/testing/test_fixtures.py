"""What plugin authors get from pytest, used as they use it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import fusekit
from fusekit import Run
from fusekit.testing import check_backbone
from fusekit.testing.backbone import TinyBackbone


def test_the_cohort_lies_on_disk_and_is_read_as_peoples_own_data_are(tiny_cohort: Path) -> None:
    cohort = fusekit.cohort(str(tiny_cohort))
    assert not cohort.synthetic
    assert sorted(path.suffix for path in tiny_cohort.parent.glob("*.*")) == [".csv", *[".png"] * 20, ".toml"]
    assert "20" in repr(cohort)


def test_the_backbone_keeps_what_backbones_promise(tiny_backbone: TinyBackbone) -> None:
    check_backbone(tiny_backbone, in_channels=1)


def test_a_run_is_trained_and_tested_and_writes_into_pytests_folders(
    tiny_run: Callable[..., Run], tiny_cohort: Path, tmp_path: Path
) -> None:
    run = tiny_run(fusion="clinical-only", seed=3)
    assert run.folder == tmp_path / "run"
    assert run.manifest["config"]["task"] == str(tiny_cohort)
    assert run.manifest["config"]["seed"] == 3
    assert run.scores.query("level == 'subject' and metric == 'auc'")["rows"].item() == 4  # a fifth of 20
    assert (tiny_cohort.parent / "cache").is_dir()


def test_pytest_finds_them_by_the_entry_point_and_torch_is_not_loaded_for_it() -> None:
    code = "import sys, fusekit.testing.fixtures; print(sorted({'torch', 'numpy', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
