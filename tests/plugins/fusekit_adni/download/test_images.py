from datetime import date
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from fusekit_adni.download.images import Image, field_strength, is_expected

SIDECAR = (
    '<assessment name="MMSE"><assessmentScore attribute="MMSCORE">29.0</assessmentScore></assessment>'
    '<protocolTerm><protocol term="Manufacturer">SIEMENS</protocol>{}</protocolTerm>'
)


def _image(path: Path, number: int = 7) -> Image:
    return Image("002_S_0413", "MP-RAGE", date(2008, 7, 31), number, 5, path)


def _sidecar(folder: Path, text: str) -> dict[int, Path]:
    path = folder / "ADNI_002_S_0413_MP-RAGE_S5_I7.xml"
    path.write_text(SIDECAR.format(text), encoding="utf-8")
    return {7: path}


def _dicom(folder: Path, tesla: float | None) -> Image:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, MRImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    header = FileDataset(folder / "1.dcm", {}, file_meta=meta, preamble=b"\0" * 128)
    header.Modality = "MR"
    if tesla is not None:
        header.MagneticFieldStrength = tesla
    header.save_as(folder / "1.dcm", enforce_file_format=True)
    return _image(folder)


@pytest.mark.parametrize("text", ["1.5", " 1.5", "1.494", "3.0"])
def test_the_sidecars_protocol_tells(tmp_path: Path, text: str) -> None:
    sidecars = _sidecar(tmp_path, f'<protocol term="Field Strength">{text}</protocol>')
    assert field_strength(_image(tmp_path / "x.nii"), sidecars) == float(text)
    assert field_strength(_image(tmp_path / "x.nii", number=8), sidecars) is None


@pytest.mark.parametrize(
    "text", ["", '<protocol term="Field Strength"></protocol>', '<protocol term="Weighting">T1</protocol>']
)
def test_a_sidecar_that_does_not_say(tmp_path: Path, text: str) -> None:
    assert field_strength(_image(tmp_path / "x.nii"), _sidecar(tmp_path, text)) is None


@pytest.mark.parametrize("tesla", [1.5, 3.0, None])
def test_a_series_says_it_itself(tmp_path: Path, tesla: float | None) -> None:
    assert field_strength(_dicom(tmp_path, tesla), {}) == tesla


def test_a_damaged_element_says_nothing(tmp_path: Path) -> None:
    image = _dicom(tmp_path, 1.5)
    path = tmp_path / "1.dcm"
    assert path.read_bytes().count(b"1.5 ") == 1
    path.write_bytes(path.read_bytes().replace(b"1.5 ", b"x.y "))
    assert field_strength(image, {}) is None


@pytest.mark.parametrize(("text", "expected"), [("1..5", None), (".", None), ("3.0.0", None), ("3.0 ", 3.0)])
def test_a_damaged_sidecar_is_no_traceback(tmp_path: Path, text: str, expected: float | None) -> None:
    told = _sidecar(tmp_path, f'<protocol term="Field Strength">{text}</protocol>')
    assert field_strength(_image(tmp_path / "a.nii"), told) == expected


def test_a_series_that_is_none_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "1.dcm").write_bytes(b"not DICOM")
    assert field_strength(_image(tmp_path), {}) is None


@pytest.mark.parametrize(
    ("tesla", "phase", "expected"),
    [
        *((1.5, "ADNI1", True), (1.494, "ADNI1", True), (3.0, "ADNI1", False)),
        *((3.0, "ADNIGO", True), (2.89, "ADNI2", True), (1.5, "ADNI3", False)),
        *((None, "ADNI1", False), (1.5, "", False), (3.0, "", False)),
    ],
)
def test_the_main_strength_of_a_phase(tesla: float | None, phase: str, expected: bool) -> None:
    assert is_expected(tesla, phase) is expected
