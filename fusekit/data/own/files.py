"""What lies below a data folder: tables, volumes, folders of DICOM files, pictures and masks. Nothing is read yet."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fusekit.data.clinical.workbook.sheet import SUFFIXES
from fusekit.data.images.dicom.files import is_dicom
from fusekit.data.images.itk import ITK_SUFFIXES
from fusekit.data.images.pictures import PICTURE_SUFFIXES
from fusekit.data.own.places import is_archive
from fusekit.errors import DataError

_VOLUMES = (".nii", ".nii.gz", ".hdr", ".hdr.gz", ".mgz", ".mgh", *ITK_SUFFIXES)
#: Endings of tables, in small letters.
TABLES = (".csv", ".tsv", *SUFFIXES)
#: Never DICOM, whatever is inside: not looked into.
_OTHER = re.compile(r".*\.(txt|json|xml|md|pdf|xlsx?|toml|log|html|img|img\.gz)", re.DOTALL)
_MASK_WORD = re.compile(r"masks?|segs?\d*|segmentations?|rois?|lesions?|contours?", re.IGNORECASE)
_MASK_FOLDER = re.compile(r"(.*[\W_])?(masks?|segs?|segmentations?|labels?|rois?|lesions?|contours?)", re.IGNORECASE)


@dataclass
class Files:
    """Files below a folder, in the order of their names."""

    folder: Path
    tables: list[Path] = field(default_factory=list)  # text and workbooks
    volumes: list[Path] = field(default_factory=list)  # files of volumes that are no masks
    series: dict[Path, list[Path]] = field(default_factory=dict)  # folders with DICOM files -> those files
    pictures: list[Path] = field(default_factory=list)  # 2-D files that are no masks
    masks: list[Path] = field(default_factory=list)  # volumes that are masks by their name or their folder's
    drawings: list[Path] = field(default_factory=list)  # 2-D files that are masks
    archives: list[Path] = field(default_factory=list)  # have to be unpacked to be used

    @property
    def images(self) -> Iterator[Path]:
        """Volumes, folders of DICOM files, pictures."""
        yield from (*self.volumes, *self.series, *self.pictures)

    def shown(self, path: Path) -> str:
        """A path as messages have it."""
        return path.relative_to(self.folder).as_posix()


def look(folder: Path) -> Files:
    """Walk a folder once, not through links to folders; refuse one that is not there or cannot be read."""
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder.")
    found = Files(folder)
    for here, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        for name in sorted(names):
            if not name.startswith((".", "~$")):  # the second are of a workbook that is open
                _sort_in(found, Path(here, name))
    return found


def is_mask(path: Path, folder: Path) -> bool:
    """Whether a file is a mask: ``P7_mask.nii.gz``, ``P7-seg.nii``, or anything in a folder ``masks``."""
    parts = path.relative_to(folder).parts
    in_masks = any(_MASK_FOLDER.fullmatch(part) for part in parts[:-1])
    return in_masks or any(_MASK_WORD.fullmatch(word) for word in re.split(r"[\W_]+", stem(path)))


def stem(path: Path) -> str:
    """A file's name without its suffix, ``.nii.gz`` being one."""
    name = path.name[: -len(".gz")] if path.name.lower().endswith((".nii.gz", ".hdr.gz", ".img.gz")) else path.name
    return Path(name).stem


def is_picture(path: Path) -> bool:
    """Whether a file is a 2-D picture by its suffix."""
    return path.name.lower().endswith(PICTURE_SUFFIXES)


def _sort_in(found: Files, path: Path) -> None:
    name = path.name.lower()
    if name.endswith(TABLES):
        found.tables.append(path)
    elif name.endswith(_VOLUMES):
        (found.masks if is_mask(path, found.folder) else found.volumes).append(path)
    elif is_picture(path):
        (found.drawings if is_mask(path, found.folder) else found.pictures).append(path)
    elif is_archive(name):
        found.archives.append(path)
    elif name.endswith(".dcm") or (not _OTHER.fullmatch(name) and is_dicom(path)):
        found.series.setdefault(path.parent, []).append(path)


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename}: the folder cannot be read: {error.strerror}.") from error
