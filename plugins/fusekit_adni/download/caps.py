"""Images of a CAPS ``t1_linear`` tree: ``subjects/<sub>/<ses>/t1_linear/<sub>_<ses>_..._T1w.nii.gz``."""

from __future__ import annotations

from pathlib import Path

from fusekit_adni.download.bids import add_sessions, preference
from fusekit_adni.download.images import Download
from fusekit_adni.download.tree import Tree

#: Entities that say how an image was made, the same for every one of a pipeline.
_MADE = frozenset({"space", "desc", "res"})


def add_images(subject: Path, tree: Tree, found: Download) -> None:
    """Add the registered images of a subject's folder; the cropped one of a session is preferred."""
    add_sessions(subject, tree, found, "t1_linear", _rank)


def _rank(parts: dict[str, str]) -> tuple[int, ...] | None:
    if "space" not in parts:
        return None  # not registered to anything
    others = {key: value for key, value in parts.items() if key not in _MADE}
    return int(parts.get("desc") != "Crop"), *preference(others)
