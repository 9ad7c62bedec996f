"""DICOM files as scanners write them, of invented voxels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, CTImageStorage, EnhancedMRImageStorage, ExplicitVRLittleEndian

SHAPE = (5, 6, 7)
AFFINE = np.array([[0.7, 0, 0, -20.0], [0, 0.8, 0, 30.0], [0, 0, 2.5, -100.0], [0, 0, 0, 1]])
#: Along a row, down a column; in patient coordinates, which run to the left, the back and upwards.
AXIAL = ((1, 0, 0), (0, 1, 0))
CORONAL = ((1, 0, 0), (0, 0, -1))
SAGITTAL = ((0, 1, 0), (0, 0, -1))
LPS = np.array([-1, -1, 1])


def voxels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4000, SHAPE).astype(np.uint16)


def slices(axes: Any = AXIAL) -> list[tuple[np.ndarray, np.ndarray, list[float]]]:
    """Cut the voxels as a scanner would: position of the first pixel, pixels (rows, columns), pixel spacing."""
    along, down = (np.array(axis) for axis in axes)
    across = np.cross(along, down)
    spacing = np.diag(AFFINE)[:3]
    counts = [int(abs(axis) @ SHAPE) for axis in (along, down, across)]
    steps = [axis * (abs(axis) @ spacing) for axis in (along, down, across)]
    # the corner from which all three directions lead into the volume
    inward = LPS * (along + down + across)
    corner = np.where(inward > 0, 0, np.array(SHAPE) - 1)
    first = LPS * (AFFINE @ [*corner, 1])[:3]
    found = []
    for k in range(counts[2]):
        pixels = np.zeros((counts[1], counts[0]), np.uint16)
        for row in range(counts[1]):
            for column in range(counts[0]):
                world = LPS * (first + column * steps[0] + row * steps[1] + k * steps[2])
                i, j, l = np.rint(np.linalg.solve(AFFINE, [*world, 1])[:3]).astype(int)  # noqa: E741  (the field's indices)
                pixels[row, column] = voxels()[i, j, l]
        sizes = [float(abs(down) @ spacing), float(abs(along) @ spacing)]
        found.append((first + k * steps[2], pixels, sizes))
    return found


def dataset(pixels: np.ndarray, storage: Any = CTImageStorage) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = storage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = storage, meta.MediaStorageSOPInstanceUID
    data.SeriesInstanceUID = "1.2.3"
    data.Rows, data.Columns = pixels.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    data.PixelData = pixels.tobytes()
    return data


def write(
    folder: Path, axes: Any = AXIAL, change: Callable[[int, FileDataset], None] = lambda k, data: None
) -> list[Path]:
    """Write a series in an order that is not that of its positions."""
    folder.mkdir(exist_ok=True)
    paths = []
    for k, (position, pixels, spacing) in enumerate(slices(axes)):
        data = dataset(pixels)
        data.ImagePositionPatient = [float(value) for value in position]
        data.ImageOrientationPatient = [float(value) for axis in axes for value in axis]
        data.PixelSpacing = spacing
        change(k, data)
        paths.append(folder / f"IM{(k * 5 + 3) % 11:02}.dcm")
        data.save_as(paths[-1], enforce_file_format=True)
    return paths


def enhanced(folder: Path) -> Path:
    """All slices in one file, each frame with its own place and rescaling."""
    planes = slices(AXIAL)
    data = dataset(np.stack([pixels for _, pixels, _ in planes[::-1]]), EnhancedMRImageStorage)
    data.NumberOfFrames = len(planes)

    def item(**elements: Any) -> Sequence:
        part = Dataset()
        for keyword, value in elements.items():
            setattr(part, keyword, value)
        return Sequence([part])

    data.SharedFunctionalGroupsSequence = item(
        PlaneOrientationSequence=item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
        PixelMeasuresSequence=item(PixelSpacing=planes[0][2]),
    )
    frames = []
    for position, _, _ in planes[::-1]:
        place = item(ImagePositionPatient=[float(value) for value in position])
        values = item(RescaleSlope=2, RescaleIntercept=5)
        frames.append(item(PlanePositionSequence=place, PixelValueTransformationSequence=values)[0])
    data.PerFrameFunctionalGroupsSequence = Sequence(frames)
    path = folder / "enhanced.dcm"
    data.save_as(path, enforce_file_format=True)
    return path


def encoded(uid: UID, encode: Callable[[np.ndarray], bytes]) -> Callable[[int, FileDataset], None]:
    def change(k: int, data: FileDataset) -> None:
        assert data.file_meta is not None
        data.PixelData = pydicom.encaps.encapsulate([encode(data.pixel_array)])
        data.file_meta.TransferSyntaxUID = uid

    return change


def lossless_jpeg(pixels: np.ndarray) -> bytes:
    """JPEG lossless, first-order prediction, written from the standard (ITU T.81, annex H): no library encodes it."""
    rows, columns = pixels.shape
    values = pixels.astype(int)
    predicted = np.empty_like(values)
    predicted[0, 0] = 1 << 15
    predicted[0, 1:] = values[0, :-1]
    predicted[1:, 0] = values[:-1, 0]
    predicted[1:, 1:] = values[1:, :-1]
    bits = ""
    for difference in ((values - predicted + (1 << 15)) % (1 << 16) - (1 << 15)).ravel().tolist():
        category = abs(difference).bit_length()
        bits += f"{category:05b}"  # every category has a code of five bits: its own number
        if 0 < category < 16:
            bits += f"{difference if difference > 0 else difference + (1 << category) - 1:0{category}b}"
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    frame: bytes = b"\xff\xc3\x00\x0b\x10" + rows.to_bytes(2, "big") + columns.to_bytes(2, "big") + b"\x01\x01\x11\x00"
    table = b"\xff\xc4" + (2 + 1 + 16 + 17).to_bytes(2, "big") + b"\x00" + bytes([0] * 4 + [17] + [0] * 11)
    return (
        b"\xff\xd8"
        + frame
        + table
        + bytes(range(17))
        + b"\xff\xda\x00\x08\x01\x01\x00\x01\x00\x00"
        + scan
        + b"\xff\xd9"
    )


def compressed(uid: str) -> Callable[[int, FileDataset], None]:
    return lambda k, data: data.compress(uid, generate_instance_uid=False)


def larger(pixels: np.ndarray) -> np.ndarray:
    """Each pixel as eight by eight: JPEG 2000 halves an image five times."""
    return pixels.repeat(8, axis=-1).repeat(8, axis=-2)
