"""Which mask belongs to which scan."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from fusekit.data import Finding
from fusekit.errors import DataError
from fusekit_hmi.clinical import MISSING
from fusekit_hmi.ids import ids_in
from fusekit_hmi.images import Found, is_picture, stem
from fusekit_hmi.join import Scan
from fusekit_hmi.notes import first_ten, note
from fusekit_hmi.places import inside
from fusekit_hmi.table import Table

_TUMOUR = re.compile(r"tumou?r|lesion|hcc|mass", re.IGNORECASE)


def masks_of(scans: list[Scan], table: Table, found: Found, findings: list[Finding]) -> list[Path | None]:
    """Return each scan's mask, or None: the one that the table names, else one called after the patient.

    Pictures have none: they show the slice that somebody chose.

    Raises:
        DataError: the table names a mask that is not there; a patient has several and none is the tumour's alone.
    """
    if table.mask is not None:
        return [_named(scan, table, found) for scan in scans]
    ids = {str(subject).lower(): str(subject) for subject in table.subject}
    own: dict[str, list[Path]] = {}
    unclear = []
    for path in found.masks:
        *above, _ = path.relative_to(found.folder).parts
        named = ids_in((*above, stem(path)), ids)
        if len(named) > 1:
            unclear.append(f"{path.relative_to(found.folder)}: {' or '.join(named)}")
        elif named:
            own.setdefault(named[0], []).append(path)
    if unclear:
        raise DataError(
            f"{len(unclear)} masks could be of several patients of {table.path.name}: {first_ten(unclear)}. "
            "Name masks in a column 'mask'."
        )
    masks = [_one(scan, own.get(str(table.subject[scan.line]), []), found.folder) for scan in scans]
    rest = [path.relative_to(found.folder).as_posix() for path in found.masks if path not in masks]
    note(findings, "mask-not-used", "masks that belong to no volume in use, left aside", rest)
    drawings = [path.relative_to(found.folder).as_posix() for path in found.drawings]
    note(findings, "picture-of-mask", "pictures of masks, left aside: a picture is one slice and needs none", drawings)
    return masks


def with_masks(scans: pd.DataFrame, masks: list[Path | None]) -> pd.DataFrame:
    """Add the column ``mask``, if any scan has one."""
    if not any(masks):
        return scans
    return scans.assign(mask=pd.Series(masks, index=scans.index, dtype=object))


def note_some(scans: pd.DataFrame, classes: tuple[str, ...], findings: list[Finding]) -> None:
    """Say so where some volumes have a mask and some have none: their slices are chosen in different ways."""
    if "mask" not in scans:
        return
    volumes = scans[[not is_picture(image) for image in scans["image"]]]
    shares = volumes["mask"].notna().groupby(volumes["label"]).mean()
    listed = ", ".join(f"{shares.get(label, 0):.0%} of {name}" for label, name in enumerate(classes))
    without = volumes.index[volumes["mask"].isna()]
    message = f"volumes without a mask, of which a range of slices is used; {listed} have one"
    note(findings, "mask-for-some", message, without, advice="To treat all alike: -o slices.largest=0")


def _named(scan: Scan, table: Table, found: Found) -> Path | None:
    assert table.mask is not None
    text = str(table.rows.loc[scan.line, table.mask])
    where = f"{table.path}, line {scan.line}, column {table.mask!r}"
    if text.lower() in MISSING or is_picture(scan.image):
        return None
    path = inside(found.folder, text, where)
    if not path.is_file():
        raise DataError(f"{where}: there is no mask {text!r}. Correct the path, or leave it empty.")
    return path


def _one(scan: Scan, masks: list[Path], folder: Path) -> Path | None:
    """The scan's mask among its patient's: called after the image, or the tumour's, or the only one."""
    if is_picture(scan.image) or not masks:
        return None
    for among in (
        [path for path in masks if scan.image.is_file() and stem(path).lower().startswith(stem(scan.image).lower())],
        [path for path in masks if _TUMOUR.search(path.relative_to(folder).as_posix())],
        masks,
    ):
        if len(among) == 1:
            return among[0]
    listed = ", ".join(path.relative_to(folder).as_posix() for path in masks[:10])
    raise DataError(
        f"{scan.image}: several masks could belong to it: {listed}. Keep the tumour's, call it so, or name it in a "
        "column 'mask' of the table."
    )
