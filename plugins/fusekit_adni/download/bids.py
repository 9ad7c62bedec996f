"""Images of a Clinica BIDS tree, and of a CAPS ``t1_linear`` tree.

``sub-ADNI002S0295/ses-M000/anat/sub-ADNI002S0295_ses-M000_T1w.nii.gz``;
``subjects/<sub>/<ses>/t1_linear/<sub>_<ses>_..._T1w.nii.gz``.
"""

import re
from collections.abc import Callable
from pathlib import Path

from fusekit_adni.download.images import Download, Image
from fusekit_adni.download.tree import Tree
from fusekit_adni.labels.visits import canonical

#: Preference of an image by the entities of its name, smaller is preferred; None leaves it out.
Rank = Callable[[dict[str, str]], tuple[int, ...] | None]

#: A subject's folder; Clinica leaves the underscores of ``002_S_0295`` out.
SUBJECT = re.compile(r"sub-ADNI(\d{3})S(\d{4,})", re.ASCII)
_VOLUME = re.compile(r"(?P<name>.+_T1w|T1w)\.nii(\.gz)?", re.IGNORECASE)
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


def preference(parts: dict[str, str]) -> tuple[int, int]:
    """Smaller is preferred: few entities besides the run (``acq-``, ``rec-`` ...), then a low run."""
    run = parts.get("run", "0")
    others = len(parts.keys() - {"run"})
    return (others, int(run)) if run.isdecimal() else (others + 1, 0)


def add_bids_images(subject: Path, tree: Tree, found: Download) -> None:
    """Add the T1-weighted images of a subject's folder."""
    _add(subject, tree, found, "anat", lambda parts: None if _DERIVED & parts.keys() else preference(parts))


def add_caps_images(subject: Path, tree: Tree, found: Download) -> None:
    """Add the registered images of a subject's folder; the cropped one of a session is preferred."""

    def rank(parts: dict[str, str]) -> tuple[int, ...] | None:
        if "space" not in parts:
            return None  # not registered to anything
        others = {key: value for key, value in parts.items() if key not in ("space", "desc", "res")}  # same for all
        return int(parts.get("desc") != "Crop"), *preference(others)

    _add(subject, tree, found, "t1_linear", rank)


def _add(subject: Path, tree: Tree, found: Download, inside: str, rank: Rank) -> None:
    """Add T1-weighted images, every one with its session's visit; they lie in the folder ``inside`` of a session's."""
    for session in tree.folders(subject):
        if not session.name.startswith("ses-"):
            continue
        volumes = [path for folder in tree.folders(session) if folder.name == inside for path in tree.files(folder)]
        images = [image for path in volumes if (image := _image(path, subject.name, session.name, found, rank))]
        found.images.extend(images)
        if not images:
            found.empty.append(session)


def _image(path: Path, subject: str, session: str, found: Download, rank: Rank) -> Image | None:
    """The image in a file; None for another kind, or another subject's file, which is noted."""
    match = _VOLUME.fullmatch(path.name)
    if match is None or not match["name"].endswith("T1w"):
        return None
    parts = entities(match["name"])
    if f"sub-{parts.pop('sub', '')}" != subject or f"ses-{parts.pop('ses', '')}" != session:
        found.strangers.append(path)
        return None
    preferred = rank(parts)
    if preferred is None:
        return None
    name, visit = match["name"], visit_of(session)
    return Image(ptid(subject) or "", name, None, 0, 0, path, name=name, visit=visit, rank=preferred)
