"""The default clinical columns: which tables are read, and how.

Whatever of these tables is in the download is used; none is required. Columns that give the diagnosis away are never
inputs: see ``fusekit_adni.leaks``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from fusekit.data import Column, Finding
from fusekit_adni.leaks import reason_to_leave_out
from fusekit_adni.tables import MISSING_TEXT, Numbers, StudyTable, find_table, numbers, read_study_table
from fusekit_adni.visits import match

#: Columns of the multiplex and laboratory tables that are no measurements.
_KEYS = frozenset(
    {
        *("RID", "PTID", "ID", "SITE", "SITEID", "PHASE", "COLPROT", "ORIGPROT", "VISCODE", "VISCODE2", "VISIT_CODE"),
        *("EXAMDATE", "DRAWDATE", "DRWDTE", "RUNDATE", "USERDATE", "USERDATE2", "UPDATE_STAMP"),
        *("SAMPLE_ID", "BARCODE", "BATCH", "KIT", "STDS"),
    }
)


#: Codes for "no value" where text is expected.
_UNKNOWN = {*MISSING_TEXT, "-1", "-4"}


@dataclass(frozen=True)
class Source:
    """A study table of measurements.

    Args:
        table: its name without dates.
        columns: those to read; empty means every column that is no key.
        log_scale: whether -1 and -4 are values.
        median: whether, in a table with batches, only rows with BATCH == MEDIAN count.
        instead_of: a table on another scale, not to be mixed in.
    """

    table: str
    columns: tuple[Column, ...] = ()
    log_scale: bool = False
    median: bool = False
    instead_of: str = ""


SOURCES = (
    Source(
        "UPENNBIOMK_MASTER",
        (
            Column("ABETA", unit="pg/mL (xMAP)", low=20, high=600),
            Column("TAU", unit="pg/mL (xMAP)", low=5, high=1500),
            Column("PTAU", unit="pg/mL (xMAP)", low=1, high=400),
        ),
        median=True,
        instead_of="UPENNBIOMK9",
    ),
    Source("BLENNOWPLASMANFL", (Column("PLASMA_NFL", unit="ng/L", low=0.5, high=1000),)),
    Source("LABDATA"),
    Source("adni_plasma_qc_multiplex", log_scale=True),
)


@dataclass(frozen=True)
class Clinical:
    """Clinical values of scans.

    Args:
        table: values; index scan, one column a ``Column``.
        columns: in the same order.
        seen: roster ids that have a row in any table of measurements.
    """

    table: pd.DataFrame
    columns: tuple[Column, ...]
    seen: frozenset[int]


def read_clinical(
    scans: pd.DataFrame, adnimerge: StudyTable | None, paths: list[Path], findings: list[Finding]
) -> Clinical:
    """Read the default columns for some scans.

    A scan gets the row of its own visit, else the subject's nearest within 180 days where the table has dates.

    Args:
        scans: index scan; columns rid, visit, acquired.
        adnimerge: for age, sex and education, if it is there.
        paths: the tables of the download.
        findings: gets notes about odd cells, other scales and empty columns.
    """
    notes: list[Finding] = []
    parts: list[tuple[Column, pd.Series]] = [
        *_people(scans, adnimerge, notes),
        *_genotype(scans, adnimerge, paths, notes),
    ]
    seen: set[int] = set()
    for source in SOURCES:
        table = read_study_table(source.table, paths, tuple(c.name for c in source.columns), notes)
        other = find_table(source.instead_of, paths)[0] if source.instead_of else None
        if other is not None:
            what = f"{source.table} is read" if table else "without UPENNBIOMK_MASTER its columns are left out"
            notes.append(Finding("other-scale", f"another scale, not mixed in; {what}", (other.name,)))
        if table is not None:
            seen.update(table.rows["rid"])
            parts += _measurements(scans, table, source, notes)
    names = [column.name for column, _ in parts]
    qualified = [
        (f"{c.source.partition('.')[0]}.{c.name}" if names.count(c.name) > 1 else c.name, c, values)
        for c, values in parts
    ]
    empty = [name for name, _, values in qualified if values.notna().sum() == 0]
    if empty:
        notes.append(Finding("column-without-values", "columns without a value for any scan, left out", tuple(empty)))
    findings += _merged(notes)
    kept = [(name, column, values) for name, column, values in qualified if name not in empty]
    return Clinical(
        table=pd.DataFrame({name: values for name, _, values in kept}, index=scans.index),
        columns=tuple(replace(column, name=name) for name, column, _ in kept),
        seen=frozenset(seen),
    )


def _merged(notes: list[Finding]) -> Iterator[Finding]:
    """Say the same thing about several columns once."""
    items: dict[tuple[str, str], tuple[str, ...]] = {}
    for note in notes:
        items[note.code, note.message] = items.get((note.code, note.message), ()) + note.items
    return (Finding(code, message, all_items) for (code, message), all_items in items.items())


def _people(
    scans: pd.DataFrame, adnimerge: StudyTable | None, findings: list[Finding]
) -> Iterator[tuple[Column, pd.Series]]:
    """Age at the scan, sex, education."""
    if adnimerge is None:
        return
    rows = adnimerge.rows.sort_values("day", kind="stable") if "day" in adnimerge.rows else adnimerge.rows
    first = rows[rows["visit"] == "bl"].drop_duplicates("rid")

    def of_scans(values: pd.Series) -> pd.Series:
        return values.set_axis(first["rid"]).reindex(scans["rid"]).set_axis(scans.index)

    if {"AGE", "day"} <= set(first):  # AGE is that of the baseline visit, in every row
        read = numbers(first["AGE"])
        _note_odd(findings, adnimerge, "AGE", read)
        since = (pd.to_datetime(scans["acquired"]) - of_scans(first["day"])).dt.days / 365.25
        age = of_scans(read.amounts) + since
        yield Column("AGE", unit="years", low=18, high=120, source="ADNIMERGE.AGE"), age.round(2)
    if "PTGENDER" in first:
        known = first["PTGENDER"].isin(("Male", "Female"))
        sex = first["PTGENDER"].where(known, None)
        unread = first.loc[~known & ~first["PTGENDER"].str.lower().isin(_UNKNOWN), "PTGENDER"]
        odd = {int(line): str(text) for line, text in zip(unread.index, unread, strict=True)}
        _note_odd(findings, adnimerge, "PTGENDER", Numbers(known * 1.0, known * 0.0, odd))
        column = Column("PTGENDER", kind="category", categories=("Female", "Male"), source="ADNIMERGE.PTGENDER")
        yield column, of_scans(sex)
    if "PTEDUCAT" in first:
        read = numbers(first["PTEDUCAT"])
        _note_odd(findings, adnimerge, "PTEDUCAT", read)
        column = Column("PTEDUCAT", unit="years", low=0, high=30, source="ADNIMERGE.PTEDUCAT")
        yield column, of_scans(read.amounts)


def _genotype(
    scans: pd.DataFrame, adnimerge: StudyTable | None, paths: list[Path], findings: list[Finding]
) -> Iterator[tuple[Column, pd.Series]]:
    """Number of APOE e4 alleles: the same at every visit, from APOERES, else from ADNIMERGE.

    A subject whose rows disagree gets none, and a finding says so.
    """
    table = read_study_table("APOERES", paths, (), findings)
    if table is not None and {"APGEN1", "APGEN2"} <= set(table.rows):
        read, source = _alleles(table.rows["APGEN1"] + "/" + table.rows["APGEN2"]), "APGEN1+APGEN2"
    elif table is not None and "GENOTYPE" in table.rows:
        read, source = _alleles(table.rows["GENOTYPE"]), "GENOTYPE"
    elif adnimerge is not None and "APOE4" in adnimerge.rows:
        table, read, source = adnimerge, numbers(adnimerge.rows["APOE4"]), "APOE4"
    else:
        return
    _note_odd(findings, table, source, read)
    by_subject = read.amounts.groupby(table.rows["rid"])
    differ = by_subject.max() > by_subject.min()
    if differ.any():
        message = f"subjects (RID) whose rows of {table.name} disagree on the genotype, which is taken as missing"
        findings.append(Finding("genotype-differs", message, tuple(map(str, differ.index[differ]))))
    alleles = by_subject.first()[~differ]
    column = Column("APOE4", unit="e4 alleles", low=0, high=2, source=f"{table.name}.{source}")
    yield column, scans["rid"].map(alleles).astype(float)


def _alleles(pairs: pd.Series) -> Numbers:
    """``3/4`` -> 1; odd where it is no pair of alleles 2 to 4."""
    amounts = pairs.str.count("4").where(pairs.str.fullmatch(r"[234]/[234]")).astype(float)
    unread = zip(pairs.index[amounts.isna()].tolist(), pairs[amounts.isna()].tolist(), strict=True)
    odd = {line: pair for line, pair in unread if not set(pair.lower().split("/")) <= _UNKNOWN}
    return Numbers(amounts, amounts * 0.0, odd)


def _note_odd(findings: list[Finding], table: StudyTable, column: str, read: Numbers) -> None:
    """Report the cells of a column that could not be read; as one, where nothing in it is a number."""
    where = f"{table.path.name}, column {column!r}"
    cells = [f"{where}, line {line}: {text!r}" for line, text in read.odd.items()]
    if cells and read.amounts.notna().sum() == 0:
        findings.append(Finding("text-column", f"columns of {table.name} without any number", (cells[0],)))
    elif cells:
        findings.append(
            Finding("odd-text", f"cells of {table.name} that cannot be read, taken as missing", tuple(cells))
        )


def _measurements(
    scans: pd.DataFrame, table: StudyTable, source: Source, findings: list[Finding]
) -> Iterator[tuple[Column, pd.Series]]:
    rows = table.rows.sort_values("screening", kind="stable")  # the baseline visit says more than screening
    if source.median and "BATCH" in rows:
        rows = rows[rows["BATCH"].str.upper() == "MEDIAN"]
    again = rows.index[
        rows["rid"].isin(scans["rid"]) & rows["visit"].notna() & rows.duplicated(["rid", "visit", "screening"])
    ]
    if len(again):
        items = tuple(f"{table.path.name}, line {line}" for line in sorted(again))
        message = f"rows of {table.name} for a subject's visit that has one already; the first counts"
        findings.append(Finding("repeated-row", message, items))
    found = match(scans, rows).dropna().astype(int)
    for column in source.columns or _offered(table, findings):
        read = numbers(rows[column.name], log_scale=source.log_scale)
        _note_odd(findings, table, column.name, read)
        described = Column(
            name=column.name,
            unit=column.unit or ("log10 concentration" if source.log_scale else ""),
            low=column.low,
            high=column.high,
            signed=source.log_scale,
            source=f"{table.name}.{column.name}",
        )
        yield described, _take(read.amounts, found, scans)
        # Of a known assay always: a few new patients, all within its range, have the columns that a model was made for.
        if source.columns or read.censored.abs().eq(1).any():
            flag = Column(
                f"{column.name} censored",
                unit="-1 below the assay's range, 1 above, 0 within",
                low=-1,
                high=1,
                source=described.source,
            )
            yield flag, _take(read.censored, found, scans)


def _offered(table: StudyTable, findings: list[Finding]) -> Iterator[Column]:
    """Every column of a table that is no key and may be an input."""
    for name in table.rows.columns.difference(["rid", "visit", "screening", "day"], sort=False):
        reason = reason_to_leave_out(name)
        if name.upper() in _KEYS:
            continue
        if reason:
            findings.append(Finding("never-an-input", f"a column of {table.name} left out: it is {reason}", (name,)))
        else:
            yield Column(name)


def _take(column: pd.Series, found: pd.Series, scans: pd.DataFrame) -> pd.Series:
    """Values of the matched lines, by scan."""
    values = pd.Series(np.nan, index=scans.index)
    values[found.index] = column.loc[found.to_numpy()].to_numpy()
    return values
