"""Synthetic downloads, one without pixels for what needs many people, one whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusekit.progress import Quiet
from fusekit_adni.synthetic import download
from fusekit_adni.synthetic.subjects import Strengths


def _write_many(folder: Path, strength: float) -> Path:
    """Write 2,000 people whose image files are empty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download, "_write_scan", _touch)
        strengths = Strengths(strength, strength, strength)
        download.write_download(folder, Quiet(), seed=11, subjects=2000, strengths=strengths)
    return folder


def _touch(scan: download._Scan) -> None:
    scan.path.parent.mkdir(parents=True)
    scan.path.touch()


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 people with all effects, without pixels."""
    return _write_many(tmp_path_factory.mktemp("many"), 1.0)


@pytest.fixture(scope="session")
def null(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 people without any effect, without pixels."""
    return _write_many(tmp_path_factory.mktemp("null"), 0.0)
