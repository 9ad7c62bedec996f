"""Which columns of a table name the images, found by comparing values with paths."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations, takewhile
from pathlib import Path, PurePosixPath

import pandas as pd

from fusekit.data.own.places import Pattern, confined
from fusekit.errors import DataError

#: Columns that are tried together, at most; those whose values are in most paths.
TRIED = 6


@dataclass(frozen=True)
class Guess:
    """A way to find each row's image: a pattern, or a column of paths; ``rows`` have exactly one image by it."""

    text: str
    columns: tuple[str, ...]
    is_column: bool
    rows: int
    is_id: bool = False  # a column of ids that folders, files or DICOM headers name


def guess(table: pd.DataFrame, images: list[str], folder: Path, others: Iterable[str] = ()) -> Guess | None:
    """Find the column or columns whose values are in the images' paths as whole words, or are those paths.

    A column of paths may also name ``others``, images of another kind.

    Of several ways the one that finds exactly one image for most rows wins; then the one with fewest columns.
    """
    guesses, known = [], {*images, *others}
    for name in map(str, table.columns):
        cells = table[name]
        if cells.str.contains(r"[/.]").mean() > 0.5 and (rows := sum(_lies(folder, cell, known) for cell in cells)):
            guesses.append(Guess(name, (name,), True, rows))
    hits = {str(name): _hits(table[name], images) for name in table.columns}
    likely = sorted((name for name in hits if hits[name]), key=lambda name: -hits[name])[:TRIED]
    for number in (1, 2):
        for names in combinations(likely, number):
            guesses += _patterns(table, names, images, folder)
        if any(found.rows == len(table) for found in guesses):
            break
    wild = {found.text: found.text.count("*") for found in guesses}
    return max(guesses, key=lambda found: (found.rows, -len(found.columns), -wild[found.text]), default=None)


def within(table: pd.DataFrame, way: Guess) -> tuple[str, ...]:
    """Columns whose values are parts of what names their row's image: ids, such as the patient's in the scan's."""
    words = [_words("/".join(cells)) for cells in table[list(way.columns)].itertuples(index=False)]
    found = []
    for name in table.columns:
        inside = sum(cell in known for cell, known in zip(table[name], words, strict=True))
        if name not in way.columns and inside > 0.9 * len(table) and len(set(table[name])) > len(table) / 3:
            found.append(str(name))
    return tuple(found)


def _lies(folder: Path, cell: str, known: set[str]) -> bool:
    """Whether a cell is the path of one of the images, or of a file of a DICOM series among them."""
    path = PurePosixPath(re.sub(r"\.img(\.gz)?$", r".hdr\1", cell.replace("\\", "/")))
    if known.isdisjoint((path.as_posix(), path.parent.as_posix())):
        return False
    with suppress(DataError):
        return bool(cell) and confined(folder, cell).exists()
    return False


def _words(path: str) -> set[str]:
    """Every run of whole words of a path that could be an id: ``sub-01_T1w.nii`` has 01, sub-01, sub-01_T1w ..."""
    found: set[str] = set()
    for part in path.split("/"):
        ends = [match.span() for match in re.finditer(r"[^\W_]+", part)][:12]
        found.update(part[first[0] : last[1]] for k, first in enumerate(ends) for last in ends[k:])
    return found


def _hits(cells: pd.Series, images: list[str]) -> float:
    values = set(cells) - {""}
    if len(values) < 2:
        return 0.0
    words = set().union(*map(_words, images)) if images else set()
    return len(values & words) / len(cells)


def _patterns(table: pd.DataFrame, names: tuple[str, ...], images: list[str], folder: Path) -> Iterator[Guess]:
    templates = templates_of(table, names, images)
    tried = [text for text, count in templates.most_common(3) if count > 1 or len(images) == 1]
    general = _generalised(templates)
    for text in dict.fromkeys([*tried, *([general] if general else [])]):
        try:
            pattern = Pattern(text)
        except DataError:
            continue
        if set(pattern.columns) == set(names):
            yield Guess(text, names, False, len(rows_with_one(table, pattern, folder)))


def rows_with_one(table: pd.DataFrame, pattern: Pattern, folder: Path) -> set[int]:
    """Positions of the rows for which a pattern finds exactly one image, which no other row has."""
    candidates = pattern.candidates(folder)
    values = [tuple(cells) for cells in table[list(pattern.columns)].itertuples(index=False)]
    counts = Counter(values)
    return {
        position
        for position, row in enumerate(values)
        if counts[row] == 1 and all(row) and len(pattern.find(row, candidates)) == 1
    }


def templates_of(table: pd.DataFrame, names: tuple[str, ...], images: list[str]) -> Counter[str]:
    """Paths with braces in place of a row's values, and how many images each is of."""
    rows = {tuple(cells) for cells in table[list(names)].itertuples(index=False) if all(cells)}
    by_first: dict[str, list[tuple[str, ...]]] = {}
    for row in rows:
        by_first.setdefault(row[0], []).append(row)
    templates: Counter[str] = Counter()
    for image in images:
        words = _words(image)
        for first in words & by_first.keys():
            for row in by_first[first]:
                if set(row) <= words:
                    templates[_template(image, names, row)] += 1
    return templates


def _template(image: str, names: tuple[str, ...], row: tuple[str, ...]) -> str:
    """The path with braces in place of the row's values; the longest value first."""
    held: list[str] = []
    for value, name in sorted(zip(row, names, strict=True), key=lambda pair: -len(pair[0])):
        held.append(f"{{{name}}}")
        mark = f"\0{len(held) - 1}\1"
        image = re.sub(rf"(?<![^\W_]){re.escape(value)}(?![^\W_])", mark, image)
    return re.sub("\0(\\d)\1", lambda match: held[int(match[1])], image)


def _generalised(templates: Iterable[str]) -> str | None:
    """One pattern for all: where parts differ, what they begin and end with, and ``*`` between."""
    split = [text.split("/") for text in templates]
    if len(split) < 2 or len({len(parts) for parts in split}) > 1:
        return None
    merged = []
    for parts in zip(*split, strict=True):
        if len(set(parts)) == 1:
            merged.append(parts[0])
            continue
        start = _same(list(parts))
        start = start if start.count("{") == start.count("}") else start[: start.rfind("{")]  # no half of a brace
        ending = _same([part[len(start) :][::-1] for part in parts])[::-1]
        half = "}" in ending.split("{")[0]
        merged.append(f"{start}*{ending[ending.find('}') + 1 :] if half else ending}")
    return "/".join(merged)


def _same(texts: list[str]) -> str:
    alike = takewhile(lambda signs: len(set(signs)) == 1, zip(*texts, strict=False))
    return "".join(signs[0] for signs in alike)
