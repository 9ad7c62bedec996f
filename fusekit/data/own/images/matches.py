"""Find the image of every row of a table by its id: what is missing, found twice or shared is listed with its line."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from fusekit.data.clinical.tables import MISSING
from fusekit.data.cohort import Finding
from fusekit.data.identity import alike
from fusekit.data.own.images.series import Image, Wanted, of_folder, refuse_unfit
from fusekit.data.own.join import Joined
from fusekit.data.own.places import NotThere, Pattern, confined, spelt_otherwise
from fusekit.errors import DataError, first_ten


@dataclass
class Matches:
    """What matching found, by line of the main table."""

    images: dict[int, list[Image]] = field(default_factory=dict)
    absent: dict[int, str] = field(default_factory=dict)  # what was looked for, or that the cell is empty
    lost: dict[int, str] = field(default_factory=dict)  # which file is named and not there
    partly: set[int] = field(default_factory=set)  # lines of ``absent`` that have other images of the scan
    wrong: list[str] = field(default_factory=list)  # sentences about cells that name what cannot be taken
    joined: list[tuple[str, str]] = field(default_factory=list)  # ids of rows and of their images, spelt otherwise
    similar: dict[str, str] = field(default_factory=dict)  # likewise, but not joined
    unused: list[str] = field(default_factory=list)  # images that no row names, relative to the folder
    count: int | None = None  # of all images, used or not, where images and not rows are counted


def match_images(
    joined: Joined, place: Pattern | str, folder: Path, lines: pd.Index, blanks: frozenset[str] = MISSING
) -> Matches:
    """Find the image of each of the rows, by a pattern or in a column of paths; nothing is opened."""
    if isinstance(place, Pattern):
        found = _by_pattern(joined, place, folder, lines)
    else:
        found = _by_path(joined, place, folder, lines, blanks)
    owners: dict[Path, list[int]] = {}
    for line, images in found.images.items():
        owners.setdefault(images[0].path, []).append(line)
    for path, shared in owners.items():
        if len(shared) > 1:
            found.wrong.append(f"{joined.path}: lines {first_ten(shared)} share the image {path.relative_to(folder)}.")
    return found


def open_series(
    found: Matches, joined: Joined, column: str, folder: Path, wanted: Wanted, findings: list[Finding]
) -> None:
    """Look into the headers of the folders that were matched, and take the wanted series of each."""
    for line, (image,) in list(found.images.items()):
        try:
            if image.path.is_dir():
                found.images[line] = [of_folder(image.path, wanted, folder, findings)]
            else:
                refuse_unfit(image.path, wanted)
        except DataError as error:
            found.wrong.append(f"{joined.where(line, column)}: {error}")
            del found.images[line]


def beside(found: Matches, folder: Path) -> list[str]:
    """What lies beside the images and is named like them, and no row names."""
    used = {image.path for images in found.images.values() for image in images}
    endings = {tuple(path.suffixes[-2:]) for path in used}
    others = {other for home in {path.parent for path in used} for other in home.iterdir()}
    extra = [other for other in others - used if tuple(other.suffixes[-2:]) in endings and other.name[0] != "."]
    return sorted(other.relative_to(folder).as_posix() for other in extra)


def _by_pattern(joined: Joined, pattern: Pattern, folder: Path, lines: pd.Index) -> Matches:
    found = Matches()
    candidates = pattern.candidates(folder)
    columns = [joined.cells(column).loc[lines] for column in pattern.columns]
    asked: dict[int, tuple[str, ...]] = {}
    taken: set[str] = set()
    for line, *values in zip(lines, *columns, strict=True):
        bad = _no_name(joined, pattern.columns, values, line)
        if bad:
            found.wrong.append(bad)
            continue
        fitting = pattern.find(values, candidates)
        taken.update(fitting)
        if not fitting:
            asked[line] = tuple(values)
        elif len(fitting) > 1:
            found.wrong.append(
                f"{joined.where(line, pattern.columns[0])}: {_shown(values)} matches {len(fitting)} images: "
                f"{first_ten(fitting)}. Make the pattern say which one."
            )
        else:
            _take(joined, found, line, pattern.columns[0], fitting[0], folder)
    unused = [candidate for candidate in candidates if candidate not in taken]
    ids = {candidate: known for candidate in unused if (known := pattern.ids(candidate)) is not None}
    near = spelt_otherwise(map(_shown, asked.values()), map(_shown, ids.values()))
    same: dict[str, list[str]] = {}
    for candidate, known in ids.items():
        same.setdefault(alike(_shown(known)), []).append(candidate)
    for line, wanted in asked.items():
        text = _shown(wanted)
        if joined.alike and len(only := same.get(alike(text), [])) == 1:
            _take(joined, found, line, pattern.columns[0], only[0], folder)
            taken.add(only[0])
            found.joined.append((text, near[text]))
            continue
        hint = f": {text!r} in the table, {near[text]!r} among the images, the same?" if text in near else ""
        found.absent[line] = f"{text} (line {line}){hint}"
    found.unused = [candidate for candidate in ids if candidate not in taken]
    found.similar = {text: other for text, other in near.items() if (text, other) not in found.joined}
    return found


def _by_path(joined: Joined, column: str, folder: Path, lines: pd.Index, blanks: frozenset[str]) -> Matches:
    found = Matches()
    cells = dict(zip(lines.tolist(), joined.cells(column).loc[lines], strict=True))
    for line, cell in cells.items():
        if cell.lower() in blanks:
            found.absent[line] = f"an empty cell (line {line})"
            continue
        _take(joined, found, line, column, cell, folder)
    hints = _hints(folder, {cells[line] for line in found.lost})
    found.lost = {line: text + hints.get(cells[line], "") for line, text in found.lost.items()}
    found.unused = beside(found, folder)
    return found


def _take(joined: Joined, found: Matches, line: int, column: str, relative: str, folder: Path) -> None:
    try:
        path = confined(folder, relative)
    except NotThere:
        found.lost[line] = f"{relative!r} (line {line})"
    except DataError as error:
        found.wrong.append(f"{joined.where(line, column)}: {error}")
    else:
        found.images[line] = [Image(path)]


def _hints(folder: Path, cells: set[str]) -> dict[str, str]:
    """What may have been meant, by cell; each folder is listed once."""
    hints = {cell: ": write / between folders" if "\\" in cell else "" for cell in cells}
    homes: dict[Path, list[str]] = {}
    for cell in cells:
        if not hints[cell]:
            homes.setdefault((folder / cell).parent, []).append(cell)
    for home, own in homes.items():
        there = [other.name for other in home.iterdir()] if home.is_dir() else []
        near = spelt_otherwise([Path(cell).name for cell in own], there)
        hints |= {c: f": {near[Path(c).name]!r} lies there, the same?" for c in own if Path(c).name in near}
    return hints


def _no_name(joined: Joined, columns: Sequence[str], values: Sequence[str], line: int) -> str:
    """Say why a cell cannot fill a brace of a pattern."""
    for column, value in zip(columns, values, strict=True):
        if value in ("", ".", ".."):
            return f"{joined.where(line, column)}: {value!r} names no image."
        if {*value} & {"/", "\\", "\0"}:
            instead = f'Name the column of paths instead: images = {{column = "{column}"}}.'
            return f"{joined.where(line, column)}: {value!r} is a path, and a brace holds a name. {instead}"
    return ""


def _shown(values: Sequence[str]) -> str:
    return " / ".join(dict.fromkeys(values))
