"""Radiographs, mammograms, ultrasound, photographs and screenshots: DICOM images that have no place in the body."""

from pathlib import Path
from typing import Any

import numpy as np

from fusekit.data.images.dicom.files import read_dataset
from fusekit.data.images.dicom.frames import ELSEWHERE, naming
from fusekit.data.images.dicom.pixels import Pixels
from fusekit.data.images.pictures import NO_SPACING, as_shown
from fusekit.data.images.volume import Volume
from fusekit.errors import DataError

#: Storage classes of pictures, by how their UIDs go on after 1.2.840.10008.5.1.4.1.1: CR, DX, MG and intra-oral;
#: US (and retired), secondary captures, XA and RF, visible light and ophthalmic photographs.
_CLASSES = (
    *("1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1"),
    *("6", "6.1", "3", "3.1", "7", "7.1", "7.2", "7.3", "7.4", "12.1", "12.2"),
    *("77.1.1", "77.1.2", "77.1.3", "77.1.4", "77.1.5.1", "77.1.5.2"),
)
_ROOT = "1.2.840.10008.5.1.4.1.1."
#: Modalities of pictures, where a file does not say its class.
_MODALITIES = ("CR", "DX", "MG", "IO", "PX", "RG", "US", "ES", "XC", "OP", "GM", "SM", "DMS", "OT", "XA", "RF")
_PLACE = ("ImagePositionPatient", "ImageOrientationPatient")


def is_picture(header: Any) -> bool:
    """Whether a file is of a kind that has no place in the body, and has none."""
    if header.get("Rows") is None or all(header.get(keyword) for keyword in _PLACE):
        return False
    if "PerFrameFunctionalGroupsSequence" in header:
        return False
    uid = str(header.get("SOPClassUID") or "")
    if uid:
        return uid.startswith(_ROOT) and uid.removeprefix(_ROOT) in _CLASSES
    return header.get("Modality") in _MODALITIES


def read_picture(path: Path) -> Volume:
    """Read one picture as a volume (X, Y, 1), or (X, Y, 1, 3) in colour, which ``plane="axial"`` shows as viewers do.

    The size of a pixel is PixelSpacing, or ImagerPixelSpacing (at the detector); without either no size is claimed,
    and only PixelAspectRatio is kept. Nothing is said of the patient's sides.
    """
    with naming(path):
        file = read_dataset(path, pixels=True)
        count = int(file.get("NumberOfFrames") or 1)
        if count > 1:
            kind = getattr(file.get("SOPClassUID"), "name", "unknown class")
            raise DataError(
                f"{path}: the file ({kind}) is a film or stack of {count} pictures, and one picture is needed. "
                f"Extract the frames that you mean, e.g. as PNG with dcm2img (DCMTK). {ELSEWHERE}"
            )
        spacing, note = _spacing(file)
        pixels = Pixels()
        values = pixels.of(path, file, 0, None)
        pixels.fill(path, values[None])
    return as_shown(path, values, (*pixels.notes, *([note] if note else [])), spacing)


def _spacing(file: Any) -> tuple[tuple[float, float], str]:
    """Millimetres from row to row and from column to column, and a note."""
    for keyword, note in (
        ("PixelSpacing", ""),
        ("ImagerPixelSpacing", "the size of a pixel is that at the detector (ImagerPixelSpacing), not in the patient"),
        ("NominalScannedPixelSpacing", "the size of a pixel is that on the scanned film (NominalScannedPixelSpacing)"),
    ):
        value = file.get(keyword)
        if value and len(value) == 2:
            found = float(value[0]), float(value[1])
            if np.isfinite(found).all() and min(found) > 0:
                return found, note
    ratio = file.get("PixelAspectRatio")
    if ratio and len(ratio) == 2 and float(ratio[0]) > 0 and float(ratio[1]) > 0:
        return (float(ratio[0]) / float(ratio[1]), 1.0), NO_SPACING
    return (1.0, 1.0), NO_SPACING
