"""FLAIR images beside the T1-weighted ones: of the same session in BIDS, of the same days in a LONI download."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from fusekit.data import Finding
from fusekit.data.own.problems import note
from fusekit.errors import DataError, OptionError
from fusekit.extension.registry import suggest
from fusekit_adni.download.bids import entities, preference
from fusekit_adni.download.images import Download
from fusekit_adni.download.loni import SUBJECT, described_as
from fusekit_adni.download.tree import Tree

#: What ``task.images`` takes; the first image is the T1.
IMAGES = ("t1", "flair")
#: A FLAIR belongs to a scan if it was made so many days before or after it at most: a visit may take two days.
LIMIT_DAYS = 7
_FLAIR = re.compile(r"(?<![a-z])flair(?![a-z])", re.IGNORECASE)
_BIDS = re.compile(r"(?P<name>.+_FLAIR)\.nii(\.gz)?", re.IGNORECASE)


class _Flair(NamedTuple):
    subject: str
    day: date
    rank: tuple[int, str]  # smaller is preferred: the first series of the day
    path: Path


def check_images(images: Sequence[str]) -> tuple[str, ...]:
    """Names of images in the order of the channels; OptionError for what is none, or where the T1 is not first."""
    found = tuple(name.strip().lower() for name in images)
    for name in found:
        if name not in IMAGES:
            raise OptionError(f"task.images knows no image {name!r}; {suggest(name, IMAGES)}")
    if found not in (IMAGES[:1], IMAGES):
        raise OptionError(f"task.images takes t1, or t1,flair in this order, not {','.join(images)}.")
    return found


def is_flair(path: Path) -> bool:
    """Whether an image of a LONI download is a FLAIR, by its description."""
    return _FLAIR.search(described_as(path)) is not None


def with_flair(scans: pd.DataFrame, download: Download, folder: Path, findings: list[Finding]) -> pd.DataFrame:
    """Keep the scans that have a FLAIR, with its path in the column ``image:flair``; the others are counted.

    ``scans`` have subject, acquired (date) and image (Path); ``folder`` is the data folder. Unused FLAIRs are counted.
    """
    if download.layout == "caps":
        raise DataError(f"{folder}: a CAPS t1_linear tree holds T1-weighted images alone; leave task.images out.")
    tree = Tree(folder)
    if download.layout == "bids":
        paths = [_of_session(Path(image), tree) for image in scans["image"]]
        unused: list[Path] = []
    else:
        there = [one for leaf in download.others if leaf.is_dir() and is_flair(leaf) for one in _of_leaf(leaf, tree)]
        own: dict[str, list[_Flair]] = {}
        for one in there:
            own.setdefault(one.subject, []).append(one)
        days = zip(scans["subject"], scans["acquired"], strict=True)
        paths = [_of_days(day, own.get(subject, [])) for subject, day in days]
        unused = [one.path for one in there if one.path not in paths]
    found = pd.Series(paths, index=scans.index, dtype=object)
    without = found.isna()
    if len(scans) and without.all():
        raise DataError(
            f"{folder}: none of the {len(scans)} scans has a FLAIR of the same session (LONI: within {LIMIT_DAYS} "
            "days). Download the FLAIR images too, or leave task.images out."
        )
    lost = len(set(scans["subject"]) - set(scans.loc[~without, "subject"]))
    message = f"scans without a FLAIR of the same session (LONI: within {LIMIT_DAYS} days), left out"
    note(findings, "scan-without-flair", message, scans.index[without], dropped="scans", along=lost)
    note(findings, "unused-flair", "FLAIR images of other days, or second ones of a day, not used", unused)
    return scans[~without].assign(**{"image:flair": found[~without]})


def _of_session(image: Path, tree: Tree) -> Path | None:
    """The preferred FLAIR in the folder of a T1-weighted image."""
    own = entities(image.name)
    ranked = []
    for path in tree.files(image.parent):
        if match := _BIDS.fullmatch(path.name):
            parts = entities(match["name"])
            if all(parts.pop(key, "") == own.get(key, "") for key in ("sub", "ses")) and "space" not in parts:
                ranked.append((preference(parts), path))
    return min(ranked)[1] if ranked else None


def _of_leaf(leaf: Path, tree: Tree) -> Iterator[_Flair]:
    """The FLAIR of an image folder: its NIfTI file, or its DICOM files as one series."""
    subject = next(name for name in leaf.parts[::-1] if SUBJECT.fullmatch(name))
    moment = leaf.parent.name
    names = [path.name for path in tree.files(leaf)]
    volumes = [name for name in names if name.lower().endswith((".nii", ".nii.gz"))]
    if volumes or any(name.lower().endswith(".dcm") for name in names):
        number = re.search(r"_S(\d+)_", (volumes or names)[0])
        rank = (int(number[1]) if number else 0, leaf.name)
        yield _Flair(subject, date.fromisoformat(moment[:10]), rank, leaf / volumes[0] if volumes else leaf)


def _of_days(day: date | None, own: Sequence[_Flair]) -> Path | None:
    """The nearest of a subject's FLAIRs, the first series of equals."""
    near = [
        (abs((one.day - day).days), one.rank, one.path)
        for one in own
        if day is not None and abs((one.day - day).days) <= LIMIT_DAYS
    ]
    return min(near)[2] if near else None
