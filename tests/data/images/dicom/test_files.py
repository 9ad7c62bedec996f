"""Which files are DICOM, and how much of one is read."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import UID, CTImageStorage, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

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


def _without_preamble(path: Path, syntax: UID, *, meta: bool) -> Path:
    """A file that begins with its first element, of its meta group or of its data."""
    data = pydicom.Dataset()
    data.SpecificCharacterSet, data.SOPClassUID, data.PatientID, data.Rows = "ISO_IR 100", CTImageStorage, "P1", 2
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = syntax != ExplicitVRBigEndian, syntax == ImplicitVRLittleEndian
    if meta:
        lines = FileMetaDataset()
        lines.TransferSyntaxUID, lines.MediaStorageSOPClassUID = syntax, CTImageStorage
        lines.MediaStorageSOPInstanceUID = UID("1.2.3")
        write_file_meta_info(stream, lines)
    write_dataset(stream, data)
    path.write_bytes(stream.getvalue())
    return path


@pytest.mark.parametrize(
    ("syntax", "meta"),
    [
        (ImplicitVRLittleEndian, False),
        (ExplicitVRLittleEndian, False),
        (ExplicitVRBigEndian, False),
        (ExplicitVRLittleEndian, True),
    ],
)
@pytest.mark.parametrize("name", ["a.dcm", "IM0001"])
def test_a_file_without_preamble_is_read(tmp_path: Path, syntax: UID, meta: bool, name: str) -> None:
    path = _without_preamble(tmp_path / name, syntax, meta=meta)
    assert b"DICM" not in path.read_bytes()
    assert is_dicom(path)
    found = read_dataset(path)
    assert (found.PatientID, found.Rows) == ("P1", 2)
    assert found.file_meta.TransferSyntaxUID == syntax


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 200,
        b"subject,age\n" * 20,
        b"\x08\x00",
        b"\x08\0\x05\0" + b"\xff" * 200,
        b"\x89PNG\r\n\x1a\n" + b"x" * 99,
    ],
)
def test_what_begins_otherwise_is_no_dicom(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert not is_dicom(tmp_path / "a")
    (tmp_path / "a.dcm").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.dcm: the DICOM file cannot be read"):
        read_dataset(tmp_path / "a.dcm")
