"""The default clinical columns: which tables are read, and how.

Whatever of these tables is in the download is used; none is required. Columns that state or define the diagnosis (DX*,
MMSE*, CDR*, LDELTOTAL*, FAQ* ...), other cognitive scores, treatments, and shortcuts (site, dates, identifiers,
batches, field strength) are never inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fusekit.data import Column, Finding
from fusekit_adni.tables import Numbers, StudyTable, find_table, numbers, read_study_table
from fusekit_adni.visits import match

#: Columns of the multiplex and laboratory tables that are no measurements.
_KEYS = frozenset(
    {
        *("RID", "PTID", "ID", "SITE", "SITEID", "PHASE", "COLPROT", "ORIGPROT", "VISCODE", "VISCODE2", "VISIT_CODE"),
        *("EXAMDATE", "DRAWDATE", "DRWDTE", "RUNDATE", "USERDATE", "USERDATE2", "UPDATE_STAMP"),
        *("SAMPLE_ID", "BARCODE", "BATCH", "KIT", "STDS"),
    }
)


@dataclass(frozen=True)
class Source:
    """A study table of measurements.

    Args:
        table: its name without dates.
        columns: those to read; empty means every column that is no key.
        log_scale: whether -1 and -4 are values.
        keep: which rows count.
        instead_of: a table on another scale, not to be mixed in.
    """

    table: str
    columns: tuple[Column, ...] = ()
    log_scale: bool = False
    keep: Callable[[pd.DataFrame], pd.Series] | None = None
    instead_of: str = ""


def _medians(rows: pd.DataFrame) -> pd.Series:
    return rows["BATCH"].str.upper() == "MEDIAN" if "BATCH" in rows else pd.Series(True, index=rows.index)


SOURCES = (
    Source(
        "UPENNBIOMK_MASTER",
        (
            Column("ABETA", unit="pg/mL (xMAP)", low=20, high=600),
            Column("TAU", unit="pg/mL (xMAP)", low=5, high=1500),
            Column("PTAU", unit="pg/mL (xMAP)", low=1, high=400),
        ),
        keep=_medians,
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
        values: index scan, one column a ``Column``.
        columns: in the same order.
        seen: roster ids that have a row in any table of measurements.
    """

    values: pd.DataFrame
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
    parts: list[tuple[Column, pd.Series]] = [*_people(scans, adnimerge), *_genotype(scans, adnimerge, paths, findings)]
    seen: set[int] = set()
    for source in SOURCES:
        table = read_study_table(source.table, paths, tuple(c.name for c in source.columns), findings)
        other = find_table(source.instead_of, paths)[0] if source.instead_of else None
        if other is not None:
            what = f"{source.table} is read" if table else "without UPENNBIOMK_MASTER its columns are left out"
            findings.append(Finding("other-scale", f"another scale, not mixed in; {what}", (other.name,)))
        if table is not None:
            seen.update(table.rows["rid"])
            parts += _measurements(scans, table, source, findings)
    names = [column.name for column, _ in parts]
    qualified = [
        (f"{c.source.partition('.')[0]}.{c.name}" if names.count(c.name) > 1 else c.name, c, values)
        for c, values in parts
    ]
    empty = [name for name, _, values in qualified if values.notna().sum() == 0]
    if empty:
        findings.append(
            Finding("column-without-values", "columns without a value for any scan, left out", tuple(empty))
        )
    kept = [(name, column, values) for name, column, values in qualified if name not in empty]
    return Clinical(
        values=pd.DataFrame({name: values for name, _, values in kept}, index=scans.index),
        columns=tuple(_renamed(column, name) for name, column, _ in kept),
        seen=frozenset(seen),
    )


