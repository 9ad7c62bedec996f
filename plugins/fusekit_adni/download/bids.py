"""Images of a Clinica BIDS tree: ``sub-ADNI002S0295/ses-M000/anat/sub-ADNI002S0295_ses-M000_T1w.nii.gz``."""

from __future__ import annotations

import re
from pathlib import Path

from fusekit_adni.download.images import Download, Image
from fusekit_adni.download.tree import Tree
from fusekit_adni.labels.visits import canonical

#: A subject's folder; Clinica leaves the underscores of ``002_S_0295`` out.
SUBJECT = re.compile(r"sub-ADNI(\d{3})S(\d{4,})", re.ASCII)
_VOLUME = re.compile(r"(?P<name>.+)\.nii(\.gz)?", re.IGNORECASE)
#: Entities of images that were made from others, and are no scans.
_DERIVED = frozenset({"space", "desc", "label", "res"})


def ptid(folder: str) -> str | None:
    """``sub-ADNI002S0295`` -> ``002_S_0295``; None if it is no ADNI subject's."""
    match = SUBJECT.fullmatch(folder)
    return f"{match[1]}_S_{match[2]}" if match else None


def visit_of(session: str) -> str | None:
    """``ses-M000`` and ``ses-M00`` -> ``bl``; ``ses-M006`` -> ``m06``; None for another label."""
    return canonical(session.removeprefix("ses-"))


def entities(name: str) -> dict[str, str]:
    """``sub-X_ses-M000_run-2_T1w`` -> ``{"sub": "X", "ses": "M000", "run": "2"}``."""
    return dict(part.split("-", 1) for part in name.split("_") if "-" in part)


def add_images(subject: Path, tree: Tree, found: Download) -> None:
    """Add the T1-weighted images of a subject's folder: one a file, every one with its session's visit."""
    for session in _sessions(subject, tree):
        anat = [folder for folder in tree.folders(session) if folder.name == "anat"]
        volumes = [path for folder in anat for path in tree.files(folder)]
        images = [image for path in volumes if (image := _image(path, subject, session, found))]
        found.images.extend(images)
        if not images:
            found.empty.append(session)


def _sessions(subject: Path, tree: Tree) -> list[Path]:
    return [folder for folder in tree.folders(subject) if folder.name.startswith("ses-")]


def t1(path: Path, subject: Path, session: Path, found: Download) -> tuple[str, dict[str, str]] | None:
    """Name and entities of a T1-weighted file; None for another kind, or another subject's file, which is noted."""
    match = _VOLUME.fullmatch(path.name)
    if match is None or match["name"].rpartition("_")[2] != "T1w":
        return None
    name = match["name"]
    parts = entities(name)
    if f"sub-{parts.pop('sub', '')}" != subject.name or f"ses-{parts.pop('ses', '')}" != session.name:
        found.strangers.append(path)
        return None
    return name, parts


def preference(parts: dict[str, str]) -> tuple[int, int]:
    """Smaller is preferred: few entities besides the run (``acq-``, ``rec-`` ...), then a low run."""
    run = parts.get("run", "0")
    others = len(parts.keys() - {"run"})
    return (others, int(run)) if run.isdecimal() else (others + 1, 0)


def _image(path: Path, subject: Path, session: Path, found: Download) -> Image | None:
    described = t1(path, subject, session, found)
    if described is None or _DERIVED & set(described[1]):
        return None
    name, parts = described
    return Image(
        subject=ptid(subject.name) or "",
        description=name,
        acquired=None,
        number=0,
        series=0,
        path=path,
        name=name,
        visit=visit_of(session.name),
        rank=preference(parts),
    )
