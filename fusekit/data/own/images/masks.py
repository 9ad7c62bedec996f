"""Which mask belongs to which image."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fusekit.data.cohort import Finding
from fusekit.data.own.description import Named, columns_of
from fusekit.data.own.files import Files, is_mask, is_picture, stem
from fusekit.data.own.ids import ids_in, key_of, parts_of, unclear_ids
from fusekit.data.own.images.matches import match_images
from fusekit.data.own.images.series import Image
from fusekit.data.own.join import Joined, Reading
from fusekit.data.own.problems import note
from fusekit.data.target import Target
from fusekit.errors import DataError, first_ten

_TUMOUR = re.compile(r"tumou?r|lesion|hcc|mass", re.IGNORECASE)


def match_masks(
    reading: Reading, images: Sequence[Image | None], lines: pd.Index, rows: pd.Index, unused_images: Sequence[str]
) -> list[Path | None]:
    """The mask of each image, or None; pictures have none: they show the slice that was chosen. Nor has no image.

    ``lines`` are the rows of the scans, ``rows`` all that are kept. ``unused_images`` are of no row, unless they are
    masks.
    """
    joined, files, problems, findings = reading.joined, reading.files, reading.problems, reading.findings
    place, folder = reading.own.masks, files.folder
    masks: dict[int, list[Path]] = {}
    unused: list[str] = []
    if place is not None and set(columns_of(place)) <= set(joined.homes):
        if isinstance(place, Named):
            with problems.gather():
                masks = named_masks(joined, joined.cells(place.column).loc[rows], files, findings)
            unused = [files.shown(path) for path in files.masks]
        else:
            found = match_images(joined, place, folder, rows, reading.own.blanks)
            where = f", column {place!r}" if isinstance(place, str) else ""
            lost = [f"{joined.path}{where}: there is no mask {why}." for why in found.lost.values()]
            problems.add_some(found.wrong + lost, f"{joined.path}: {len(found.wrong + lost)} masks cannot be taken.")
            masks = {line: [mask.path for mask in theirs] for line, theirs in found.images.items()}
            unused = found.unused
    taken: list[Path | None] = [None] * len(images)
    for number, (image, line) in enumerate(zip(images, lines, strict=True)):
        if image is None:
            continue
        with problems.gather():
            taken[number] = None if is_picture(image.path) else mask_of(image.path, masks.get(line, []), folder)
    used = {files.shown(path) for path in (*taken, *(image.path for image in images if image)) if path}
    others = [image for image in unused_images if image not in used | set(unused)]
    drawn = [image for image in others if is_mask(folder / image, folder)]
    left = [mask for mask in (*unused, *drawn) if mask not in used]
    note(findings, "mask-without-row", "masks that belong to no scan in use", left)
    images_left = [image for image in others if image not in set(drawn)]
    note(findings, "image-without-row", "images that no row names", images_left)
    return taken


def note_absent(scans: pd.DataFrame, target: Target, findings: list[Finding]) -> None:
    """Note volumes without a mask: their slices are chosen in another way."""
    if "mask" not in scans:
        return
    volumes = scans[[image is not None and not is_picture(image) for image in scans["image"]]]
    there = volumes["mask"].notna()
    parts = target.parts(volumes["label"])
    listed = ", ".join(f"{there[own].mean() if own.any() else 0:.0%} of {name}" for name, own in parts.items())
    message = f"volumes without a mask, of which a range of slices is used; {listed} have one"
    without = volumes.index[volumes["mask"].isna()]
    note(findings, "scan-without-mask", message, without, advice="To treat all alike: -o slices.largest=0")


def named_masks(joined: Joined, ids: pd.Series, files: Files, findings: list[Finding]) -> dict[int, list[Path]]:
    """Find the masks, by line, that are called after each row's id; refuse one that could be of several ids."""
    key = key_of(joined)
    known = {key(who): who for who in ids}
    own: dict[str, list[Path]] = {}
    unclear = []
    for path in files.masks:
        of = ids_in(parts_of(path, files.folder), known, key)
        if len(of) > 1:
            unclear.append(f"{files.shown(path)}: {' or '.join(of)}")
        elif of:
            own.setdefault(of[0], []).append(path)
    if unclear:
        raise DataError(unclear_ids("masks", unclear, joined.path))
    drawings = map(files.shown, files.drawings)
    note(findings, "picture-of-mask", "pictures of masks, not used: a picture is one slice and needs none", drawings)
    return {int(str(line)): own.get(known[key(who)], []) for line, who in ids.items()}


def mask_of(image: Path, masks: list[Path], folder: Path) -> Path | None:
    """The image's mask among its subject's: called after the image, or the tumour's, or the only one; else refuse."""
    if not masks:
        return None
    for among in (
        [path for path in masks if image.is_file() and stem(path).lower().startswith(stem(image).lower())],
        [path for path in masks if _TUMOUR.search(path.relative_to(folder).as_posix())],
        masks,
    ):
        if len(among) == 1:
            return among[0]
    listed = first_ten(path.relative_to(folder).as_posix() for path in masks)
    raise DataError(
        f"{image}: several masks could belong to it: {listed}. Keep the tumour's, call it so, or name each row's mask "
        "in a column of the table."
    )
