"""Tables joined by key: one row per scan, and for every cell the file and line that it came from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from fusekit.data.clinical.numbers import Numerals
from fusekit.data.clinical.tables import place, read_table, refuse_rounded, require_columns
from fusekit.data.cohort import Finding
from fusekit.data.identity import alike, shown
from fusekit.data.own.description import Further, OwnData
from fusekit.data.own.files import Files, look
from fusekit.data.own.places import spelt_otherwise
from fusekit.data.own.problems import Problems, note
from fusekit.errors import DataError, first_ten
from fusekit.progress import Progress

T = TypeVar("T", pd.Series, pd.DataFrame)


@dataclass(frozen=True)
class Part:
    """One of the tables."""

    path: Path
    cells: pd.DataFrame  # as ``read_table`` returns it
    lines: pd.Series  # line of the main table -> line of this one, NA where a row has no partner

    @cached_property
    def numerals(self) -> Numerals:
        """How its numbers are written."""
        return Numerals(self.cells)


@dataclass(frozen=True)
class Joined:
    """The tables side by side: a row for each row of the main table, known by its line there."""

    parts: tuple[Part, ...]
    alike: bool = False  # whether ids that only their spelling tells apart are one

    @cached_property
    def homes(self) -> dict[str, Part]:
        """Column -> its table."""
        return {str(column): part for part in self.parts for column in part.cells.columns}

    @cached_property
    def lines(self) -> pd.Index:
        """The main table's lines."""
        return self.parts[0].cells.index

    @property
    def path(self) -> Path:
        """The main table's file."""
        return self.parts[0].path

    def require(self, names: Iterable[str]) -> None:
        """Refuse columns that are in none of the tables; the message names those that look like them."""
        everywhere = pd.DataFrame(columns=list(self.homes))
        require_columns(everywhere, list(dict.fromkeys(names)), " and ".join(str(part.path) for part in self.parts))

    def cells(self, column: str) -> pd.Series:
        """A column's text, by the main table's line; empty where its table has no partner."""
        part = self.homes[column]
        return self.spread(part.cells[column], part, self.lines).fillna("")

    def spread(self, values: T, part: Part, rows: pd.Index) -> T:
        """Values by a table's own lines -> by some of the main table's; a missing value where there is no partner."""
        if part is self.parts[0]:
            return values if values.index.equals(rows) else values.loc[rows]
        return values.reindex(self._needed(part, rows)[1]).set_axis(rows)

    def needed(self, part: Part, rows: pd.Index) -> pd.DataFrame:
        """The lines of a table that some rows of the main one need, in its own order."""
        return self._needed(part, rows)[2]

    def _needed(self, part: Part, rows: pd.Index) -> tuple[pd.Index, pd.Index, pd.DataFrame]:
        """Rows, their partners (-1 where there is none), and those lines: found once for thousands of columns."""
        known = self._last.get(part.path)
        if known is None or known[0] is not rows:
            partners = pd.Index(part.lines.loc[rows].fillna(-1).astype(int))
            known = rows, partners, part.cells.loc[sorted({*partners} - {-1})].astype(object)
            self._last[part.path] = known
        return known

    @cached_property
    def _last(self) -> dict[Path, tuple[pd.Index, pd.Index, pd.DataFrame]]:
        return {}

    def where(self, line: int, column: str) -> str:
        """Name a cell: file, line and column."""
        part = self.homes[column]
        return f"{place(str(part.path), part.cells[column], part.lines[line])}, column {column!r}"


class Reading:
    """One reading of people's own data: its tables and files, and what was found, or found wrong, so far."""

    def __init__(self, own: OwnData, folder: Path, progress: Progress, findings: Iterable[Finding] = ()):
        self.own, self.folder, self.progress, self.findings = own, folder, progress, list(findings)
        self.problems = Problems(own.path)
        self.files = look(folder) if own.searched else Files(folder)
        main = folder / own.table
        self.joined = join(main, own.tables, self.problems, self.findings, own.sheet, alike_is_one=own.join_alike)

    @cached_property
    def subjects(self) -> pd.Series:
        """The subject of each row; where ids that are alike are one, as it is first written."""
        cells = self.joined.cells(self.own.subject)
        if not self.own.join_alike:
            return cells
        first: dict[str, str] = {}
        written = cells.map(lambda text: first.setdefault(alike(text), text))
        note_joined(zip(written, cells, strict=True), self.findings)
        return written


