"""A first TOML for people's own data: look at a folder and a table, and write down what they seem to be."""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from fusekit.data.clinical.numbers import Numerals
from fusekit.data.clinical.tables import is_missing, read_table
from fusekit.data.draft.columns import (
    LABEL,
    Judged,
    is_group,
    judge,
    label_candidates,
    number_candidates,
    subject_and_scan,
    times,
)
from fusekit.data.draft.headers import owners
from fusekit.data.draft.pattern import Guess, guess, within
from fusekit.data.draft.sequences import sequences
from fusekit.data.images import volume as images
from fusekit.data.own import files
from fusekit.errors import DataError, OptionError, first_ten

_NEGATIVE = re.compile("0|no?|false|neg(ative)?|benign|controls?|healthy|normal|cn|hc", re.IGNORECASE)

DICOM = "DICOM series"
#: Below this the darkest voxel is air in Hounsfield units.
_AIR = -900


@dataclass
class Found:
    """Paths below a folder, relative to it, with / between folders."""

    images: dict[str, list[str]] = field(default_factory=dict)  # NIfTI, DICOM series, picture -> images
    masks: list[str] = field(default_factory=list)  # images that are masks or segmentations by their names
    tables: list[str] = field(default_factory=list)  # text and workbooks
    archives: list[str] = field(default_factory=list)  # have to be unpacked to be used

    @property
    def kind(self) -> str:
        """The kind with most images; empty without images."""
        return max(self.images, key=lambda kind: len(self.images[kind]), default="")


@dataclass(frozen=True)
class Draft:
    """What a folder and a table seem to be; nothing of it is certain."""

    folder: Path
    table: str  # its path, relative to the folder if inside
    found: Found
    rows: int  # of the table
    images: Guess | None  # how rows find their images; None if no column's values are in the images' names
    masks: Guess | None  # likewise
    subject: str  # columns; empty if none
    scan: str
    label: str  # the likeliest
    is_number: bool  # whether its numbers are predicted, and no classes
    timed: tuple[str, str] | None  # an event, and the column that seems to be the time to it
    other_labels: tuple[str, ...]  # further candidates
    label_values: dict[str, int]  # value of the label -> rows, the most frequent first
    columns: tuple[Judged, ...]  # every other column
    groups: tuple[str, ...]  # columns that describe scans
    sequences: dict[str, Guess] = field(default_factory=dict)  # name -> how rows find each of their several images
    complete: int = 0  # rows that have all of those
    series: dict[str, int] = field(default_factory=dict)  # description -> rows, if images are found by ids in headers
    sheet: str = ""  # of the table, if it was named
    first: str = ""  # what the first image is, in a line; empty if it could not be read
    ct: bool = False  # whether it seems to be CT


def look(folder: Path) -> Found:
    """Walk through a folder; see ``fusekit.data.own.files``."""
    found = files.look(folder)
    drawn = [path for path in found.series if files.is_mask(path, folder)]
    series = [path for path in found.series if path not in drawn]
    kinds = {"NIfTI": found.volumes, DICOM: series, "picture": found.pictures}
    images = {kind: sorted(map(found.shown, paths)) for kind, paths in kinds.items() if paths}
    masks = sorted(map(found.shown, (*found.masks, *found.drawings, *drawn)))
    return Found(images, masks, [*map(found.shown, found.tables)], [*map(found.shown, found.archives)])


