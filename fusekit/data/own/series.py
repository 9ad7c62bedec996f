"""DICOM series: what a folder of files holds, by their headers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusekit.data.cohort import Finding
from fusekit.data.images.dicom.files import is_dicom, read_dataset
from fusekit.data.own.problems import note
from fusekit.errors import DataError, first_ten

_TAGS = (
    *("SeriesInstanceUID", "SeriesDescription", "SeriesNumber", "Modality", "ImageType", "PatientID"),
    *("Manufacturer", "ManufacturerModelName", "Rows"),
)
#: What to do where there are several.
CHOOSE = (
    "Choose one by a part of its description, or of the file's or folder's name: -o task.series=TEXT, or in a TOML "
    'series = "TEXT".'
)
_LOCALISER = re.compile(r"locali[sz]er|scout|topogram|surview|scanogram", re.IGNORECASE)


@dataclass(frozen=True)
class Image:
    """An image: a file, the folder of a DICOM series, or one of its files where the folder holds other series too."""

    path: Path
    description: str = ""
    patient: str = ""
    scanner: str = ""

    def shown(self, folder: Path) -> str:
        """As messages have it."""
        path = self.path.relative_to(folder).as_posix()
        return f"{path} [{self.description}]" if self.description else path


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which DICOM series to take: part of its description or name, and its modality (empty: any)."""

    name: str = ""
    modality: str = ""

    def among(self, images: Sequence[Image], folder: Path) -> list[Image]:
        """Those whose description, or path below the data folder, holds the name, in any case."""
        return [image for image in images if self.name.lower() in image.shown(folder).lower()]

    def __str__(self) -> str:
        return f" called {self.name!r}" if self.name else ""


def series_in(folder: Path, files: Sequence[Path], modality: str, findings: list[Finding]) -> list[Image]:
    """Group the DICOM files of a folder into series; localisers and other modalities are left out, and noted."""
    groups: dict[str, tuple[dict[str, str], list[Path]]] = {}
    for file in files:
        header = _header(file)
        groups.setdefault(header["SeriesInstanceUID"], (header, []))[1].append(file)
    kept, localisers, others = [], [], []
    for header, members in groups.values():
        shown = f"{members[0]}: {header['SeriesDescription'] or 'no description'} ({len(members)} files)"
        if (modality and header["Modality"] not in (modality, "")) or not header["Rows"]:
            others.append(f"{shown}, {header['Modality']}")
        elif _LOCALISER.search(header["ImageType"]) or _LOCALISER.search(header["SeriesDescription"]):
            localisers.append(shown)
        else:
            scanner = f"{header['Manufacturer']} {header['ManufacturerModelName']}".strip()
            path = folder if len(groups) == 1 else members[0]
            kept.append(Image(path, header["SeriesDescription"], header["PatientID"], scanner))
    note(findings, "localiser", "localisers, not used", localisers)
    message = f"DICOM series that are no {modality} images, not used".replace("  ", " ")
    note(findings, "other-modality", message, others)
    return kept


def of_folder(path: Path, wanted: Wanted, folder: Path, findings: list[Finding]) -> Image:
    """The one wanted series of a folder of DICOM files; others are noted, and none or several refused with a clause."""
    name = path.relative_to(folder).as_posix()
    files = [file for file in sorted(path.iterdir()) if is_dicom(file)]
    if not files:
        raise DataError(f"the folder {name} holds no DICOM files itself; name the image.")
    there = series_in(path, files, wanted.modality, findings)
    chosen = [image for image in there if wanted.name.lower() in image.description.lower()]
    if not chosen:
        raise DataError(f"{name} holds no {wanted.modality} series{wanted}.".replace("  ", " "))
    if len(chosen) > 1:
        listed = first_ten(image.shown(folder) for image in chosen)
        raise DataError(f"{name} holds {len(chosen)} series{wanted}: {listed}. {CHOOSE}")
    note_unused([image for image in there if image not in chosen], wanted, folder, findings)
    return chosen[0]


def note_unused(images: Sequence[Image], wanted: Wanted, folder: Path, findings: list[Finding]) -> None:
    """Note which images of subjects in use are not looked at."""
    message = f"further images of subjects in use, not called {wanted.name!r}"
    note(findings, "unused-series", message, [image.shown(folder) for image in images], dropped="scans", along=0)


def _header(path: Path) -> dict[str, str]:
    """Some elements as text, "" where absent."""
    header = read_dataset(path, keywords=_TAGS)
    try:
        return {tag: _text(header.get(tag)) for tag in _TAGS}
    except Exception as error:  # an element is decoded, and found damaged, when it is asked for
        raise DataError(f"{path}: the DICOM file cannot be read ({error}). Get it again, or take it away.") from error


def _text(value: Any) -> str:
    parts = [] if value is None else [value] if isinstance(value, str | int | float) else value
    return " ".join(map(str, parts)).strip()
