"""The columns that a ``columns.toml`` names, read from the study tables."""

from pathlib import Path

import pandas as pd

from fusekit.data import Column, Finding
from fusekit.data.own.places import nearest
from fusekit.data.own.problems import note
from fusekit.errors import DataError
from fusekit_adni.labels.leaks import reason_to_leave_out
from fusekit_adni.tables.measurements import matched, note_odd, read_numbers, with_censoring
from fusekit_adni.tables.rules import ColumnRule, ColumnRules
from fusekit_adni.tables.study import MISSING_TEXT, Numbers, StudyTable, Values, read_study_table, undated


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
            table = read_study_table(rule.table, paths, (), findings)
            if table is None:
                near = nearest(rule.table, sorted({undated(path) for path in paths}))
                raise DataError(f"{rule.place}: no table is called {rule.table!r} (without dates); {near}")
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
    column = Column(rule.name, rule.kind, rule.unit, rule.low, rule.high, rule.signed, rule.categories, source)
    if rule.kind == "category":
        absent = cells.str.lower().isin(MISSING_TEXT - {category.lower() for category in rule.categories})
        known = ~absent if not rule.categories else cells.isin(rule.categories)
        odd = {int(str(line)): str(text) for line, text in cells[~known & ~absent].items()}
        note_odd(notes, table, rule.column, Numbers(known.astype(float), known * 0.0, odd))
        values = pd.Series(None, index=scans.index, dtype=object)
        values[found.index] = cells.where(known, None).loc[found.to_numpy()].to_numpy()
        return [(column, values)]
    read = read_numbers(table, rule.column, notes, cells, log_scale=True)  # its missing codes are masked already
    parts = list(with_censoring(column, read, found, scans, always=bool(rule.censored)))
    return parts[:1] if rule.censored is False else parts
