"""Small images as hospitals have them, written with pydicom, nibabel and Pillow; and one synthetic cohort."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusekit.progress import Quiet
from tests.shared import made_once

SUBJECTS = 8


def write_series(
    folder: Path,
    patient: str,
    description: str = "PORTAL",
    *,
    name: str = "{:02}.dcm",
    seed: int = 0,
    slices: int = 4,
    modality: str = "CT",
    image_type: str = "AXIAL",
) -> np.ndarray:
    """Write a series of 8 x 6 pixels; returns HU (slices, 8, 6) from below upwards."""
    import pydicom
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    stored = rng.integers(0, 2000, (slices, 8, 6)).astype(np.uint16)
    series = generate_uid()
    for number, index in enumerate(rng.permutation(slices)):
        data: Any = pydicom.Dataset()
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, generate_uid()
        data.Modality, data.SeriesInstanceUID, data.SeriesDescription = modality, series, description
        data.PatientID, data.ImageType = patient, ["ORIGINAL", "PRIMARY", image_type]
        data.Manufacturer, data.ManufacturerModelName = "ACME", "One"
        if modality != "SR":
            data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, 5 * int(index)], [1, 0, 0, 0, 1, 0]
            data.PixelSpacing, data.SliceThickness = [2, 3], 5
            data.Rows, data.Columns, data.SamplesPerPixel, data.PhotometricInterpretation = 8, 6, 1, "MONOCHROME2"
            data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
            data.RescaleSlope, data.RescaleIntercept = 2, -1024
            data.PixelData = stored[index].tobytes()
        data.save_as(folder / name.format(number), enforce_file_format=True)
    return stored.astype(np.float64) * 2 - 1024


def write_nifti(path: Path, seed: int = 0, *, mask: bool = False) -> np.ndarray:
    """Write a volume of 6 x 8 x 5 voxels, in RAS order."""
    import nibabel

    nib: Any = nibabel
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    data = (
        (rng.random((6, 8, 5)) < 0.4).astype(np.uint8) if mask else rng.integers(-500, 500, (6, 8, 5), dtype=np.int16)
    )
    nib.save(nib.Nifti1Image(data, np.diag([3.0, 2.0, 5.0, 1.0])), path)
    return np.asarray(data)


def write_picture(path: Path, seed: int = 0) -> np.ndarray:
    """Write a grey PNG of 8 x 6 pixels."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 6), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole synthetic cohort, small."""
    from fusekit_hmi.synthetic.cohort import write_cohort

    return made_once(tmp_path_factory, "hmi", lambda folder: write_cohort(folder, Quiet(), seed=5, subjects=SUBJECTS))
