from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest

from fusekit.data import read
from fusekit.progress import Quiet
from fusekit_hmi.synthetic import cohort
from fusekit_hmi.synthetic.cohort import write_cohort
from tests.plugins.fusekit_hmi.conftest import SUBJECTS


def test_files_are_where_a_reader_finds_them(synthetic: Path) -> None:
    assert "SYNTHETIC" in (synthetic / "README.txt").read_text()
    table = pd.read_csv(synthetic / "clinical.csv")
    assert len(table) == SUBJECTS
    folders = {path.name for path in (synthetic / "images").iterdir()}
    assert folders <= set(table["patient_id"])
    masks = {path.name.removesuffix(".nii.gz") for path in (synthetic / "masks").iterdir()}
    assert masks < folders


def test_masks_lie_on_the_scans_grid(synthetic: Path) -> None:
    for path in (synthetic / "masks").iterdir():
        mask = read(path)
        scan = read(next((synthetic / "images" / path.name.removesuffix(".nii.gz")).iterdir()))
        assert mask.data.shape == scan.data.shape
        np.testing.assert_allclose(mask.affine, scan.affine, atol=1e-3)
        assert 20 < float(np.median(scan.data[mask.data > 0])) < 110  # a tumour is there
        stored: Any = nibabel.load(path)
        # As DICOM counts: to the left, to the back, upwards.
        np.testing.assert_allclose(np.diag(stored.affine)[:3], [-2.8, -2.8, 5.0], rtol=1e-6)


@pytest.fixture
def without_pixels(monkeypatch: pytest.MonkeyPatch) -> list[cohort._Job]:
    """Collect what would be written."""
    jobs: list[cohort._Job] = []
    monkeypatch.setattr(cohort, "_write", jobs.append)
    return jobs


def test_half_have_masks_and_some_have_oddities(tmp_path: Path, without_pixels: list[cohort._Job]) -> None:
    write_cohort(tmp_path, Quiet(), subjects=1000)
    jobs = without_pixels
    assert len(jobs) == pytest.approx(980, abs=15)
    assert np.mean([job.mask for job in jobs]) == pytest.approx(0.5, abs=0.05)
    assert np.mean([job.style.localiser for job in jobs]) == pytest.approx(0.15, abs=0.04)
    assert np.mean([not job.style.names.endswith(".dcm") for job in jobs]) == pytest.approx(0.2, abs=0.04)
    label = pd.read_csv(tmp_path / "clinical.csv").set_index("patient_id")["mvi"]
    masked = pd.Series({job.patient: job.mask for job in jobs})
    by_label = masked.groupby(label.reindex(masked.index)).mean()
    assert by_label[0] == pytest.approx(by_label[1], abs=0.08)


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    contents = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_cohort(tmp_path / name, Quiet(), seed=3, subjects=4)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file() and path.suffix != ".gz")
        contents.append({path.relative_to(tmp_path / name): path.read_bytes() for path in files})
    assert contents[0] == contents[1]


def test_other_seeds_give_other_people(tmp_path: Path, without_pixels: list[cohort._Job]) -> None:
    for seed in (0, 1):
        (tmp_path / str(seed)).mkdir()
        write_cohort(tmp_path / str(seed), Quiet(), seed=seed, subjects=20)
    assert (tmp_path / "0" / "clinical.csv").read_text() != (tmp_path / "1" / "clinical.csv").read_text()
