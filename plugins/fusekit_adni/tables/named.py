"""``columns.toml``: which columns of which study tables are the clinical inputs, and how their cells are read."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, cast

import pandas as pd

from fusekit.data import Column, Finding
from fusekit.data.own.keys import Keys, read_toml
from fusekit.data.own.places import nearest
from fusekit.data.own.problems import Problems, line_of, note
from fusekit.errors import DataError
from fusekit.extension.registry import suggest
from fusekit_adni.labels.leaks import reason_to_leave_out
from fusekit_adni.tables.archive import archive, undated
from fusekit_adni.tables.measurements import matched, note_odd, read_numbers, with_censoring
from fusekit_adni.tables.study import MISSING_TEXT, Numbers, StudyTable, Values, read_study_table

#: What the top-level entry ``people`` may list: columns that are more than one cell of a table.
PEOPLE = ("AGE", "PTGENDER", "PTEDUCAT", "APOE4")

#: Keys of an entry: those of ``fusekit.data.Column``, and how its cells are read.
KEYS = ("table", "column", *(one.name for one in fields(Column) if one.name != "source"), "rows", "censored")

#: Codes that mean "no value" unless a rule says otherwise; those of ``study.MISSING_TEXT`` mean it always.
MISSING_CODES = ("-1", "-4")


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """An entry ``[[column]]``."""

    table: str  # its name without dates
    column: str  # of the table
    described: Column  # as the cohort has it; its name is the column's own if none is given
    missing: tuple[str, ...] = MISSING_CODES  # for "no value", beside empty cells, NA, n/a, . and Unknown
    rows: Mapping[str, tuple[str, ...]] | None = None  # column -> texts; only rows with one of the texts count
    censored: bool | None = None  # whether a column of values beyond the assay's range is added; None: if there are any
    place: str = ""  # file and line of the entry, for messages


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """What a ``columns.toml`` asks for."""

    columns: tuple[ColumnRule, ...]  # in the order of the file
    people: tuple[str, ...] = ()  # of ``PEOPLE``: read as in the default set, before the columns


def read_column_rules(path: Path) -> ColumnRules:
    """Read a file; refuse everything in it that is not as it should be, with file, line and key."""
    text, entries = read_toml(path)
    problems = Problems(path)
    rules = _Reader(path, text, problems).read(entries)
    problems.refuse()
    return rules


class _Reader(Keys):
    def read(self, entries: dict[str, Any]) -> ColumnRules:
        self.known(entries, ("column", "people"))
        people = tuple(dict.fromkeys(self.texts(entries, "people")))
        for name in people:
            if name not in PEOPLE:
                self.wrong(("people",), f"takes some of {', '.join(PEOPLE)}, not {name!r}; {suggest(name, PEOPLE)}")
        rules = [self.rule(entry, number) for number, entry in enumerate(self.tables(entries, "column"), 1)]
        if not entries:
            self.problems.add(f"{self.path} names no column. Add an entry [[column]] with a table and a column.")
        taken = dict.fromkeys(people, f"{self.path}, entry 'people'")
        for rule in rules:
            name = rule.described.name
            if taken.setdefault(name, rule.place) != rule.place:
                self.problems.add(f"{rule.place}: {name!r} is a name already, of {taken[name]}; give a name.")
        return ColumnRules(tuple(rules), people)

    def rule(self, entry: dict[str, Any], number: int) -> ColumnRule:
        at = (f"column[{number}]",)
        line = line_of(self.lines, *at)
        self.known(entry, KEYS, at)
        kind = self.choice(entry, "kind", ("number", "category"), at)
        of_numbers = ("unit", "low", "high", "signed", "censored")
        for name in of_numbers if kind == "category" else ("categories",):
            if name in entry:
                self.wrong((*at, name), f"says nothing about a column of kind {kind!r}.")
        column = self.text(entry, "column", at, needed=True)
        rows: Any = entry.get("rows")
        if rows is not None:
            rows = {key: self.texts(rows, key, (*at, "rows")) for key in rows} if isinstance(rows, dict) else {"": ()}
            if not all(rows.values()):
                example = '{ BATCH = "MEDIAN" }'
                self.wrong((*at, "rows"), f"takes columns and texts, such as {example}, not {entry['rows']!r}.")
        table = self.text(entry, "table", at, needed=True)
        limits = self.limits(entry, at)
        described = Column(
            self.text(entry, "name", at) or column,
            cast("Literal['number', 'category']", kind),
            self.text(entry, "unit", at),
            limits.get("low"),
            limits.get("high"),
            signed=bool(self.flag(entry, "signed", at)),
            categories=self.texts(entry, "categories", at),
        )
        return ColumnRule(
            table,
            column,
            described,
            missing=self.texts(entry, "missing", at) if "missing" in entry else MISSING_CODES,
            rows=rows,
            censored=self.flag(entry, "censored", at),
            place=f"{self.path}{f', line {line}' if line else ''}, entry {number}",
        )


def named_columns(
    scans: pd.DataFrame, paths: list[Path], rules: ColumnRules, findings: list[Finding]
) -> tuple[list[Values], set[int]]:
    """Read every named column, and the roster ids in their tables.

    A column reads one table only, so that it never mixes two assays of an analyte. A table or column that is not there
    is refused with the entry and what looks like it.
    """
    parts: list[Values] = []
    seen: set[int] = set()
    tables: dict[str, StudyTable] = {}
    lines: dict[tuple[str, str], pd.Series] = {}  # of scans, found once for all columns that read the same rows
    for rule in rules.columns:
        key = rule.table.lower()
        if key not in tables:
            own = [each for each in rules.columns if each.table.lower() == key]
            asked = [name for each in own for name in (each.column, *(each.rows or ()))]
            table = read_study_table(rule.table, paths, (), findings, columns=asked)
            if table is None:
                near = nearest(rule.table, sorted({undated(path) for path in paths}))
                known = archive().get(rule.table)
                place = f" In the archive: {known.where}." if known else ""
                raise DataError(f"{rule.place}: no table is called {rule.table!r} (without dates); {near}{place}")
            tables[key] = table
            seen.update(table.rows["rid"])
        rows = _rows(tables[key], rule)
        of_rows = (key, repr(sorted((rule.rows or {}).items())))
        if of_rows not in lines:
            lines[of_rows] = matched(scans, tables[key], rows, findings)
        parts += _read(rows, lines[of_rows], scans, tables[key], rule, findings)
    return parts, seen


def _rows(table: StudyTable, rule: ColumnRule) -> pd.DataFrame:
    added = {"rid", "visit", "screening", "day"}
    for name in (rule.column, *(rule.rows or ())):
        if name not in table.rows or name in added:
            near = nearest(name, [str(column) for column in table.rows if column not in added])
            raise DataError(f"{rule.place}: {table.path.name} has no column {name!r}; {near}")
    rows = table.rows
    for name, texts in (rule.rows or {}).items():
        both = (rows[name], pd.Series(texts))
        cells, wanted = (text.str.upper().str.replace(r"^([+-]?\d+)\.0*$", r"\1", regex=True) for text in both)
        rows = rows[cells.isin(wanted)]  # 2.0 is 2
    if rows.empty:
        raise DataError(f"{rule.place}: no row of {table.path.name} is as the key 'rows' asks.")
    return rows


def _read(
    rows: pd.DataFrame, found: pd.Series, scans: pd.DataFrame, table: StudyTable, rule: ColumnRule, notes: list[Finding]
) -> list[Values]:
    source = f"{table.name}.{rule.column}"
    if reason := reason_to_leave_out(rule.column):
        message, where = f"a named column that gives the diagnosis away: it is {reason}", f"{rule.place}: {source}"
        advice = "Remove the entry, unless to show the leak is the point."
        note(notes, "leaky-column-named", message, (where,), severity="warning", advice=advice)
    cells, missing = rows[rule.column], pd.Series(rule.missing, dtype=object)
    as_numbers = pd.to_numeric(missing, errors="coerce").dropna()  # -4.0 is -4, too
    code = cells.str.lower().isin(missing.str.lower())
    cells = cells.mask(code | pd.to_numeric(cells, errors="coerce").isin(as_numbers), "")
    column = replace(rule.described, source=source, missing=rule.missing)
    if column.kind == "category":
        absent = cells.str.lower().isin(MISSING_TEXT - {category.lower() for category in column.categories})
        known = ~absent if not column.categories else cells.isin(column.categories)
        odd = {int(str(line)): str(text) for line, text in cells[~known & ~absent].items()}
        note_odd(notes, table, rule.column, Numbers(known.astype(float), known * 0.0, odd))
        values = pd.Series(None, index=scans.index, dtype=object)
        values[found.index] = cells.where(known, None).loc[found.to_numpy()].to_numpy()
        return [(column, values)]
    read = read_numbers(table, rule.column, notes, cells, log_scale=True)  # its missing codes are masked already
    parts = list(with_censoring(column, read, found, scans, always=bool(rule.censored)))
    return parts[:1] if rule.censored is False else parts
