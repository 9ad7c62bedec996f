"""What lies in a folder: images by kind, masks, tables, archives, by their paths in it with / between folders."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fusekit.data.own import files


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
    """Walk through a folder; see ``fusekit.data.own.files``."""
    found = files.look(folder)
    drawn = [path for path in found.series if files.is_mask(path, folder)]
    series = [path for path in found.series if path not in drawn]
    kinds = {"NIfTI": found.volumes, "DICOM series": series, "picture": found.pictures}
    images = {kind: sorted(map(found.shown, paths)) for kind, paths in kinds.items() if paths}
    masks = sorted(map(found.shown, (*found.masks, *found.drawings, *drawn)))
    return Found(images, masks, [*map(found.shown, found.tables)], [*map(found.shown, found.archives)])
