"""Images as the LONI archive delivers them: ``.../<PTID>/<description>/<date>/<S.. or I..>/<files>``."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

from fusekit.errors import DataError
from fusekit_adni.download.images import Download, Image
from fusekit_adni.download.tree import Tree

SUBJECT = re.compile(r"\d{3}_S_\d{4,}", re.ASCII)
#: An image's number in a file's name.
IMAGE_ID = re.compile(r"_I(\d+)\.", re.ASCII)
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})_\d{2}_\d{2}_\d{2}(\.\d+)?", re.ASCII)
_LEAF = re.compile(r"[SI]\d+", re.ASCII)
_SERIES = re.compile(r"_S(\d+)_", re.ASCII)
_VOLUMES = (".nii", ".nii.gz")
_SKIPPED = re.compile(r"mask|harp", re.IGNORECASE)
#: How a T1-weighted image is named: MP-RAGE (``MPR``, ``MT1`` once processed) or inversion-recovery (F)SPGR.
_T1 = re.compile(
    r"(?<![a-z0-9])(mp[-_]?rage|mpr(?![a-z0-9])|mt1(?![a-z0-9])|ir[-_]?f?spgr|t1w(?![a-z0-9]))|mprage", re.IGNORECASE
)
#: What it says where it is none after all. Words of their own: ``B1_Correction`` is a T1's.
_OTHER = re.compile(
    r"(?<![a-z0-9])(flair|t2(w|star)?|pdw?|dti|dwi|swi|tof|mip|(rs)?-?fmri|p?c?asl|perfusion|locali[sz]er|[a-z]*scout"
    r"|calibration|field_?map(ping)?|pet|fdg|pib|av\d+|fbb|coreg)(?![a-z0-9])|hippocampus",
    re.IGNORECASE,
)
_OTHER_MODALITY = re.compile(r"ADNI_\d{3}_S_\d+_(PT|NM|CT)_")


def described_as(path: Path) -> str:
    """The description of an image, from its place: the folder in its subject's folder."""
    parts = path.parts
    return next((name for above, name in pairwise(parts) if SUBJECT.fullmatch(above)), path.name)


def add_images(subject: Path, tree: Tree, found: Download) -> None:
    """Add what lies in a subject's folder; refuse a folder that is named after a day that does not exist."""
    for leaf, description, acquired in _leaves(subject, tree, found.unknown):
        if _SKIPPED.search(description) or _OTHER.search(description) or not _T1.search(description):
            (found.skipped if _SKIPPED.search(description) else found.others).append(leaf)
            continue
        links = len(tree.outside)
        images = list(_images(leaf, subject.name, description, acquired, tree))
        others = {image.path for image in images if _OTHER_MODALITY.match(image.path.name)}
        found.others.extend(image.path for image in images if image.path in others)
        found.images.extend(image for image in images if image.path not in others)
        if not images and len(tree.outside) == links:
            found.empty.append(leaf)


def _leaves(subject: Path, tree: Tree, unknown: list[Path]) -> Iterator[tuple[Path, str, date]]:
    for description in tree.folders(subject):
        for moment in tree.folders(description):
            match = _DATE.fullmatch(moment.name)
            if match is None:
                unknown.append(moment)
                continue
            try:
                acquired = datetime.strptime(match[1], "%Y-%m-%d").date()
            except ValueError:
                raise DataError(f"{moment}: {match[1]} is no date; the folder's name should be the scan's.") from None
            for leaf in tree.folders(moment):
                if _LEAF.fullmatch(leaf.name):
                    yield leaf, description.name, acquired
                else:
                    unknown.append(leaf)
            unknown.extend(path for path in tree.files(moment) if path.name.lower().endswith((*_VOLUMES, ".dcm")))


def _images(leaf: Path, subject: str, description: str, acquired: date, tree: Tree) -> Iterator[Image]:
    """The NIfTI volumes of a leaf, or its DICOM files as one series."""
    links = len(tree.outside)
    files = [path.name for path in tree.files(leaf)]
    volumes = [name for name in files if name.lower().endswith(_VOLUMES)]
    series = [name for name in files if name.lower().endswith(".dcm")]
    if not volumes and len(tree.outside) > links:
        return  # reading the series would read the whole folder
    for name in volumes or series[:1]:
        number, scan = IMAGE_ID.search(name), _SERIES.search(name)
        shown = int(number[1] if number else leaf.name[1:])
        series_number = int(scan[1]) if scan else int(leaf.name[1:]) if leaf.name.startswith("S") else 0
        path, named = leaf / name if volumes else leaf, "" if number or leaf.name.startswith("I") else leaf.name
        yield Image(subject, description, acquired, shown, series_number, path, named)
