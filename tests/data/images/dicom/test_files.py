"""Which files are DICOM, and how much of one is read."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from fusekit.data.images.dicom.files import is_dicom, read_dataset
from fusekit.errors import DataError


def _file(path: Path) -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.PatientID, data.Modality, data.Rows, data.PixelData = "P1", "CT", 2, bytes(8)
    data["PixelData"].VR = "OW"
    data.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("name", ["a.dcm", "A.DCM", "IM0001", "1.2.840.5", "a.ima"])
def test_a_file_is_known_by_suffix_or_mark(tmp_path: Path, name: str) -> None:
    assert is_dicom(_file(tmp_path / name))


@pytest.mark.parametrize("name", ["DICOMDIR", "dicomdir", "._IM0001.dcm", ".hidden"])
def test_lists_and_shadows_are_none(tmp_path: Path, name: str) -> None:
    assert not is_dicom(_file(tmp_path / name))


def test_other_files_folders_and_what_is_not_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("DICM")
    (tmp_path / "folder.dcm").mkdir()
    for name in ("notes.txt", "folder.dcm", "absent", "absent.dcm"):
        assert not is_dicom(tmp_path / name)


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.dcm")
    assert "PixelData" not in read_dataset(path)
    assert read_dataset(path, pixels=True).PixelData == bytes(8)
    asked = read_dataset(path, keywords=("PatientID", "Modality", "SeriesDescription"))
    assert {element.keyword for element in asked} == {"PatientID", "Modality"}
    assert asked.PatientID == "P1"


def test_what_is_no_dicom_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_text("no")
    with pytest.raises(DataError, match=r"a\.dcm: the DICOM file cannot be read"):
        read_dataset(tmp_path / "a.dcm")
