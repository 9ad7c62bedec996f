"""DICOM series whose folders are not called after ids: whose they are, and what they are, by their headers."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from fusekit.data.clinical.tables import is_missing
from fusekit.data.images.dicom.headers import headers_in
from fusekit.data.own.ids import ids_in, parts_of
from fusekit.data.own.images.series import Image, Wanted, series_in
from fusekit.errors import DataError

#: Folders whose headers are read, at most.
MOST = 500


class Owners(NamedTuple):
    """The column whose ids the series' folders or headers name, and the series of those rows."""

    column: str
    rows: int  # that have a series
    descriptions: dict[str, int]  # of the series -> rows, the most frequent first
    first: str  # a folder or file with the most frequent one


def owners(table: pd.DataFrame, folders: Sequence[str], home: Path) -> Owners | None:
    """Find whose series these folders hold; localisers do not count. None where no column's ids are named."""
    images = list[Image]()
    for folder in folders[:MOST]:
        with suppress(DataError):
            images += series_in(home / folder, list(headers_in(home / folder)), Wanted(), [])
    found = [_of_column(table, str(name), images, home) for name in table.columns]
    return max((each for each in found if each and each.rows > 1), key=lambda each: each.rows, default=None)


def _of_column(table: pd.DataFrame, name: str, images: Sequence[Image], home: Path) -> Owners | None:
    ids = table[name][~is_missing(table[name])]
    known = {text.lower(): text for text in ids}
    if len(known) < len(ids) or len(known) < 2:
        return None
    rows = defaultdict[str, set[str]](set)
    paths: dict[str, str] = {}
    for image in images:
        named = ids_in(parts_of(image.path, home), known) or [known.get(image.patient.lower(), "")]
        if len(named) == 1 and named[0]:
            rows[image.description].add(named[0])
            paths.setdefault(image.description, image.path.relative_to(home).as_posix())
    if not rows:
        return None
    order = sorted(rows, key=lambda text: (-len(rows[text]), text))
    return Owners(name, len(set().union(*rows.values())), {text: len(rows[text]) for text in order}, paths[order[0]])