def draft(folder: Path, table: Path | None = None, sheet: str = "") -> Draft:
    """Look at a folder of images at any depth, and a table (None: the only one in it); several tables are refused.

    ``sheet`` names the table's sheet if it is a workbook with several.
    """
    found = look(folder)
    if not table and not found.tables:
        raise DataError(f"{folder} holds no table ({', '.join(files.TABLES)}); name it with --table.")
    if not table and len(found.tables) > 1:
        tables = f"{len(found.tables)} tables; name the one with the label by --table: {first_ten(found.tables)}."
        raise OptionError(f"{folder} holds {tables}")
    path = table or folder / found.tables[0]
    cells = read_table(path, sheet=sheet)
    if cells.empty:
        raise DataError(f"{path}: the table has a header and no rows.")
    if not found.images:
        unpack = f" Unpack {found.archives[0]} first?" if found.archives else ""
        raise DataError(f"{folder} holds no images (NIfTI files, DICOM series or pictures).{unpack}")
    every = [path for paths in found.images.values() for path in paths]
    way, masks = guess(cells, found.images[found.kind], folder, every), guess(cells, found.masks, folder)
    owned = None
    if found.kind == DICOM and (not way or way.rows < len(cells) / 2):
        owned = owners(cells, found.images[DICOM], folder)
    if owned and (not way or owned.rows > way.rows):
        way = Guess(owned.column, (owned.column,), False, owned.rows, is_id=True)
    several, complete = dict[str, Guess](), 0
    if way and not way.is_id:
        several, complete = sequences(cells, way, every if way.is_column else found.images[found.kind], folder)
    used, inside_names = (way.columns, within(cells, way)) if way else ((), ())
    subject, scan = subject_and_scan(cells, used, inside_names)
    used += tuple(name for each in several.values() for name in each.columns if name not in used)
    ids = {name for name in (subject, scan, *used, *inside_names, *(masks.columns if masks else ())) if name}
    labels = [name for name in label_candidates(cells, ids) if _one_each(cells, subject, name)]
    numbers = [] if labels else [name for name in number_candidates(cells, ids) if _one_each(cells, subject, name)]
    label = (*labels, *numbers, "")[0]
    timed = times(cells, labels, ids)
    values = cells[label][~is_missing(cells[label])] if label else pd.Series(dtype=str)
    numerals = Numerals(cells)
    series = owned.descriptions if owned and way and way.is_id else {}
    first, ct = _first(folder, owned.first if owned else found.images[found.kind][0])
    inside = path.resolve().is_relative_to(folder.resolve())
    return Draft(
        folder=folder,
        table=path.resolve().relative_to(folder.resolve()).as_posix() if inside else str(path.absolute()),
        sequences=several,
        complete=complete,
        series=series,
        sheet=sheet,
        found=found,
        rows=len(cells),
        images=way,
        masks=masks if masks and masks.rows else None,
        subject=subject,
        scan=scan,
        label=label,
        is_number=bool(numbers),
        timed=timed,
        other_labels=tuple(name for name in labels[1:] if LABEL.search(name)),
        label_values={str(value): int(count) for value, count in values.value_counts().items()},
        columns=tuple(judge(cells, str(name), label, ids, numerals) for name in cells.columns if name != label),
        groups=tuple(str(name) for name in cells.columns if name != label and is_group(cells, str(name))),
        first=first,
        ct=ct,
    )


def _one_each(cells: pd.DataFrame, subject: str, label: str) -> bool:
    pairs = cells.loc[~is_missing(cells[label]), [subject, label] if subject else [label]].drop_duplicates()
    return not subject or bool(pairs[subject].is_unique)


def _first(folder: Path, image: str) -> tuple[str, bool]:
    try:
        volume = images.read(folder / image)
    except DataError as error:
        return f"the first image cannot be read: {error}", False
    shape = " x ".join(map(str, volume.data.shape))
    spacing = " x ".join(f"{size:.3g}" for size in volume.spacing)
    ct = float(volume.data.min()) < _AIR and volume.data.shape[2] > 1
    return f"{image}: {shape} voxels of {spacing} mm{', in Hounsfield units as it seems' if ct else ''}", ct


def place_of(folder: Path, out: Path) -> str:
    """What to write as ``data``: the folder as seen from the TOML, or its absolute path if it lies elsewhere."""
    home, there = out.absolute().parent.resolve(), folder.resolve()
    return Path(os.path.relpath(there, home)).as_posix() if there.is_relative_to(home) else str(there)


def as_toml(made: Draft, data: str) -> str:
    """Write a draft down; ``data`` is the data folder as seen from where the TOML will lie."""
    from jinja2 import Environment, StrictUndefined

    # The likely positive one last: 1, yes, malignant; else the rarer one.
    counts, two = made.label_values, len(made.label_values) == 2
    classes = sorted(counts, key=lambda value: (not _NEGATIVE.fullmatch(value), -counts[value] if two else 0, value))
    plain: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True}
    environment = Environment(undefined=StrictUndefined, **plain)  # noqa: S701 (no HTML)
    environment.filters |= {"toml": _value, "key": _key, "line": _line}
    template = environment.from_string(Path(__file__).with_name("draft.toml.jinja").read_text(encoding="utf-8"))
    return template.render(
        made=made,
        data=data,
        kind=made.found.kind,
        classes=classes or ["no", "yes"],
        counts=", ".join(f"{value}: {count}" for value, count in counts.items()),
        unlabelled=made.rows - sum(counts.values()),
    )


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")  # all else TOML escapes as JSON does


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else _value(name)


def _line(text: str) -> str:
    """Text as a comment may hold it: on one line, without control characters."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
