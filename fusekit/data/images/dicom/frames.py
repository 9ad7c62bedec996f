"""Slices of DICOM files: where each lies in the body, and what tells the volumes of one series apart."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fusekit.errors import DataError

#: Attributes that are the same in all slices of a volume: where they differ, a series holds several volumes.
ONE_EACH = (
    *("EchoTime", "EffectiveEchoTime", "EchoNumbers", "ConvolutionKernel", "DiffusionBValue", "ComplexImageComponent"),
    *("TemporalPositionIdentifier", "TemporalPositionIndex", "ReferencedSegmentNumber"),
)
#: Attributes that may differ within a volume, and tell volumes apart where slices lie at the same places.
SOMETIMES = (
    *("AcquisitionNumber", "ImageType", "InversionTime", "FlipAngle", "NominalCardiacTriggerDelayTime", "TriggerTime"),
    *("NominalPercentageOfCardiacPhase", "DiffusionGradientOrientation", "KVP", "ReconstructionDiameter", "StackID"),
    *("AcquisitionTime", "AcquisitionDateTime", "FrameAcquisitionDateTime", "SeriesTime", "ContentTime"),
)
TRAITS = ONE_EACH + SOMETIMES
#: What is looked at in a header.
NEEDED = (
    *("SOPClassUID", "Rows", "Columns", "NumberOfFrames", "ImageType", "Modality", "ImagePositionPatient"),
    *("ImageOrientationPatient", "PixelSpacing", "SliceThickness", "GantryDetectorTilt"),
    *("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence", *TRAITS),
)

#: What to do with a file whose frames have no place.
ELSEWHERE = "Convert it to NIfTI, e.g. with dcm2niix or SimpleITK."


@dataclass(frozen=True, slots=True)
class Frame:
    """A slice: a file, a frame of a multi-frame file, or a tile of a mosaic."""

    path: Path
    number: int
    position: np.ndarray  # (3,) of the first pixel's centre, in mm, patient coordinates (LPS)
    axes: np.ndarray  # (2, 3) unit vectors: along a row, down a column
    pixel: tuple[float, float]  # mm between rows, between columns
    shape: tuple[int, int]  # rows, columns
    thickness: float | None = None
    tilt: float = 0.0  # of the gantry, in degrees, as the header says
    traits: dict[str, str] = field(default_factory=dict)
    corner: tuple[int, int] | None = None  # row and column of a tile's first pixel

    def __str__(self) -> str:
        number = f" frame {self.number + 1}" if self.number else ""
        return self.path.name + number + (f" at row {self.corner[0]}, column {self.corner[1]}" if self.corner else "")


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file in whatever its header raises: elements are decoded, and found damaged, when they are asked for."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # values of the wrong kind surface anywhere
        raise DataError(f"{path}: the DICOM header is damaged ({type(error).__name__}: {error}).") from error


def finder(header: Any, number: int) -> Callable[[str], Any]:
    """Look up elements of a frame: its own, those that all frames of its file share, the file's; None if absent."""
    places = [header]
    if groups := header.get("PerFrameFunctionalGroupsSequence"):
        shared = header.get("SharedFunctionalGroupsSequence") or [{}]
        places = [*_macros(groups[number]), *_macros(shared[0]), header]

    def find(keyword: str) -> Any:
        return next((place.get(keyword) for place in places if place.get(keyword) is not None), None)

    return find


def _macros(group: Any) -> list[Any]:
    return [element.value[0] for element in group if element.VR == "SQ" and element.value]


def frames_of(path: Path, header: Any) -> tuple[Frame, ...]:
    """The slices of a file; DataError if it does not place them in the body."""
    kind = getattr(header.get("SOPClassUID"), "name", "unknown class")
    if header.get("Rows") is None:
        raise DataError(f"{path}: the DICOM header has no Rows, so the file ({kind}) shows no image.")
    groups = header.get("PerFrameFunctionalGroupsSequence")
    count = len(groups) if groups else int(header.get("NumberOfFrames") or 1)
    if count > 1 and not groups:
        raise DataError(
            f"{path}: a multi-frame file ({kind}) that does not place its {count} frames in the body. {ELSEWHERE}"
        )
    return tuple(_frame(path, header, number) for number in range(count))


def _frame(path: Path, header: Any, number: int) -> Frame:
    find = finder(header, number)
    needed = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
    missing = [keyword for keyword in needed if not find(keyword)]
    if missing:
        raise DataError(f"{path}: {' and '.join(missing)} missing, so the slice cannot be placed in the body.")
    rows_apart, columns_apart = (float(value) for value in find("PixelSpacing"))
    thickness = find("SliceThickness")
    frame = Frame(
        path,
        number,
        position=np.array(find("ImagePositionPatient"), dtype=np.float64).reshape(3),
        axes=np.array(find("ImageOrientationPatient"), dtype=np.float64).reshape(2, 3),
        pixel=(rows_apart, columns_apart),
        shape=(int(header.Rows), int(header.Columns)),
        thickness=None if thickness is None else float(thickness),
        tilt=float(find("GantryDetectorTilt") or 0),
        traits={name: text for name in TRAITS if (text := as_text(find(name)))},
    )
    place = np.concatenate([frame.position, frame.axes.ravel(), frame.pixel])
    if not (np.isfinite(place).all() and np.allclose(frame.axes @ frame.axes.T, np.eye(2), atol=0.01)):
        raise DataError(f"{path}: the slice's position or direction is damaged. Get the file again.")
    return frame


def as_text(value: Any) -> str:
    r"""A value as messages and choices have it; several with \ between them; numbers as if they were typed."""
    if value is None:
        return ""
    if not isinstance(value, str | int | float) and hasattr(value, "__iter__"):
        return "\\".join(map(as_text, value))
    return f"{float(value):.6g}" if isinstance(value, float) else str(value).strip()
