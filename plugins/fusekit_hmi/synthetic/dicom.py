"""Write a scan as CT scanners do: one DICOM file per slice, in no order, with what belongs into a CT header."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fusekit_hmi.synthetic.abdomen import PIXEL, THICKNESS, Scan


@dataclass(frozen=True)
class Style:
    """How a hospital's scanner and archive write."""

    names: str  # of files; {} is a number
    intercept: int  # HU of a stored 0; stored values are signed where it is 0
    localiser: bool  # whether a localiser lies in the same folder
    maker: str  # of the scanner
    model: str


def write_series(rng: np.random.Generator, folder: Path, patient: str, scan: Scan, style: Style) -> None:
    """Write a scan into a new folder, one file per slice, in no order; the patient's id makes the UIDs."""
    folder.mkdir(parents=True)
    header = _header(patient, style)
    count = len(scan.hounsfield)
    numbers = rng.permutation(count + 3)
    x, y, z = scan.corner
    for index, image in enumerate(scan.hounsfield):
        header.InstanceNumber = count - index  # scanners count from the head down
        header.ImagePositionPatient = [round(x, 3), round(y, 3), round(z + index * THICKNESS, 3)]
        header.SliceLocation = round(z + index * THICKNESS, 3)
        _save(header, image, folder / style.names.format(numbers[index]), f"{patient} {index}")
    if style.localiser:
        _save_localiser(header, scan, folder / style.names.format(numbers[-1]), patient)


def _header(patient: str, style: Style) -> Any:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    header: Any = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID = CTImageStorage
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for keyword, value in tomllib.loads(Path(__file__).with_name("series.toml").read_text(encoding="utf-8")).items():
        setattr(header, keyword, value)
    header.Manufacturer, header.ManufacturerModelName = style.maker, style.model
    header.PatientName, header.PatientID = f"SYNTHETIC^{patient}", patient
    header.StudyInstanceUID, header.SeriesInstanceUID = _uid(f"{patient} study"), _uid(f"{patient} series")
    header.FrameOfReferenceUID = _uid(f"{patient} frame")
    header.PixelSpacing, header.SliceThickness = [PIXEL, PIXEL], THICKNESS
    header.PixelRepresentation, header.RescaleIntercept = int(style.intercept == 0), style.intercept
    return header


def _save(header: Any, hounsfield: np.ndarray, path: Path, name: str) -> None:
    header.Rows, header.Columns = hounsfield.shape
    header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = _uid(f"{name} slice")
    stored = hounsfield.astype(np.int32) - int(header.RescaleIntercept)
    header.PixelData = stored.astype("<i2" if header.PixelRepresentation else "<u2").tobytes()
    header.save_as(path, enforce_file_format=True)


def _save_localiser(header: Any, scan: Scan, path: Path, patient: str) -> None:
    header.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    header.SeriesInstanceUID, header.SeriesNumber = _uid(f"{patient} localiser"), 1
    header.SeriesDescription = "SCOUT"
    x, _, z = scan.corner
    header.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    header.ImagePositionPatient = [round(x, 3), 0, round(z + THICKNESS * (len(scan.hounsfield) - 1), 3)]
    header.PixelSpacing, header.SliceThickness, header.InstanceNumber = [THICKNESS, PIXEL], 350, 1
    _save(header, scan.hounsfield[::-1].mean(axis=1).astype(np.int16), path, f"{patient} localiser")


def _uid(text: str) -> str:
    from pydicom.uid import generate_uid

    return str(generate_uid(entropy_srcs=["fusekit synthetic", text]))  # the same text gives the same UID