def join(
    path: Path,
    tables: Sequence[Further],
    problems: Problems,
    findings: list[Finding],
    sheet: str = "",
    *,
    alike_is_one: bool = False,
) -> Joined:
    """Read the tables and join them by their keys, never by position.

    What does not match goes to the problems; rows of a further table that no row uses go to the findings.
    """
    main = read_table(path, sheet=sheet)
    if main.empty:
        raise DataError(f"{path}: the table has a header and no rows.")
    again = _repeated(main)
    twice = [f"line {line}" for line in main.index[again]]
    note(findings, "repeated-row", "rows that are in the table twice; the first counts", twice)
    main = main[~again]
    joined = Joined((Part(path, main, pd.Series(main.index, main.index)),), alike_is_one)
    for table in tables:
        with problems.gather():
            further = _partner(joined, path.parent, table, problems, findings)
            joined = replace(joined, parts=(*joined.parts, further))
    return joined


def _partner(joined: Joined, folder: Path, table: Further, problems: Problems, findings: list[Finding]) -> Part:
    path = folder / table.file
    cells = read_table(path, table.key + table.columns, table.sheet)
    joined.require(table.to)
    kept = [str(name) for name in cells.columns if name not in table.key and name in (table.columns or cells.columns)]
    twice = [name for name in kept if name in joined.homes]
    if twice:
        raise DataError(
            f"{path} has columns that {joined.homes[twice[0]].path} has too: {', '.join(twice)}. Name the ones you "
            "want with columns = [...], or rename them."
        )
    for name in table.key:
        refuse_rounded(cells[name], str(path))
    for name in table.to:
        refuse_rounded(joined.homes[name].cells[name], str(joined.homes[name].path))
    keys = pd.Series(_keys([cells[name] for name in table.key]), cells.index)
    wanted = pd.Series(_keys([joined.cells(column) for column in table.to]), joined.lines)
    theirs, own = (found.map(alike) if joined.alike else found for found in (keys, wanted))
    name = " and ".join(table.key)
    repeated = theirs[theirs.duplicated(keep=False)]
    for _, places in list(repeated.groupby(repeated).groups.items())[:10]:
        key = keys[places[0]]
        problems.add(f"{path}: {name} {key} is on lines {first_ten(places)}; a joined table has one row for each.")
    lines = pd.Series(theirs.index, theirs.to_numpy())
    matched = own.map(lines[~lines.index.duplicated()]).astype("Int64")
    absent = wanted[matched.isna()]
    if joined.alike:
        found = [(key, keys[line]) for key, line in zip(wanted, matched, strict=True) if not pd.isna(line)]
        note_joined(found, findings)
    if len(absent) and not table.optional:
        near = spelt_otherwise(absent, keys)
        same = {key: f"; {other!r} there: the same?" for key, other in near.items()}
        listed = [f"{key} (line {line}{same.get(key, '')})" for line, key in absent.items()]
        problems.add(
            f"{joined.path}: {len(absent)} rows have no partner in {path} by {name}: {first_ten(listed)}. Add them, "
            'remove the rows, or set rows_without_match = "empty" for that table.'
        )
    elif len(absent):
        note(findings, "row-without-match", f"rows without a partner in {path.name}; those cells are empty", absent)
        note_similar(spelt_otherwise(absent, keys), path.name, findings)
    note(findings, "row-never-used", f"rows of {path.name} that no row uses", keys[~theirs.isin(own)])
    return Part(path, cells[kept], matched)


def _repeated(table: pd.DataFrame) -> np.ndarray:
    """Which rows are as one before them; ``DataFrame.duplicated`` takes a second for thousands of columns."""
    seen = set[tuple[str, ...]]()
    found = []
    for row in map(tuple, table.to_numpy(dtype=object)):
        found.append(row in seen)
        seen.add(row)
    return np.array(found, dtype=bool)


def _keys(columns: Sequence[pd.Series]) -> list[str]:
    return [" / ".join(cells) for cells in zip(*columns, strict=True)]


def note_joined(pairs: Iterable[tuple[str, str]], findings: list[Finding]) -> None:
    """Note ids that were taken for another one, which is first, from which only their spelling tells them apart."""
    items = dict.fromkeys(f"{shown(first)} and {shown(other)}" for first, other in pairs if first != other)
    note(findings, "ids-joined", "ids joined although they are spelt in two ways, as join_ids says", items)


def note_similar(pairs: Mapping[str, str], where: str, findings: list[Finding]) -> None:
    """Warn of ids of the table (first) that are in another place only in another spelling."""
    note(
        findings,
        "similar-ids",
        "ids of the table that are elsewhere only in another spelling, and were not joined",
        (f"{shown(wanted)} in the table, {shown(other)} in {where}" for wanted, other in pairs.items()),
        severity="warning",
        advice='Write them in one way; or say join_ids = "alike", if those that look the same are the same.',
    )
