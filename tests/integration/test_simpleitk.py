"""Our readers beside SimpleITK's, on every kind of file that both read: voxels, spacing, place."""

import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813  (the library's own name for itself)
from pydicom.dataset import FileDataset
from pydicom.uid import (
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    MRImageStorage,
    RLELossless,
)

from fusekit.data import Volume, read
from tests.data.images.dicom.written import (
    AXIAL,
    CORONAL,
    SAGITTAL,
    compressed,
    encoded,
    enhanced,
    larger,
    lossless_jpeg,
    voxels,
    write,
)

nibabel: Any = untyped_nibabel
#: Corners may lie so far apart, in mm; headers of NIfTI hold single precision.
CORNERS = 1e-4
TURNED = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]


def _beside(path: Path, **series: Any) -> tuple[float, float]:
    """Largest difference of voxels, and of corners in mm, after both are turned to the same axes."""
    if path.is_dir():
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(path)))
        image = reader.Execute()
    else:
        image = sitk.ReadImage(str(path))
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    lps[:3, 3] = image.GetOrigin()
    theirs = nibabel.Nifti1Image(sitk.GetArrayFromImage(image).T.astype(np.float64), np.diag([-1.0, -1, 1, 1]) @ lps)
    theirs = nibabel.as_closest_canonical(theirs)
    ours: Volume = read(path)
    assert ours.data.shape == theirs.shape
    corners = np.array([[*corner, 1] for corner in product(*[(0, count - 1) for count in theirs.shape])])
    apart = np.linalg.norm((corners @ (ours.affine - theirs.affine).T)[:, :3], axis=1)
    for count, size, expected in zip(theirs.shape, ours.spacing, theirs.header.get_zooms(), strict=True):
        assert count == 1 or size == pytest.approx(expected, rel=1e-5)  # of a single slice each takes its own extent
    return float(np.abs(ours.data - theirs.get_fdata()).max()), float(apart.max())


def _same(path: Path, rounding: float = 0.0) -> None:
    pixels, corners = _beside(path)
    assert pixels <= rounding
    assert corners <= CORNERS


def _oblique(k: int, data: FileDataset) -> None:
    data.SOPClassUID, data.Modality = MRImageStorage, "MR"
    data.ImagePositionPatient = [round(float(value), 9) for value in TURNED @ data.ImagePositionPatient]
    axes = np.reshape(data.ImageOrientationPatient, (2, 3)) @ TURNED.T
    data.ImageOrientationPatient = [round(float(value), 9) for value in axes.ravel()]


def _signed(k: int, data: FileDataset) -> None:
    data.PixelRepresentation = 1
    data.PixelData = (np.frombuffer(data.PixelData, np.uint16).astype(np.int16) - 2000).tobytes()


def _twelve_bits(k: int, data: FileDataset) -> None:
    data.BitsStored, data.HighBit = 12, 11
    data.PixelData = (np.frombuffer(data.PixelData, np.uint16) | 0xA000).tobytes()  # as old overlays


def _inverted(k: int, data: FileDataset) -> None:
    data.BitsStored, data.HighBit, data.PhotometricInterpretation = 12, 11, "MONOCHROME1"


def _rescaled(k: int, data: FileDataset) -> None:
    data.RescaleSlope, data.RescaleIntercept, data.Modality = 1 + k, -1024, "CT"


def _fractions(k: int, data: FileDataset) -> None:
    data.RescaleSlope, data.RescaleIntercept = "0.25", "-0.5"


def _wide(k: int, data: FileDataset) -> None:
    data.PixelData = larger(data.pixel_array).tobytes()
    data.Rows, data.Columns = 8 * data.Rows, 8 * data.Columns


def _syntax(uid: str) -> Callable[[int, FileDataset], None]:
    def change(k: int, data: FileDataset) -> None:
        assert data.file_meta is not None
        data["PixelData"].VR = "OW"
        data.file_meta.TransferSyntaxUID = pydicom.uid.UID(uid)

    return change


