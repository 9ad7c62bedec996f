"""Images as the LONI archive delivers them: ``.../<PTID>/<description>/<date>/<S.. or I..>/<files>``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from fusekit.data import read_table
from fusekit.errors import DataError
from fusekit.progress import Progress, Quiet

SUBJECT = re.compile(r"\d{3}_S_\d{4,}")
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})_\d{2}_\d{2}_\d{2}(\.\d+)?")
_LEAF = re.compile(r"[SI]\d+")
_IMAGE_ID = re.compile(r"_I(\d+)\.")
_SERIES = re.compile(r"_S(\d+)_")
_VOLUMES = (".nii", ".nii.gz")
_SKIPPED = re.compile(r"mask|harp", re.IGNORECASE)
_QUIET = Quiet()


@dataclass(frozen=True, slots=True)
class Image:
    """One image on disk.

    Args:
        subject: PTID, e.g. ``002_S_0413``.
        description: folder name, in which ``;``, blanks and ``/`` are underscores.
        acquired: day of the scan.
        number: the image id without its ``I``; the series number where a folder of DICOM files shows no id.
        series: series number; 0 if none is shown.
        path: the NIfTI file, or the folder of DICOM files.
    """

    subject: str
    description: str
    acquired: date
    number: int
    series: int
    path: Path

    @property
    def rid(self) -> int:
        """The roster id, by which study tables name the subject."""
        return int(self.subject.rpartition("_")[2])

    @property
    def preference(self) -> tuple[int, ...]:
        """Smaller is preferred among the images of a visit.

        Scaled, then N3m, then as acquired; first scans before repeats (``MPR-R``); more corrections before fewer;
        then the lowest series and id.
        """
        level = 0 if re.search(r"Scaled(_\d+)?$", self.description) else 1 if "N3m" in self.description else 2
        corrections = sum(word in self.description for word in ("GradWarp", "B1_Correction", "N3"))
        repeat = int(bool(re.match(r"MPR-R|MP-RAGE_REPEAT|MP-RAGE-R", self.description, re.IGNORECASE)))
        return level, repeat, -corrections, self.series, self.number


@dataclass(frozen=True)
class Download:
    """What lies below a folder: images, and what is outside the image tree.

    Args:
        images: sorted by subject, day and id.
        tables: every ``.csv`` that is not below a subject's folder.
        empty: leaves that hold no image.
        skipped: images of masks and harmonised segmentations, which are no scans.
        sidecars: image number -> the archive's ``.xml`` about it.
    """

    images: list[Image]
    tables: list[Path]
    empty: list[Path]
    skipped: list[Path]
    sidecars: dict[int, Path] = field(default_factory=dict)


def find_download(folder: Path, progress: Progress = _QUIET) -> Download:
    """Walk a folder once.

    Raises:
        DataError: there is no such folder, no image in it, or a folder that cannot be read.
    """
    if not folder.is_dir():
        raise DataError(f"--data {folder} is not a folder.")
    found = Download([], [], [], [])
    subjects = list(_walk(folder, found, frozenset()))
    for subject in progress.track(subjects, "looking for images", len(subjects), "subjects"):
        for leaf, description, acquired in _leaves(subject):
            if _SKIPPED.search(description):
                found.skipped.append(leaf)
            else:
                images = list(_images(leaf, subject.name, description, acquired))
                found.images.extend(images)
                found.empty.extend([] if images else [leaf])
    if not found.images:
        raise DataError(
            f"{folder} holds no images in the layout of a LONI download: "
            "<PTID>/<description>/<YYYY-MM-DD_HH_MM_SS.f>/<I.. or S..>/*.nii or *.dcm, at any depth. Unpack the "
            "download, and give the folder that holds both its images and the study tables."
        )
    found.images.sort(key=lambda image: (image.subject, image.acquired, image.number))
    return found


def _walk(folder: Path, found: Download, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    """Subjects' folders, at any depth; notes tables and sidecars on the way."""
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        return  # a link to a folder above: the walk would not end
    for entry in _entries(folder):
        if entry.is_dir():
            if SUBJECT.fullmatch(entry.name):
                yield Path(entry.path)
            elif not entry.name.startswith((".", "__MACOSX")):  # macOS's shadow of an unpacked archive
                yield from _walk(Path(entry.path), found, above | {here})
        elif entry.name.lower().endswith(".csv") and not entry.name.startswith("."):
            found.tables.append(Path(entry.path))
        elif entry.name.lower().endswith(".xml") and (number := _IMAGE_ID.search(entry.name)):
            found.sidecars[int(number[1])] = Path(entry.path)


def _leaves(subject: Path) -> Iterator[tuple[Path, str, date]]:
    for description in _folders(subject):
        for moment in _folders(description):
            match = _DATE.fullmatch(moment.name)
            if match is None:
                continue
            try:
                acquired = datetime.strptime(match[1], "%Y-%m-%d").date()
            except ValueError:
                raise DataError(f"{moment}: {match[1]} is no date; the folder's name should be the scan's.") from None
            for leaf in _folders(moment):
                if _LEAF.fullmatch(leaf.name):
                    yield leaf, description.name, acquired


def _folders(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in _entries(folder) if entry.is_dir()]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be read: {error.strerror}.") from error


def _images(leaf: Path, subject: str, description: str, acquired: date) -> Iterator[Image]:
    """The NIfTI volumes of a leaf, or its DICOM files as one series."""
    files = [entry.name for entry in _entries(leaf) if entry.is_file() and not entry.name.startswith(".")]
    volumes = [name for name in files if name.lower().endswith(_VOLUMES)]
    series = [name for name in files if name.lower().endswith(".dcm")]
    for name in volumes or series[:1]:
        number, scan = _IMAGE_ID.search(name), _SERIES.search(name)
        yield Image(
            subject=subject,
            description=description,
            acquired=acquired,
            number=int(number[1] if number else leaf.name[1:]),
            series=int(scan[1]) if scan else int(leaf.name[1:]) if leaf.name.startswith("S") else 0,
            path=leaf / name if volumes else leaf,
        )


def read_visits(tables: list[Path], folders: Mapping[int, str] | None = None) -> pd.Series:
    """Read the collection lists among the tables.

    Args:
        tables: where to look; a list is known by its column ``Image Data ID``.
        folders: image number -> the subject in whose folder the image lies.

    Returns:
        The visit as listed, by image number. Empty if there is no list.

    Raises:
        DataError: an image id is not one, or is listed for another subject, with file and line.
    """
    parts = [pd.DataFrame({"Visit": []}, dtype=str)]
    for path in tables:
        with path.open("rb") as file:
            if b"Image Data ID" not in file.read(4096):
                continue
        rows = read_table(path, required=("Image Data ID", "Subject", "Visit"))
        numbers = rows["Image Data ID"].str.extract(r"^I?(\d+)$")[0]
        if numbers.isna().any():
            line = numbers.index[numbers.isna()][0]
            raise DataError(
                f"{path}, line {line}, column 'Image Data ID': {rows.loc[line, 'Image Data ID']!r} is no image id."
            )
        numbers = numbers.astype(int)
        for line, number, subject in zip(rows.index, numbers, rows["Subject"], strict=True):
            folder = (folders or {}).get(number, subject)
            if folder != subject and SUBJECT.fullmatch(subject):
                raise DataError(
                    f"{path}, line {line}, column 'Subject': image I{number} is listed for {subject}, but lies in the "
                    f"folder of {folder}. Correct whichever is wrong."
                )
        parts.append(rows[["Visit"]].set_axis(numbers))
    listed = pd.concat(parts)["Visit"]
    return listed[~listed.index.duplicated(keep="last")]
