"""Synthetic downloads, one without pixels for what needs many people, one whole."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from fusekit.progress import Quiet
from fusekit_adni.synthetic import download
from fusekit_adni.synthetic.subjects import Strengths
from tests.shared import made_once


def _write_many(folder: Path, strength: float) -> None:
    """Write 2,000 people whose image files are empty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download, "_write_scan", _touch)
        strengths = Strengths(strength, strength, strength)
        download.write_download(folder, Quiet(), seed=11, subjects=2000, strengths=strengths)


def _touch(scan: download._Scan) -> None:
    scan.path.parent.mkdir(parents=True)
    scan.path.touch()


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 people with all effects, without pixels."""
    return made_once(tmp_path_factory, "many", partial(_write_many, strength=1.0))


@pytest.fixture(scope="session")
def null(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 people without any effect, without pixels."""
    return made_once(tmp_path_factory, "null", partial(_write_many, strength=0.0))
