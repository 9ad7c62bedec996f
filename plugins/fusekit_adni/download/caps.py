"""Images of a CAPS ``t1_linear`` tree: ``subjects/<sub>/<ses>/t1_linear/<sub>_<ses>_..._T1w.nii.gz``."""

from __future__ import annotations

from pathlib import Path

from fusekit_adni.download.bids import preference, ptid, t1, visit_of
from fusekit_adni.download.images import Download, Image
from fusekit_adni.download.tree import Tree

#: Entities that say how an image was made, the same for every one of a pipeline.
_MADE = frozenset({"space", "desc", "res"})


def add_images(subject: Path, tree: Tree, found: Download) -> None:
    """Add the registered images of a subject's folder; the cropped one of a session is preferred."""
    for session in tree.folders(subject):
        if not session.name.startswith("ses-"):
            continue
        made = [folder for folder in tree.folders(session) if folder.name == "t1_linear"]
        volumes = [path for folder in made for path in tree.files(folder)]
        images = [image for path in volumes if (image := _image(path, subject, session, found))]
        found.images.extend(images)
        if not images:
            found.empty.append(session)


def _image(path: Path, subject: Path, session: Path, found: Download) -> Image | None:
    described = t1(path, subject, session, found)
    if described is None:
        return None
    name, parts = described
    if "space" not in parts:
        return None  # not registered to anything
    uncropped = int(parts.get("desc") != "Crop")
    return Image(
        subject=ptid(subject.name) or "",
        description=name,
        acquired=None,
        number=0,
        series=0,
        path=path,
        name=name,
        visit=visit_of(session.name),
        rank=(uncropped, *preference({key: value for key, value in parts.items() if key not in _MADE})),
    )
