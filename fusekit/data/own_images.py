"""Give every row of a table its image, by id: what is missing, found twice or shared is said with its line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from fusekit.data.own_join import Joined
from fusekit.data.own_places import Pattern, confined, refuse_archive, refuse_leaving, spelt_otherwise
from fusekit.data.tables import is_missing
from fusekit.errors import DataError, first_ten


@dataclass
class Matches:
    """What matching came to.

    Args:
        paths: line of the main table -> path.
        absent: line -> a clause that says what was looked for.
        wrong: sentences about cells that name what cannot be taken.
        unused: images that no row asks for, relative to the folder.
    """

    paths: dict[int, Path] = field(default_factory=dict)
    absent: dict[int, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)


def match_images(joined: Joined, place: Pattern | str, folder: Path, lines: pd.Index) -> Matches:
    """Find the image of each of the rows, by a pattern or in a column of paths; nothing is opened."""
    found = (
        _by_pattern(joined, place, folder, lines)
        if isinstance(place, Pattern)
        else _named(joined, place, folder, lines)
    )
    owner: dict[Path, int] = {}
    shared: dict[Path, list[int]] = {}
    for line, path in found.paths.items():
        first = owner.setdefault(path, line)
        if first != line:
            shared.setdefault(path, [first]).append(line)
    for path, owners in shared.items():
        found.wrong.append(f"{joined.path}: lines {first_ten(owners)} share the image {path.relative_to(folder)}.")
    return found


def _by_pattern(joined: Joined, pattern: Pattern, folder: Path, lines: pd.Index) -> Matches:
    found = Matches()
    candidates = pattern.candidates(folder)
    columns = [joined.cells(column) for column in pattern.columns]
    asked: dict[int, tuple[str, ...]] = {}
    taken: set[str] = set()
    for line in lines:
        values = tuple(cells[line] for cells in columns)
        bad = _no_name(joined, pattern.columns, values, line)
        if bad:
            found.wrong.append(bad)
            continue
        fitting = pattern.find(values, candidates)
        taken.update(fitting)
        if not fitting:
            asked[line] = values
        elif len(fitting) > 1:
            found.wrong.append(
                f"{joined.where(line, pattern.columns[0])}: {_shown(values)} matches {len(fitting)} images: "
                f"{first_ten(fitting)}. Make the pattern say which one."
            )
        else:
            _take(joined, found, line, pattern.columns[0], fitting[0], folder)
    unused = [candidate for candidate in candidates if candidate not in taken]
    ids = {candidate: known for candidate in unused if (known := pattern.ids(candidate)) is not None}
    found.unused = list(ids)
    near = spelt_otherwise(map(_shown, asked.values()), map(_shown, ids.values()))
    for line, values in asked.items():
        text = _shown(values)
        hint = f": {text!r} in the table, {near[text]!r} among the images, the same?" if text in near else ""
        found.absent[line] = f"{text} (line {line}){hint}"
    return found


def _named(joined: Joined, column: str, folder: Path, lines: pd.Index) -> Matches:
    found = Matches()
    cells = joined.cells(column)
    gaps = is_missing(cells)
    for line in lines:
        if gaps[line]:
            found.absent[line] = f"an empty cell (line {line})"
        elif _is_absent(folder, cells[line]):
            found.absent[line] = f"{cells[line]!r} (line {line})"
        else:
            _take(joined, found, line, column, cells[line], folder)
    hints = _hints(folder, {cells[line] for line in found.absent if not gaps[line]})
    found.absent = {line: text + hints.get(cells[line], "") for line, text in found.absent.items()}
    used = set(found.paths.values())
    endings = {tuple(path.suffixes[-2:]) for path in used}
    beside = {other for home in {path.parent for path in used} for other in home.iterdir()}
    extra = [other for other in beside - used if tuple(other.suffixes[-2:]) in endings and other.name[0] != "."]
    found.unused = sorted(other.relative_to(folder).as_posix() for other in extra)
    return found


def _take(joined: Joined, found: Matches, line: int, column: str, relative: str, folder: Path) -> None:
    try:
        found.paths[line] = confined(folder, relative)
    except DataError as error:
        found.wrong.append(f"{joined.where(line, column)}: {error}")


def _is_absent(folder: Path, cell: str) -> bool:
    """Whether a path may be looked for, and is not there."""
    try:
        refuse_leaving(cell)
        refuse_archive(cell)
        return not (folder / cell).exists()
    except (DataError, OSError):  # said where it is taken
        return False


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
    """Say why a cell cannot stand for a brace of a pattern."""
    for column, value in zip(columns, values, strict=True):
        if value in ("", ".", ".."):
            return f"{joined.where(line, column)}: {value!r} names no image."
        if "/" in value or "\\" in value or "\0" in value:
            return (
                f"{joined.where(line, column)}: {value!r} is a path, and a brace stands for a name. "
                f'Name the column of paths instead: images = {{column = "{column}"}}.'
            )
    return ""


def _shown(values: Sequence[str]) -> str:
    return " / ".join(dict.fromkeys(values))
