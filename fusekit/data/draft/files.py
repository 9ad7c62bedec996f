"""What lies in a folder: images by kind, masks, tables, archives, by their paths in it with / between folders."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fusekit.data.own import files


@dataclass
class Found:
    """Paths below a folder, relative to it, with / between folders."""

    images: dict[str, list[str]] = field(default_factory=dict)  # NIfTI, DICOM series, picture -> images
    masks: list[str] = field(default_factory=list)  # images that are masks or segmentations by their names
    tables: list[str] = field(default_factory=list)  # CSV and TSV files
    archives: list[str] = field(default_factory=list)  # have to be unpacked to be used

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
