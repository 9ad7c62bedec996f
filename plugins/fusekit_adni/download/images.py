"""An image on disk, and everything that lies below a folder, whatever its layout."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

Layout = Literal["loni", "bids", "caps"]


@dataclass(frozen=True, slots=True)
class Image:
    """One image on disk.

    Args:
        subject: PTID, e.g. ``002_S_0413``.
        description: in a LONI download the folder's name, in which ``;``, blanks and ``/`` are underscores; else the
            file's name.
        acquired: day of the scan; in BIDS and CAPS that of the session's exam, or None.
        number: LONI's image id without its ``I``; the series number where a folder of DICOM files shows no id; else 0.
        series: series number; 0 if none is shown.
        path: the NIfTI file, or the folder of DICOM files.
        name: what identifies the image where LONI's id does not.
        visit: canonical visit, where the image's place says it.
        rank: smaller is preferred; empty: LONI's description decides.
    """

    subject: str
    description: str
    acquired: date | None
    number: int
    series: int
    path: Path
    name: str = ""
    visit: str | None = None
    rank: tuple[int, ...] = ()

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

        Scaled, then N3m, then as acquired; first scans before repeats (``MPR-R``); more corrections before fewer;
        then the lowest series and id.
        """
        if self.rank:
            return self.rank
        level = 0 if re.search(r"Scaled(_\d+)?$", self.description) else 1 if "N3m" in self.description else 2
        corrections = sum(word in self.description for word in ("GradWarp", "B1_Correction", "N3"))
        repeat = int(bool(re.match(r"MPR-R|MP-RAGE_REPEAT|MP-RAGE-R", self.description, re.IGNORECASE)))
        return level, repeat, -corrections, self.series, self.number


@dataclass(frozen=True)
class Download:
    """What lies below a folder: images in one layout, and tables.

    Args:
        layout: of the images.
        images: sorted by subject, visit or day, and id.
        tables: every ``.csv`` that is not below a subject's folder.
        participants: ``participants.tsv`` of BIDS trees.
        sessions: ``*_sessions.tsv`` of BIDS subjects.
        sidecars: image number -> the archive's ``.xml`` about it.
        empty: image folders (LONI) or sessions (BIDS, CAPS) that hold no image.
        skipped: images of masks and harmonised segmentations, which are no scans.
        others: images of other sequences and modalities.
        strangers: subjects' folders, and files, whose names are no ADNI subject's.
        outside: links that lead out of the folder, or nowhere.
        archives: zip and other archives.
        whole: whether ``images`` are all there are.
    """

    layout: Layout
    images: list[Image] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)
    participants: list[Path] = field(default_factory=list)
    sessions: list[Path] = field(default_factory=list)
    sidecars: dict[int, Path] = field(default_factory=dict)
    empty: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    strangers: list[Path] = field(default_factory=list)
    outside: list[Path] = field(default_factory=list)
    archives: list[Path] = field(default_factory=list)
    whole: bool = True

    @property
    def subjects(self) -> set[str]:
        """Those with an image."""
        return {image.subject for image in self.images}
