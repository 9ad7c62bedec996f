"""What lies in a folder: images by kind, masks, tables, archives. Names are looked at, and the mark of DICOM files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from fusekit.data.dicom_files import is_dicom
from fusekit.data.images import NIFTI_SUFFIXES
from fusekit.data.own.places import refuse_archive
from fusekit.errors import DataError

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
TABLES = (".csv", ".tsv")

_MASK = re.compile(r"(^|[^a-z])(mask|seg|segmentation|label|labels|roi|lesion|contour)s?([^a-z]|$)")


@dataclass
class Found:
    """Paths below a folder, relative to it, with / between folders.

    Args:
        images: kind (``NIfTI``, ``DICOM series``, ``picture``) -> images; of a series its folder.
        masks: images whose names say that they are masks or segmentations.
        tables: CSV and TSV files.
        archives: files that have to be unpacked to be used.
    """

    images: dict[str, list[str]] = field(default_factory=dict)
    masks: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The kind with most images; empty without images."""
        return max(self.images, key=lambda kind: len(self.images[kind]), default="")


def look(folder: Path) -> Found:
    """Walk through a folder; links and hidden names are not followed, nothing is opened but to see a file's mark.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder.")
    found = Found()
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        home = Path(here).relative_to(folder)
        series = False
        for name in sorted(names):
            path, kind = home / name, _kind(name)
            if name.startswith("."):
                continue
            if kind == "table":
                found.tables.append(path.as_posix())
            elif kind == "archive":
                found.archives.append(path.as_posix())
            elif kind:
                _keep(found, kind, path)
            elif not series and is_dicom(folder / path):
                series = True
                _keep(found, "DICOM series", home)
    return found


def _keep(found: Found, kind: str, path: Path) -> None:
    if _MASK.search(path.name.lower()) or (path.parent.name and _MASK.search(path.parent.name.lower())):
        found.masks.append(path.as_posix())
    else:
        found.images.setdefault(kind, []).append(path.as_posix())


def _kind(name: str) -> str:
    lower = name.lower()
    if lower.endswith(NIFTI_SUFFIXES) and not lower.endswith(".hdr"):  # of an Analyze pair the .img counts
        return "NIfTI"
    for kind, endings in (("picture", PICTURES), ("table", TABLES)):
        if lower.endswith(endings):
            return kind
    try:
        refuse_archive(name)
    except DataError:
        return "archive"
    return ""
