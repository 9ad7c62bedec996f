"""DICOM series: slices sorted by where they lie in the body, in the units of their modality."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fusekit.data.images.dicom_files import is_dicom, read_dataset
from fusekit.data.images.volume import Volume, canonical, refuse_overclaimed
from fusekit.errors import DataError

#: Distances between neighbouring slices may differ by this share before a slice counts as missing.
TOLERANCE = 0.1
#: More bytes of pixels than this are believed only of a file that is no smaller than a thousandth of them.
_HARMLESS, _MOST_PACKED = 2**26, 1000


_SCALARS = {"thickness": "SliceThickness", "slope": "RescaleSlope", "intercept": "RescaleIntercept"}


@dataclass(frozen=True)
class _Frame:
    """A slice: a file, or a frame of a multi-frame file."""

    path: Path
    number: int
    position: np.ndarray  # (3,) of the first pixel's centre, in mm, patient coordinates (LPS)
    axes: np.ndarray  # (2, 3) unit vectors: along a row, down a column
    pixel: tuple[float, float]  # mm between rows, between columns
    shape: tuple[int, int]  # rows, columns
    thickness: float | None = None
    slope: float = 1.0
    intercept: float = 0.0

    def __str__(self) -> str:
        return f"{self.path.name}" + (f" frame {self.number + 1}" if self.number else "")


def read_dicom(path: Path) -> Volume | None:
    """Read a series: a folder of DICOM files, or one file of the series; None if it is neither.

    DICOM files end in ``.dcm`` or carry the format's mark (``DICM`` after 128 bytes), whatever their name. A folder may
    hold one series; of a folder with several, name a file of the one that is meant. Values are rescaled by slope and
    intercept (Hounsfield units for CT). Multi-frame files are read if they place each frame in the body (enhanced MR
    and CT). Compressed files are read if pydicom has a decoder for their transfer syntax.

    Refused are damaged files, several series, colours, slices without a position, repeated, with gaps, or of different
    size or direction, and a transfer syntax without decoder.
    """
    whole = path.is_dir()
    if not (whole or is_dicom(path)):
        return None
    files = sorted(file for file in (path if whole else path.parent).iterdir() if is_dicom(file))
    if not files:
        return None
    wanted = None if whole else _series_of(path, read_dataset(path))
    series: dict[str, list[_Frame]] = {}
    for file in files:
        header = read_dataset(file)
        uid = _series_of(file, header)
        if wanted is None or uid == wanted:
            with _naming(file):
                series.setdefault(uid, []).extend(_frames(file, header))
    if len(series) > 1:
        listed = ", ".join(f"{frames[0].path.name} ({len(frames)} slices)" for frames in series.values())
        raise DataError(f"{path}: the folder holds {len(series)} DICOM series; name a file of the right one: {listed}.")
    frames, step = _in_order(path, next(iter(series.values())))
    first = frames[0]
    lps = np.eye(4)
    lps[:3] = np.stack([first.axes[0] * first.pixel[1], first.axes[1] * first.pixel[0], step, first.position], axis=1)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps  # DICOM counts to the left and to the back, FuseKit the other way
    return canonical(path, lambda: _pixels(frames), affine)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in whatever its header raises: elements are decoded, and found damaged, when they are asked for."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # values of the wrong kind surface anywhere
        raise DataError(f"{path}: the DICOM header is damaged ({type(error).__name__}: {error}).") from error


def _series_of(path: Path, header: Any) -> str:
    with _naming(path):
        return str(header.get("SeriesInstanceUID", ""))


def _frames(path: Path, header: Any) -> list[_Frame]:
    if int(header.get("SamplesPerPixel") or 1) != 1:
        raise DataError(f"{path}: the DICOM image is in colour; grey values are needed.")
    if "PerFrameFunctionalGroupsSequence" in header:
        shared = header.get("SharedFunctionalGroupsSequence") or [{}]
        groups = header.PerFrameFunctionalGroupsSequence
        return [_frame(path, n, header, [*_macros(own), *_macros(shared[0]), header]) for n, own in enumerate(groups)]
    if int(header.get("NumberOfFrames") or 1) > 1:
        kind = header.get("SOPClassUID", "unknown class")
        raise DataError(
            f"{path}: a multi-frame file ({getattr(kind, 'name', kind)}) that does not place its frames in the body. "
            "Convert it to NIfTI, e.g. with dcm2niix."
        )
    return [_frame(path, 0, header, [header])]


def _macros(group: Any) -> list[Any]:
    return [element.value[0] for element in group if element.VR == "SQ" and element.value]


def _frame(path: Path, number: int, header: Any, places: list[Any]) -> _Frame:
    def find(keyword: str) -> Any:
        return next((place.get(keyword) for place in places if place.get(keyword) is not None), None)

    needed = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
    missing = [keyword for keyword in needed if not find(keyword)]
    if missing:
        raise DataError(f"{path}: {' and '.join(missing)} missing, so the slice cannot be placed in the body.")
    rows_apart, columns_apart = (float(value) for value in find("PixelSpacing"))
    given = {name: find(keyword) for name, keyword in _SCALARS.items()}
    frame = _Frame(
        path,
        number,
        position=np.array(find("ImagePositionPatient"), dtype=np.float64).reshape(3),
        axes=np.array(find("ImageOrientationPatient"), dtype=np.float64).reshape(2, 3),
        pixel=(rows_apart, columns_apart),
        shape=(int(header.Rows), int(header.Columns)),
        **{name: float(value) for name, value in given.items() if value is not None},
    )
    place = np.concatenate([frame.position, frame.axes.ravel(), frame.pixel, [frame.slope, frame.intercept]])
    if not (np.isfinite(place).all() and np.allclose(frame.axes @ frame.axes.T, np.eye(2), atol=0.01)):
        raise DataError(f"{path}: the slice's position, direction or rescaling is damaged. Get the file again.")
    return frame


def _in_order(path: Path, frames: list[_Frame]) -> tuple[list[_Frame], np.ndarray]:
    """Sort frames along the slices' normal; also the step (3,) from one to the next in mm."""
    first = frames[0]
    for frame in frames:
        same = np.allclose(frame.axes, first.axes, atol=1e-3) and np.allclose(frame.pixel, first.pixel, rtol=1e-3)
        if not same or frame.shape != first.shape:
            raise DataError(
                f"{path}: the slices {first} and {frame} differ in size, spacing or direction; "
                "they are no single volume (a localiser?)."
            )
    normal = np.cross(*first.axes)
    frames = sorted(frames, key=lambda frame: float(frame.position @ normal))
    if len(frames) == 1:
        if not first.thickness:
            raise DataError(f"{path}: one slice without SliceThickness; its extent is unknown.")
        return frames, normal * first.thickness
    steps = np.diff([frame.position for frame in frames], axis=0)  # (n - 1, 3)
    gaps = steps @ normal
    typical = np.median(gaps)
    for below, above, gap in zip(frames, frames[1:], gaps, strict=False):
        if not gap > TOLERANCE * typical:
            raise DataError(
                f"{path}: the slices {below} and {above} lie at the same position. The folder holds an image twice, or "
                "several time points."
            )
        if abs(gap - typical) > TOLERANCE * typical:
            raise DataError(
                f"{path}: slices are missing: {below} and {above} are {gap:.3g} mm apart, where {typical:.3g} mm is "
                "usual. Download the series again."
            )
    return frames, steps.mean(axis=0)


