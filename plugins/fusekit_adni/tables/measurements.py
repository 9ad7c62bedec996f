"""Tables of measurements: which row is a scan's, and its columns as numbers with a record of censoring."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from fusekit.data import Column, Finding
from fusekit.data.clinical.censoring import flag_of
from fusekit.data.clinical.numbers import pointed
from fusekit.data.clinical.tables import ORIGIN, Origin
from fusekit.data.own.problems import note
from fusekit_adni.labels.leaks import reason_to_leave_out
from fusekit_adni.labels.visits import match
from fusekit_adni.tables.study import MISSING_NUMBERS, Numbers, StudyTable, Values, numbers

#: Columns of the multiplex and laboratory tables that are no measurements.
_KEYS = """
    RID PTID ID SITE SITEID PHASE COLPROT ORIGPROT VISCODE VISCODE2 VISIT_CODE EXAMDATE DRAWDATE DRWDTE RUNDATE USERDATE
    USERDATE2 UPDATE_STAMP SAMPLE_ID BARCODE BATCH KIT STDS
""".split()  # noqa: SIM905 (words read better than quoted ones)


@dataclass(frozen=True)
class Source:
    """A study table of measurements."""

    table: str  # its name without dates
    columns: tuple[Column, ...] = ()  # those to read; empty means every column that is no key
    log_scale: bool = False  # whether -1 and -4 are values
    median: bool = False  # whether, in a table with batches, only rows with BATCH == MEDIAN count
    unless: tuple[str, ...] = ()  # tables of the same analytes on another scale; if one is there, this is left out
    alone: str = ""  # what to say if it is read, because none of them is there
    partly: bool = False  # whether exports may lack some of the columns


def measurements(scans: pd.DataFrame, table: StudyTable, source: Source, findings: list[Finding]) -> Iterator[Values]:
    """Columns of a table with their values by scan, each followed by its record of censoring where there is one."""
    rows = table.rows
    if source.median and "BATCH" in rows:
        rows = rows[rows["BATCH"].str.upper() == "MEDIAN"]
    found = matched(scans, table, rows, findings)
    unit = "log10 concentration" if source.log_scale else ""
    for column in [one for one in source.columns if one.name in rows] or _offered(table, findings):
        name, log_scale = column.name, source.log_scale
        read = read_numbers(table, name, findings, rows[name], log_scale=log_scale)
        missing = () if log_scale else tuple(f"{code:g}" for code in MISSING_NUMBERS)
        own = replace(column, unit=column.unit or unit, signed=log_scale, missing=missing)
        described = replace(own, source=f"{table.name}.{name}")
        # Of a known assay always: a few new patients, all within its range, have the columns that a model was made for.
        yield from with_censoring(described, read, found, scans, always=bool(source.columns))


def read_numbers(
    table: StudyTable, column: str, findings: list[Finding], cells: pd.Series | None = None, *, log_scale: bool = False
) -> Numbers:
    """A column as numbers, from some of its cells or all; cells that cannot be read are noted.

    A table whose cells are separated by semicolons was saved again, and may have decimal commas: its columns show it.
    """
    cells = table.rows[column] if cells is None else cells
    if table.rows.attrs.get(ORIGIN, Origin()).separator == ";":
        cells = pointed(cells, str(table.path), table.numerals)
    read = numbers(cells, log_scale=log_scale)
    note_odd(findings, table, column, read)
    return read


def with_censoring(
    column: Column, read: Numbers, found: pd.Series, scans: pd.DataFrame, *, always: bool
) -> Iterator[Values]:
    """A column by scan, and another that says which values are bounds, if any are, or always."""
    yield column, take(read.amounts, found, scans)
    if always or read.censored.abs().eq(1).any():
        yield flag_of(column), take(read.censored, found, scans)


def matched(scans: pd.DataFrame, table: StudyTable, rows: pd.DataFrame, findings: list[Finding]) -> pd.Series:
    """Find the line for each scan that has one, among the rows that count; further rows of a visit are noted."""
    rows = rows.sort_values("screening", kind="stable")  # the baseline visit says more than screening
    again = rows.index[
        rows["rid"].isin(scans["rid"]) & rows["visit"].notna() & rows.duplicated(["rid", "visit", "screening"])
    ]
    message = f"rows of {table.name} for a subject's visit that has one already; the first counts"
    note(findings, "repeated-row", message, [f"{table.path.name}, line {line}" for line in sorted(again)])
    return match(scans, rows).dropna().astype(int)


def _offered(table: StudyTable, findings: list[Finding]) -> Iterator[Column]:
    """Every column of a table that is no key and may be an input."""
    for name in table.rows.columns.difference(["rid", "visit", "screening", "day"], sort=False):
        reason = reason_to_leave_out(name)
        if name.upper() in _KEYS:
            continue
        if reason:
            note(findings, "never-an-input", f"a column of {table.name} left out: it is {reason}", (name,))
        else:
            yield Column(name)


def take(column: pd.Series, found: pd.Series, scans: pd.DataFrame) -> pd.Series:
    """Values of the matched lines, by scan."""
    values = pd.Series(np.nan, index=scans.index)
    values[found.index] = column.loc[found.to_numpy()].to_numpy()
    return values


def note_odd(findings: list[Finding], table: StudyTable, column: str, read: Numbers) -> None:
    """Report the cells of a column that could not be read; as one, where nothing in it is a number."""
    where = f"{table.path.name}, column {column!r}"
    cells = [f"{where}, line {line}: {text!r}" for line, text in read.odd.items()]
    if read.amounts.notna().sum() == 0:
        note(findings, "text-column", f"columns of {table.name} without any number", cells[:1])
    else:
        note(findings, "odd-text", f"cells of {table.name} that cannot be read, taken as missing", cells)
