"""Find images and tables below a folder, and recognise the layout that they are in; ``--layout`` overrides it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from fusekit.errors import DataError
from fusekit.progress import Progress, Quiet
from fusekit_adni.download import bids, loni
from fusekit_adni.download.images import Download, Image, Layout
from fusekit_adni.download.tree import Tree
from fusekit_adni.tables.archive import get

_QUIET = Quiet()
_READERS: dict[Layout, Callable[[Path, Tree, Download], None]] = {
    "loni": loni.add_images,
    "bids": bids.add_bids_images,
    "caps": bids.add_caps_images,
}
_NAMES: dict[Layout, str] = {"loni": "a LONI download", "bids": "a Clinica BIDS tree", "caps": "a CAPS t1_linear tree"}
_SHAPES: dict[Layout, str] = {
    "loni": "<PTID>/<description>/<YYYY-MM-DD_HH_MM_SS.f>/<I.. or S..>/*.nii or *.dcm",
    "bids": "sub-ADNI002S0295/ses-M000/anat/sub-ADNI002S0295_ses-M000_T1w.nii.gz",
    "caps": "subjects/sub-ADNI002S0295/ses-M000/t1_linear/sub-ADNI002S0295_ses-M000_..._T1w.nii.gz",
}


@dataclass(frozen=True)
class _Survey:
    """What the walk over a folder met, without the content of subjects' folders."""

    subjects: dict[Layout, list[Path]] = field(default_factory=lambda: {"loni": [], "bids": [], "caps": []})
    strangers: list[Path] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)  # files that may be tables in another format
    participants: list[Path] = field(default_factory=list)
    sidecars: dict[int, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Contents:
    """What lies below a folder."""

    folder: Path
    tree: Tree
    survey: _Survey
    read: dict[Layout, Download]

    @property
    def found(self) -> dict[Layout, Download]:
        """What lies there in the layouts that have an image."""
        return {name: download for name, download in self.read.items() if download.images}

    @property
    def said(self) -> dict[Layout, str]:
        """Images and subjects of the layouts that are there, and where they lie, in words."""
        return {name: f"{_NAMES[name]}: {_count(each, self.survey, self.folder)}" for name, each in self.found.items()}


def find_download(
    folder: Path, layout: Literal["auto", "loni", "bids", "caps"] = "auto", progress: Progress = _QUIET
) -> Download:
    """Find images and tables at any depth below a folder, which is walked once.

    No image, images in several layouts, and a folder that cannot be read are refused.
    """
    contents = look(folder, layout, progress)
    found, survey = contents.found, contents.survey
    if not found:
        raise DataError(_nothing(contents))
    if len(found) > 1:
        listed = "; ".join(f"{_NAMES[name]} ({_count(images, survey, folder)})" for name, images in found.items())
        raise DataError(
            f"{folder} holds images in {len(found)} layouts: {listed}. Say which one to read: "
            f"{' or '.join(f'--layout {name}' for name in found)}."
        )
    ((name, download),) = found.items()
    tables = [*download.tables, *download.participants, *download.sessions]
    said = f"{len(tables)} tables{_places(tables, folder)}" if tables else "no tables"
    progress.say(f"{folder}: {contents.said[name]}, {said}")
    return download


def look(
    folder: Path, layout: Literal["auto", "loni", "bids", "caps"] = "auto", progress: Progress = _QUIET
) -> Contents:
    """Walk a folder and read what lies below it in each layout, or in one; what cannot be read is refused."""
    tree, survey = Tree(folder), _Survey()
    _walk(folder, tree, survey, frozenset())
    wanted = [name for name in _READERS if layout in ("auto", name)]
    return Contents(folder, tree, survey, {name: _read(name, tree, survey, progress) for name in wanted})


def _walk(folder: Path, tree: Tree, survey: _Survey, above: frozenset[tuple[int, int]]) -> None:
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        return  # a link to a folder above: the walk would not end
    for entry in tree.entries(folder):
        path, name = Path(entry.path), entry.name.lower()
        if entry.is_dir():
            if loni.SUBJECT.fullmatch(entry.name):
                survey.subjects["loni"].append(path)
            elif name.startswith("sub-"):
                # Of CAPS below "subjects", of nothing that is read in other derivatives, else of BIDS.
                if bids.ptid(path.name) is None:
                    survey.strangers.append(path)
                elif path.parent.name == "subjects":
                    survey.subjects["caps"].append(path)
                elif "derivatives" not in path.parts:
                    survey.subjects["bids"].append(path)
            else:
                _walk(path, tree, survey, above | {here})
        elif tree.is_archive(path):
            pass  # never unpacked: what is in it, and how large it gets, is not known
        elif name.endswith((".csv", ".csv.gz")):
            survey.tables.append(path)
        elif name.endswith((".xlsx", ".xls", ".ods", ".tsv", ".txt")) and name != "participants.tsv":
            survey.others.append(path)
        elif name == "participants.tsv":
            survey.participants.append(path)
        elif name.endswith(".xml") and (number := loni.IMAGE_ID.search(entry.name)):
            survey.sidecars[int(number[1])] = path


def _read(name: Layout, tree: Tree, survey: _Survey, progress: Progress) -> Download:
    subjects = survey.subjects[name]
    found = Download(name, tables=survey.tables, unread=survey.others, sidecars=survey.sidecars)
    for subject in progress.track(subjects, "looking for images", len(subjects), "subjects") if subjects else ():
        _READERS[name](subject, tree, found)
    found.images.sort(key=lambda image: (image.subject, str(image.acquired), image.visit or "", image.number))
    found = _once(found)
    if name != "loni":
        # A CAPS tree is made from a BIDS tree, which holds the tables.
        clinica = [*survey.subjects["bids"], *survey.subjects["caps"]]
        files = [(path, f"{subject.name}_sessions.tsv") for subject in clinica for path in tree.files(subject)]
        found.participants.extend(survey.participants)
        found.sessions.extend(path for path, sessions in files if path.name == sessions)
        found.strangers[:0] = survey.strangers
    return replace(found, outside=list(tree.outside), archives=list(tree.archives))


def _once(found: Download) -> Download:
    """Keep the first of an image that lies there again, as in two archives that were unpacked beside each other."""
    first: dict[tuple[object, ...], Image] = {}
    for image in found.images:
        first.setdefault((image.subject, image.description, image.acquired, image.image_id), image)
    kept = {image.path for image in first.values()}
    copies = [image.path for image in found.images if image.path not in kept]
    return replace(found, images=list(first.values()), copies=copies)


def _count(download: Download, survey: _Survey, folder: Path) -> str:
    folders, seen = survey.subjects[download.layout], download.subjects
    with_image = [path for path in folders if (bids.ptid(path.name) or path.name) in seen]
    images, subjects = len(download.images), len(seen)
    counted = f"{images} image{'s' if images > 1 else ''} of {subjects} subject{'s' if subjects > 1 else ''}"
    return f"{counted}{_places(with_image, folder)}"


def _places(paths: Iterable[Path], folder: Path) -> str:
    """`` in ADNI``, `` in ADNI, more``; "" for the folder itself."""
    parents = (path.parent.parent if path.name.endswith("_sessions.tsv") else path.parent for path in paths)
    places = sorted({str(parent.relative_to(folder)) for parent in parents} - {"."})
    return f" in {', '.join(places[:3])}{' ...' if len(places) > 3 else ''}" if places else ""


def _nothing(contents: Contents) -> str:
    folder, tree, survey, wanted = contents.folder, contents.tree, contents.survey, list(contents.read)
    shapes = "; ".join(f"{_NAMES[name]}: {_SHAPES[name]}" for name in wanted)
    there = [f"{len(paths)} subjects' folders of {_NAMES[name]}" for name, paths in survey.subjects.items() if paths]
    links, archives = len(tree.outside), len(tree.archives)
    there += [f"{archives} archives, which are never unpacked: unpack them first"] if archives else []
    there += [f"{links} links that lead out of it, which are not followed: give the folder itself"] if links else []
    there += [f"{len(survey.strangers)} folders sub-..., none of which is sub-ADNI..."] if survey.strangers else []
    return (
        f"{folder} holds no images in the layout of {' or '.join(_NAMES[name] for name in wanted)}. At any depth below "
        f"it there may be {shapes}. Give the folder that holds both the images and the study tables."
        + (f" It does hold {'; '.join(there)}." if there else f" {get('images')}")
    )