def _pixels(frames: list[_Frame]) -> np.ndarray:
    """Voxels (column, row, slice) float32, in the modality's units."""
    rows, columns = frames[0].shape
    data: np.ndarray | None = None
    opened: Path | None = None
    for index, frame in enumerate(frames):
        if frame.path != opened:
            stored = _decode(frame.path).reshape(-1, rows, columns)
            opened = frame.path
        if data is None:  # only now: a header's size is believed once its pixels were there
            data = np.empty((columns, rows, len(frames)), dtype=np.float32)
        if frame.number >= len(stored):
            raise DataError(f"{frame.path}: frame {frame.number + 1} is missing; the file has {len(stored)}.")
        data[:, :, index] = stored[frame.number].T * np.float32(frame.slope) + np.float32(frame.intercept)
    assert data is not None  # a series has a frame
    return data


def _decode(path: Path) -> np.ndarray:
    file = read_dataset(path, pixels=True)
    syntax = getattr(getattr(file, "file_meta", None), "TransferSyntaxUID", None)
    _refuse_undecodable(path, syntax)
    with _naming(path):  # decoders ask for all of the memory first
        frames, bits = int(file.get("NumberOfFrames") or 1), int(file.get("BitsAllocated") or 16)
        refuse_overclaimed(path, int(file.Rows) * int(file.Columns) * frames * bits // 8, _MOST_PACKED, _HARMLESS)
    try:
        pixels: np.ndarray = file.pixel_array
    except Exception as error:  # a decoder may raise anything
        raise DataError(
            f"{path}: the pixels cannot be decoded (transfer syntax {getattr(syntax, 'name', 'unknown')}); the file is "
            f"truncated or damaged. Get it again. ({error})"
        ) from error
    return pixels


def _refuse_undecodable(path: Path, syntax: Any) -> None:
    from pydicom.pixels.decoders.base import get_decoder

    if not getattr(syntax, "is_encapsulated", False):
        return
    advice = "Install its decoder (pip install 'fusekit[dicom]'), or convert the series to NIfTI, e.g. with dcm2niix."
    try:
        found = get_decoder(syntax).is_available
    except NotImplementedError:  # a film, or something newer than pydicom
        found, advice = False, "pydicom decodes no such syntax. Convert the series to NIfTI, e.g. with dcm2niix."
    if not found:
        raise DataError(f"{path}: the pixels are compressed as {syntax.name} ({syntax}), which is not read. {advice}")
