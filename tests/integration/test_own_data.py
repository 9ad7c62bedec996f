"""Somebody's own data from the first look to a prediction: drafted, trained, run again, predicted with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from fusekit import Run
from tests.conftest import CommandLine

nibabel: Any = untyped_nibabel

SMALL = ("--backbone", "test_resnet", "--epochs", "1", "--image-size", "32", "--batch-size", "8", "--folds", "3",
         "--explain", "none")  # fmt: skip


def series(folder: Path, volume: np.ndarray) -> None:
    """Write (X, Y, Z) as a DICOM series, a file a slice."""
    folder.mkdir(parents=True)
    uid = generate_uid()
    for z in range(volume.shape[2]):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MRImageStorage, generate_uid()
        file = FileDataset(str(folder / f"{z}.dcm"), {}, file_meta=meta, preamble=b"\0" * 128)
        file.SOPClassUID, file.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
        file.SeriesInstanceUID, file.Modality = uid, "MR"
        file.Rows, file.Columns = volume.shape[1], volume.shape[0]
        file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
        file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 16, 15, 0
        file.ImagePositionPatient, file.ImageOrientationPatient = [0, 0, 2 * z], [1, 0, 0, 0, 1, 0]
        file.PixelSpacing, file.SliceThickness = [1, 1], 2
        file.PixelData = volume[:, :, z].T.astype("<u2").tobytes()
        pydicom.dcmwrite(folder / f"{z}.dcm", file)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, 18 patients: half of them as DICOM series, half as NIfTI, paths in the table."""
    folder = tmp_path_factory.mktemp("own") / "cohort"
    rng = np.random.default_rng(0)
    lines = ["Fall;Bild;Befund;Alter;Geschlecht"]
    for k in range(18):
        volume = rng.integers(0, 900, (12, 14, 10))
        path = f"dicom/{k:03}" if k % 2 else f"nifti/{k:03}.nii.gz"
        if k % 2:
            series(folder / path, volume)
        else:
            (folder / "nifti").mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(volume.astype("i2"), np.diag([1, 1, 2, 1])), folder / path)
        age = "" if k == 4 else f"{rng.normal(60, 8):.1f}".replace(".", ",")
        lines.append(f"{k:03};{path};{'abc'[k % 3]};{age};{'MF'[k // 3 % 2]}")
    (folder / "faelle.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def test_from_a_folder_to_a_prediction(
    cohort: Path, tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = command_line("new-task", str(cohort), "--out", "befund.toml")
    assert code == 0, said
    assert "joined by Bild, one image for 18 of 18 rows" in said
    assert "subject Fall" in said
    assert "inputs Alter, Geschlecht" in said
    code, said = command_line("run", "befund.toml", "--fusion", "concat", *SMALL)
    assert code == 0, said
    assert "SYNTHETIC" not in said
    folder = next(Path("runs").iterdir())
    assert folder.name.startswith("befund-concat-")  # of the TOML's name, not its path
    run = Run(folder.absolute())
    assert not run.synthetic
    assert set(run.metrics["metric"]) == {"accuracy", "balanced-accuracy", "macro-auc"}
    assert list(run.predictions.columns[-3:]) == ["p_0", "p_1", "p_2"]
    np.testing.assert_allclose(run.predictions[["p_0", "p_1", "p_2"]].sum(axis=1), 1)
    assert run.manifest["data"]["folds"]["0"]["test"].keys() == {"a", "b", "c"}
    assert run.bundle.task["name"] == "befund"
    assert run.bundle.classes == ("a", "b", "c")
    assert str(tmp_path) not in (run.folder / "bundle" / "bundle.json").read_text()  # what is handed on
    assert str(tmp_path) in (run.folder / "manifest.json").read_text()  # what runs again from any folder
    modes = {path.stat().st_mode for path in run.folder.rglob("*") if path.is_file()}
    assert len(modes) == 1

    # Again from the manifest, in another folder: the same numbers.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    code, said = command_line("run", "--config", str(run.folder / "manifest.json"), "--out", "again")
    assert code == 0, said
    again = Run(elsewhere / "again")
    assert again.manifest["data"]["fingerprint"] == run.manifest["data"]["fingerprint"]
    np.testing.assert_allclose(again.predictions["p_2"], run.predictions["p_2"])

    # And for a new patient, without the TOML and the table.
    (tmp_path / "befund.toml").unlink()
    (elsewhere / "new.csv").write_text("Alter;Geschlecht\n61,5;F\n", "utf-8")
    code, said = command_line(
        "predict",
        str(run.folder),
        "--image",
        str(cohort / "dicom" / "001"),
        "--clinical",
        "new.csv",
        "--format",
        "json",
    )
    assert code == 0, said
    patient = json.loads(said)[0]
    assert sum(patient[f"p_{name}"] for name in "abc") == pytest.approx(1)


def test_what_is_wrong_is_said_before_anything_is_trained(
    cohort: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    toml = tmp_path / "t.toml"
    toml.write_text(
        f'data = "{cohort.as_posix()}"\ntable = "faelle.csv"\nimages = {{column = "Bild"}}\nsubject = "Fall"\n'
        'label = "Befund"\nclasses = ["a", "b"]\ncolumns = ["Alter", "Geschlect"]\n',
        "utf-8",
    )
    code, said = command_line("run", str(toml), *SMALL, "--out", str(tmp_path / "out"))
    assert code == 2
    assert "2 things to put right" in said
    assert "column missing: 'Geschlect' (renamed to 'Geschlecht'?)" in said
    assert "6 rows have a value of no class: 'c' (6)" in said
    assert not (tmp_path / "out").exists()
    code, said = command_line("run", str(tmp_path / "u.toml"))
    assert code == 2
    assert "there is no such file; did you mean 't.toml'?" in said
    code, said = command_line("run", str(toml), "-o", "task.horizon=3")
    assert code == 2
    assert "task has no option 'horizon'; it has no options" in said
