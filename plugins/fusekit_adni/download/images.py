"""An image on disk, and everything that lies below a folder, whatever its layout."""

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from fusekit.data import read_dataset

Layout = Literal["loni", "bids", "caps"]

#: Of a sidecar nothing else is read: it also holds test scores.
_PROTOCOL = re.compile(r'term="Field Strength"\s*>\s*(\d+(?:\.\d+)?)\s*<')

#: How far a scanner's own figure may lie from the nominal one, e.g. 1.494 T.
_TOLERANCE = 0.3


@dataclass(frozen=True, slots=True)
class Image:
    """One image on disk."""

    subject: str  # PTID, e.g. 002_S_0413
    description: str  # the folder's name in a LONI download, where ";", blanks and "/" are underscores; else the file's
    acquired: date | None  # day of the scan; in BIDS and CAPS that of the session's exam, or None
    number: int  # LONI's image id without its "I"; the series number where DICOM files show no id; else 0
    series: int  # series number; 0 if none is shown
    path: Path  # the NIfTI file, or the folder of DICOM files
    name: str = ""  # what identifies the image where LONI's id does not
    visit: str | None = None  # canonical visit, where the image's place says it
    rank: tuple[int, ...] = ()  # smaller is preferred; empty: LONI's description decides

    @property
    def rid(self) -> int:
        """The roster id, by which study tables name the subject."""
        return int(self.subject.rpartition("_")[2])

    @property
    def image_id(self) -> str:
        """``I120917``; in BIDS and CAPS the file's name without suffix."""
        return self.name or f"I{self.number}"

    def scan(self, visit: str) -> str:
        """Name the scan that the image is at a visit."""
        return f"{self.subject}_{visit}" if self.rank else f"{self.subject}_{visit}_{self.image_id}"

    @property
    def preference(self) -> tuple[int, ...]:
        """Smaller is preferred among the images of a visit.

        Scaled, then N3m, then as acquired; first scans before repeats (``MPR-R``); more corrections before fewer; then
        the lowest series and id.
        """
        if self.rank:
            return self.rank
        level = 0 if re.search(r"Scaled(_\d+)?$", self.description) else 1 if "N3m" in self.description else 2
        corrections = sum(word in self.description for word in ("GradWarp", "B1_Correction", "N3"))
        repeat = int(bool(re.match(r"MPR-R|MP-RAGE_REPEAT|MP-RAGE-R", self.description, re.IGNORECASE)))
        return level, repeat, -corrections, self.series, self.number


@dataclass(frozen=True)
class Download:
    """What lies below a folder: images in one layout, and tables."""

    layout: Layout  # of the images
    images: list[Image] = field(default_factory=list)  # sorted by subject, visit or day, and id
    tables: list[Path] = field(default_factory=list)  # every .csv that is not below a subject's folder
    unread: list[Path] = field(default_factory=list)  # files that may be tables in another format
    participants: list[Path] = field(default_factory=list)  # participants.tsv of BIDS trees
    sessions: list[Path] = field(default_factory=list)  # *_sessions.tsv of BIDS subjects
    sidecars: dict[int, Path] = field(default_factory=dict)  # image number -> the archive's .xml about it
    empty: list[Path] = field(default_factory=list)  # image folders (LONI) or sessions (BIDS, CAPS) without an image
    unknown: list[Path] = field(default_factory=list)  # where a LONI download has a day's folder, or an image's
    copies: list[Path] = field(default_factory=list)  # of an image that is there already
    skipped: list[Path] = field(default_factory=list)  # masks and harmonised segmentations, which are no scans
    others: list[Path] = field(default_factory=list)  # images of other sequences and modalities
    strangers: list[Path] = field(default_factory=list)  # subjects' folders, and files, of no ADNI subject
    outside: list[Path] = field(default_factory=list)  # links that lead out of the folder, or nowhere
    archives: list[Path] = field(default_factory=list)  # zip and other archives
    whole: bool = True  # whether "images" are all there are

    @property
    def subjects(self) -> set[str]:
        """Those with an image."""
        return {image.subject for image in self.images}


def field_strength(image: Image, sidecars: dict[int, Path]) -> float | None:
    """Tesla, from the DICOM header or the archive's sidecar; None where neither says it."""
    if image.path.is_dir():
        first = min(path for path in image.path.iterdir() if path.suffix.lower() == ".dcm")
        try:
            tesla = read_dataset(first, keywords=("MagneticFieldStrength",)).get("MagneticFieldStrength")
            return None if tesla is None else float(tesla)
        except Exception:  # noqa: BLE001  (reading the pixels later refuses a damaged file by name)
            return None
    sidecar = sidecars.get(image.number)
    found = sidecar and _PROTOCOL.search(sidecar.read_text(encoding="utf-8", errors="replace"))
    return float(found[1]) if found else None


def is_expected(tesla: float | None, phase: str) -> bool:
    """Whether it is the study's main field strength: 1.5 T in the phase ADNI1, 3 T in the later ones."""
    return tesla is not None and bool(phase) and abs(tesla - (1.5 if phase == "ADNI1" else 3.0)) < _TOLERANCE
