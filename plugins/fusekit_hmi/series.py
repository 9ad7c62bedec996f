"""DICOM series: what a folder of files holds, told from their headers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fusekit.data import Finding, read_dataset
from fusekit.errors import DataError
from fusekit_hmi.notes import note

_TAGS = (
    *("SeriesInstanceUID", "SeriesDescription", "SeriesNumber", "Modality", "ImageType", "PatientID"),
    *("Manufacturer", "ManufacturerModelName", "Rows"),
)
_LOCALISER = re.compile(r"locali[sz]er|scout|topogram|surview|scanogram", re.IGNORECASE)


@dataclass(frozen=True)
class Series:
    """One series of CT slices.

    Args:
        path: what to read it from: its folder, or one of its files where the folder holds other series too.
        description: SeriesDescription.
        patient: PatientID.
        scanner: manufacturer and model.
        files: how many.
    """

    path: Path
    description: str = ""
    patient: str = ""
    scanner: str = ""
    files: int = 1


def series_in(folder: Path, files: Sequence[Path], findings: list[Finding]) -> list[Series]:
    """Group the DICOM files of a folder into series; localisers and other modalities are left aside, and noted.

    Raises:
        DataError: a header cannot be read, with the file.
    """
    groups: dict[str, list[Path]] = {}
    headers: dict[str, dict[str, str]] = {}
    for file in files:
        header = _header(file)
        groups.setdefault(header["SeriesInstanceUID"], []).append(file)
        headers.setdefault(header["SeriesInstanceUID"], header)
    kept, localisers, others = [], [], []
    for uid, members in groups.items():
        header = headers[uid]
        shown = f"{members[0]}: {header['SeriesDescription'] or 'no description'} ({len(members)} files)"
        if header["Modality"] not in ("CT", "") or not header["Rows"]:
            others.append(f"{shown}, {header['Modality']}")
        elif _LOCALISER.search(header["ImageType"]) or _LOCALISER.search(header["SeriesDescription"]):
            localisers.append(shown)
        else:
            scanner = f"{header['Manufacturer']} {header['ManufacturerModelName']}".strip()
            path = folder if len(groups) == 1 else members[0]
            kept.append(Series(path, header["SeriesDescription"], header["PatientID"], scanner, len(members)))
    note(findings, "localiser", "localisers left aside", localisers)
    note(findings, "other-modality", "DICOM series that are no CT images, left aside", others)
    return kept


def _header(path: Path) -> dict[str, str]:
    """Some elements as text, "" where absent."""
    header = read_dataset(path, keywords=_TAGS)
    try:
        return {tag: _text(header.get(tag)) for tag in _TAGS}
    except Exception as error:  # an element is decoded, and found damaged, when it is asked for
        raise DataError(f"{path}: the DICOM file cannot be read ({error}). Get it again, or take it away.") from error


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value).strip() if isinstance(value, str | int | float) else " ".join(map(str, value)).strip()  # type: ignore[call-overload]