def _people(scans: pd.DataFrame, adnimerge: StudyTable | None) -> Iterator[tuple[Column, pd.Series]]:
    """Age at the scan, sex, education."""
    if adnimerge is None:
        return
    rows = adnimerge.rows.sort_values("day", kind="stable") if "day" in adnimerge.rows else adnimerge.rows
    first = rows[rows["visit"] == "bl"].drop_duplicates("rid").set_index("rid").reindex(scans["rid"])
    first.index = scans.index
    if {"AGE", "day"} <= set(first):  # AGE is that of the baseline visit, in every row
        since = (pd.to_datetime(scans["acquired"]) - first["day"]).dt.days / 365.25
        age = pd.to_numeric(first["AGE"], errors="coerce") + since
        yield Column("AGE", unit="years", low=18, high=120, source="ADNIMERGE.AGE"), age.round(2)
    if "PTGENDER" in first:
        sex = first["PTGENDER"].where(first["PTGENDER"].isin(("Male", "Female")), None)
        yield Column("PTGENDER", kind="category", categories=("Female", "Male"), source="ADNIMERGE.PTGENDER"), sex
    if "PTEDUCAT" in first:
        years = numbers(first["PTEDUCAT"].fillna("")).amounts
        yield Column("PTEDUCAT", unit="years", low=0, high=30, source="ADNIMERGE.PTEDUCAT"), years


def _genotype(
    scans: pd.DataFrame, adnimerge: StudyTable | None, paths: list[Path], findings: list[Finding]
) -> Iterator[tuple[Column, pd.Series]]:
    """Number of APOE e4 alleles: the same at every visit, from APOERES, else from ADNIMERGE."""
    apoe = read_study_table("APOERES", paths, (), findings)
    alleles, source = pd.Series(dtype=float), ""
    if apoe is not None and {"APGEN1", "APGEN2"} <= set(apoe.rows):
        pair, source = apoe.rows["APGEN1"] + "/" + apoe.rows["APGEN2"], "APOERES.APGEN1+APGEN2"
        alleles = _alleles(pair).groupby(apoe.rows["rid"]).first()
    elif apoe is not None and "GENOTYPE" in apoe.rows:
        alleles, source = _alleles(apoe.rows["GENOTYPE"]).groupby(apoe.rows["rid"]).first(), "APOERES.GENOTYPE"
    elif adnimerge is not None and "APOE4" in adnimerge.rows:
        read = numbers(adnimerge.rows["APOE4"]).amounts
        alleles, source = read.groupby(adnimerge.rows["rid"]).first(), "ADNIMERGE.APOE4"
    if source:
        yield Column("APOE4", unit="e4 alleles", low=0, high=2, source=source), scans["rid"].map(alleles).astype(float)


def _alleles(pairs: pd.Series) -> pd.Series:
    """``3/4`` -> 1; NaN where it is no pair of alleles 2 to 4."""
    return pairs.str.count("4").where(pairs.str.fullmatch(r"[234]/[234]")).astype(float)


def _measurements(
    scans: pd.DataFrame, table: StudyTable, source: Source, findings: list[Finding]
) -> Iterator[tuple[Column, pd.Series]]:
    rows = table.rows if source.keep is None else table.rows[source.keep(table.rows)]
    lines = match(scans, rows)
    found = lines.dropna().astype(int)
    columns = source.columns or tuple(
        Column(name) for name in rows.columns if name.upper() not in _KEYS and name not in ("rid", "visit", "day")
    )
    odd: list[str] = []
    for column in columns:
        read = numbers(rows[column.name], log_scale=source.log_scale)
        odd += [f"{table.path.name}, line {line}, column {column.name!r}: {text!r}" for line, text in read.odd.items()]
        described = Column(
            name=column.name,
            unit=column.unit or ("log10 concentration" if source.log_scale else ""),
            low=-10 if source.log_scale else column.low,  # a raw concentration among logarithms stands out
            high=10 if source.log_scale else column.high,
            source=f"{table.name}.{column.name}",
        )
        yield described, _take(read.amounts, found, scans)
        if _is_censored(read):
            flag = Column(
                f"{column.name} censored",
                unit="-1 below the assay's range, 1 above, 0 within",
                low=-1,
                high=1,
                source=described.source,
            )
            yield flag, _take(read.censored, found, scans)
    if odd:
        findings.append(Finding("odd-text", f"cells of {table.name} that are no numbers, taken as missing", tuple(odd)))


def _is_censored(read: Numbers) -> bool:
    return bool(read.censored.abs().eq(1).any())


def _take(column: pd.Series, found: pd.Series, scans: pd.DataFrame) -> pd.Series:
    """Values of the matched lines, by scan."""
    values = pd.Series(np.nan, index=scans.index)
    values[found.index] = column.loc[found.to_numpy()].to_numpy()
    return values


def _renamed(column: Column, name: str) -> Column:
    from dataclasses import replace

    return replace(column, name=name)
