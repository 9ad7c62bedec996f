"""Siemens mosaics, by the header of a real scanner (nibabel's test data; its pixels are invented)."""

import gzip
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pydicom
import pytest

from fusekit.data import Volume, read_dicom
from fusekit.errors import DataError
from tests.data.images.dicom.written import dataset

nibabel: Any = untyped_nibabel
#: Of that file, as nibabel's own tests have it (from SPM): columns, rows, slices to LPS.
AFFINE = np.array(
    [
        [-1.796875, 0, 0, 115],
        [0, -1.79684984, -0.01570896, 135.028779],
        [0, -0.00940843750, 2.99995887, -78.710481],
        [0, 0, 0, 1],
    ]
)


def _mosaic(path: Path, **elements: Any) -> np.ndarray:
    """Write a mosaic of 48 slices of 128 x 128; returns its pixels (896, 896)."""
    source = Path(nibabel.__file__).parent / "nicom" / "tests" / "data" / "siemens_dwi_0.dcm.gz"
    path.write_bytes(gzip.decompress(source.read_bytes()))
    data = pydicom.dcmread(path)
    pixels = np.random.default_rng(0).integers(0, 4000, (data.Rows, data.Columns)).astype(np.uint16)
    data.PixelData = pixels.tobytes()
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    data.save_as(path)
    return pixels


def _read(path: Path) -> Volume:
    volume = read_dicom(path)
    assert volume is not None
    return volume


def test_a_mosaic_is_the_volume_whose_slices_it_shows(tmp_path: Path) -> None:
    pixels = _mosaic(tmp_path / "a.dcm")
    volume = _read(tmp_path / "a.dcm")
    assert volume.data.shape == (128, 128, 48)
    tiles = [pixels[k // 7 * 128 :][:128, k % 7 * 128 :][:, :128] for k in range(48)]  # (row, column), row by row
    there = np.stack(tiles, axis=2).transpose(1, 0, 2)  # (column, row, slice)
    expected = nibabel.as_closest_canonical(nibabel.Nifti1Image(there.astype(np.float32), AFFINE))
    np.testing.assert_array_equal(volume.data, expected.get_fdata())
    np.testing.assert_allclose(volume.affine, expected.affine, atol=2e-3)


def test_mosaics_of_one_series_are_told_apart(tmp_path: Path) -> None:
    for number in (1, 2):
        pixels = _mosaic(tmp_path / f"{number}.dcm", AcquisitionNumber=number)
    with pytest.raises(DataError, match=r"AcquisitionNumber 1 \(48 slices\), 2 \(48 slices\)"):
        read_dicom(tmp_path)
    assert _read(tmp_path / "2.dcm").data[-1, -1, 0] == pixels[0, 0]  # LPS


def test_a_mosaic_without_siemens_header_is_refused_by_name(tmp_path: Path) -> None:
    data = dataset(np.arange(4096, dtype=np.uint16).reshape(64, 64))
    data.ImageType, data.NumberOfFrames = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"], 1
    data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    data.PixelSpacing, data.SliceThickness = [2, 2], 3
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    message = r"a\.dcm: a Siemens mosaic \(many slices in one picture\), and it has no Siemens header.*dcm2niix"
    with pytest.raises(DataError, match=message):
        read_dicom(tmp_path / "a.dcm")


def test_a_mosaic_that_is_no_square_of_slices_is_refused(tmp_path: Path) -> None:
    _mosaic(tmp_path / "a.dcm", Rows=895, PixelData=bytes(895 * 896 * 2))
    with pytest.raises(DataError, match="895 x 896 pixels are no 7 x 7 slices"):
        read_dicom(tmp_path / "a.dcm")