def _then(*changes: Callable[[int, FileDataset], None]) -> Callable[[int, FileDataset], None]:
    def change(k: int, data: FileDataset) -> None:
        for each in changes:
            each(k, data)

    return change


SERIES: dict[str, tuple[Any, Callable[[int, FileDataset], None]]] = {
    "axial": (None, lambda k, data: None),
    "coronal": (CORONAL, lambda k, data: None),
    "sagittal": (SAGITTAL, lambda k, data: None),
    "oblique MR": (None, _oblique),
    "signed": (None, _signed),
    "12 of 16 bits": (None, _twelve_bits),
    "MONOCHROME1": (None, _inverted),
    "rescaled by slice": (None, _rescaled),
    "rescaled by fractions": (None, _fractions),
    "MONOCHROME1, rescaled": (None, _then(_inverted, _fractions)),
    "RLE": (None, _then(_wide, compressed(RLELossless))),
    "JPEG 2000": (None, _then(_wide, compressed(JPEG2000Lossless))),
    "JPEG lossless": (None, encoded(JPEGLosslessSV1, lossless_jpeg)),
    "implicit little endian": (None, _syntax(ImplicitVRLittleEndian)),
}


@pytest.mark.parametrize("kind", SERIES)
def test_a_dicom_series(tmp_path: Path, kind: str) -> None:
    axes, change = SERIES[kind]
    write(tmp_path / "series", axes or AXIAL, change)
    _same(tmp_path / "series")


@pytest.mark.parametrize(
    "name", ["MR_small_jpeg_ls_lossless.dcm", "MR_small_RLE.dcm", "CT_small.dcm", "MR_small_bigendian.dcm"]
)
def test_pydicoms_own_files(tmp_path: Path, name: str) -> None:
    from pydicom.data import get_testdata_file

    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    _same(Path(shutil.copy(path, tmp_path)))


def test_an_enhanced_multi_frame_file(tmp_path: Path) -> None:
    path = enhanced(tmp_path)
    ours = read(path)
    image = sitk.ReadImage(str(path))  # without the places of its frames, which GDCM takes in the file's order
    theirs = sitk.GetArrayFromImage(image).transpose(2, 1, 0)[::-1, ::-1, ::-1]
    assert np.array_equal(ours.data, theirs)


def _nifti(path: Path, sform: int, qform: int, kind: Any = None) -> Path:
    data = voxels().astype(np.int16)
    affine = np.eye(4)
    affine[:3, :3] = TURNED @ np.diag([0.75, 1.25, 2.5])
    affine[:3, 3] = (-20, 30, 12.5)
    image = (kind or nibabel.Nifti1Image)(data, affine)
    image.set_sform(affine, sform)
    image.set_qform(affine, qform)
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.img"])
@pytest.mark.parametrize(("sform", "qform"), [(2, 0), (0, 1), (2, 1), (1, 1), (4, 2)])
def test_a_nifti_file(tmp_path: Path, name: str, sform: int, qform: int) -> None:
    kind = nibabel.Nifti1Pair if name == "a.img" else None
    _same(_nifti(tmp_path / name, sform, qform, kind))


def test_a_nifti_file_with_slope_and_intercept(tmp_path: Path) -> None:
    image = nibabel.load(_nifti(tmp_path / "a.nii", 1, 1))
    image.header.set_slope_inter(0.25, -10)
    nibabel.save(image, tmp_path / "b.nii")
    _same(tmp_path / "b.nii")


@pytest.mark.parametrize("name", ["a.mha", "a.mhd", "a.nrrd", "a.nhdr"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", [np.int16, np.uint8, np.float32, np.float64])
def test_metaimage_and_nrrd(tmp_path: Path, name: str, packed: bool, kind: Any) -> None:
    image = sitk.GetImageFromArray((voxels().T % 200).astype(kind))
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((10, -20, 30))
    image.SetDirection(TURNED.ravel().tolist())
    sitk.WriteImage(image, str(tmp_path / name), packed)
    _same(tmp_path / name)
    assert read(tmp_path / name).orientation
