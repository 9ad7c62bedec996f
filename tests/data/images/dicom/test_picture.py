"""Radiographs, ultrasound, photographs and screenshots in DICOM."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalXRayImageStorageForPresentation,
    OphthalmicPhotography8BitImageStorage,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
    VLPhotographicImageStorage,
)

from fusekit.data import SlicePolicy, Volume, cut, read_dicom
from fusekit.data.images.pictures import NO_SPACING
from fusekit.errors import DataError
from tests.data.images.dicom.written import dataset

PIXELS = np.random.default_rng(1).integers(1, 4000, (6, 9)).astype(np.uint16)


def _write(path: Path, storage: Any, pixels: Any = PIXELS, **elements: Any) -> Path:
    data: FileDataset = dataset(pixels.reshape(pixels.shape[:2]) if pixels.ndim == 2 else pixels[..., 0], storage)
    if pixels.ndim == 3:
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelData = 8, 8, 7, pixels.tobytes()
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    data.save_as(path, enforce_file_format=True)
    return path


def _read(path: Path) -> Volume:
    volume = read_dicom(path)
    assert volume is not None
    return volume


def _shown(volume: Volume) -> np.ndarray:
    return volume.data[::-1, ::-1, 0].T


@pytest.mark.parametrize(
    "storage",
    [
        ComputedRadiographyImageStorage,
        DigitalXRayImageStorageForPresentation,
        DigitalMammographyXRayImageStorageForPresentation,
        UltrasoundImageStorage,
        SecondaryCaptureImageStorage,
        VLPhotographicImageStorage,
        OphthalmicPhotography8BitImageStorage,
    ],
)
def test_a_file_without_a_place_in_the_body_is_a_picture(tmp_path: Path, storage: Any) -> None:
    volume = _read(_write(tmp_path / "a.dcm", storage))
    np.testing.assert_array_equal(_shown(volume), PIXELS)
    assert (volume.spacing, volume.orientation, volume.notes) == ((1, 1, 1), "", (NO_SPACING,))


@pytest.mark.parametrize(
    ("elements", "spacing", "note"),
    [
        ({"PixelSpacing": [0.3, 0.2]}, (0.2, 0.3), ""),
        ({"ImagerPixelSpacing": [0.4, 0.1]}, (0.1, 0.4), "at the detector"),
        ({"PixelSpacing": [0.3, 0.2], "ImagerPixelSpacing": [0.4, 0.1]}, (0.2, 0.3), ""),
        ({"NominalScannedPixelSpacing": [0.5, 0.6]}, (0.6, 0.5), "on the scanned film"),
        ({"PixelAspectRatio": [4, 3]}, (1, 4 / 3), "records no place"),
        ({"PixelSpacing": [0, 0]}, (1, 1), "records no place"),
    ],
)
def test_the_size_of_a_pixel_is_the_one_in_the_file(
    tmp_path: Path, elements: dict[str, Any], spacing: tuple[float, float], note: str
) -> None:
    volume = _read(_write(tmp_path / "a.dcm", ComputedRadiographyImageStorage, **elements))
    assert volume.spacing == pytest.approx((*spacing, 1))
    assert len(volume.notes) == bool(note)
    assert note in " ".join(volume.notes)


def test_a_radiograph_of_monochrome1_is_shown_as_a_viewer_shows_it(tmp_path: Path) -> None:
    elements = {"BitsStored": 12, "HighBit": 11, "PhotometricInterpretation": "MONOCHROME1"}
    volume = _read(_write(tmp_path / "a.dcm", DigitalXRayImageStorageForPresentation, **elements))
    np.testing.assert_array_equal(_shown(volume), 4095 - PIXELS)
    images, _ = cut(volume, SlicePolicy(plane="axial", window=(4095, 2047.5)), 9)
    assert images.shape == (1, 9, 9)


def test_a_modality_says_so_where_no_class_does(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.dcm", ComputedRadiographyImageStorage, Modality="DX", SOPClassUID="")
    np.testing.assert_array_equal(_shown(_read(path)), PIXELS)


def test_a_ct_without_a_place_is_no_picture(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.dcm", CTImageStorage, Modality="CT")
    with pytest.raises(DataError, match="ImagePositionPatient and ImageOrientationPatient and PixelSpacing missing"):
        read_dicom(path)


def test_equal_colours_are_grey_and_others_are_colours(tmp_path: Path) -> None:
    grey = np.repeat((PIXELS % 256).astype(np.uint8)[:, :, None], 3, axis=2)
    volume = _read(_write(tmp_path / "grey.dcm", UltrasoundImageStorage, grey))
    np.testing.assert_array_equal(_shown(volume), PIXELS % 256)
    grey[0, 0] = (255, 0, 0)
    path = _write(tmp_path / "colour.dcm", VLPhotographicImageStorage, grey)
    coloured = _read(path)
    assert coloured.data.shape == (*volume.data.shape, 3)
    for band in range(3):
        np.testing.assert_array_equal(_shown(replace(coloured, data=coloured.data[..., band])), grey[:, :, band])


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    shades = (np.arange(256)[::-1] * 257).tolist()
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR", "BitsAllocated": 8, "BitsStored": 8}
    for name in ("Red", "Green", "Blue"):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        elements[f"{name}PaletteColorLookupTableData"] = np.array(shades, "<u2").tobytes()
    pixels = (PIXELS % 256).astype(np.uint8)
    path = _write(tmp_path / "a.dcm", UltrasoundImageStorage, pixels, **{"HighBit": 7, **elements})
    np.testing.assert_array_equal(_shown(_read(path)), 255 - PIXELS % 256.0)  # as SimpleITK and screens have it


def test_a_film_is_refused_with_a_way_out(tmp_path: Path) -> None:
    data = dataset(np.stack([PIXELS, PIXELS]), UltrasoundMultiFrameImageStorage)
    data.NumberOfFrames = 2
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(DataError, match=r"a film or stack of 2 pictures.*Extract the frames.*SimpleITK"):
        read_dicom(tmp_path / "a.dcm")


def test_of_a_folder_of_pictures_one_is_named(tmp_path: Path) -> None:
    one = _write(tmp_path / "a.dcm", ComputedRadiographyImageStorage)
    np.testing.assert_array_equal(_shown(_read(tmp_path)), PIXELS)
    _write(tmp_path / "b.dcm", ComputedRadiographyImageStorage, PIXELS[::-1])
    with pytest.raises(DataError, match=r"2 DICOM images, of which some are pictures.*: a\.dcm, b\.dcm"):
        read_dicom(tmp_path)
    np.testing.assert_array_equal(_shown(_read(one)), PIXELS)
