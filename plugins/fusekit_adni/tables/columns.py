"""The clinical columns: a default set from whichever tables are there, or those that a TOML file names.

No default table is required. Columns that give the diagnosis away are never inputs: see ``fusekit_adni.labels.leaks``.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pandas as pd

from fusekit.data import Column, Finding
from fusekit.data.own.problems import note
from fusekit_adni.tables.measurements import Source, measurements, note_odd, read_numbers
from fusekit_adni.tables.named import named_columns, read_column_rules
from fusekit_adni.tables.study import UNKNOWN, Numbers, StudyTable, Values, find_table, numbers, read_study_table


def _fluid(assay: str, **limits: tuple[float, float]) -> tuple[Column, ...]:
    return tuple(Column(name, unit=f"pg/mL ({assay})", low=low, high=high) for name, (low, high) in limits.items())


_ELECSYS = _fluid("Elecsys", ABETA=(50, 6000), TAU=(20, 3000), PTAU=(2, 400))
_ROCHE = _fluid("Elecsys", ABETA42=(50, 6000), ABETA40=(500, 60000), TAU=(20, 3000), PTAU=(2, 400))
#: Limits of plasma assays are wide: they catch another unit, and nobody's illness.
_FUJIREBIO = (
    *_fluid("Lumipulse, plasma", pT217_F=(0, 50), AB42_F=(0, 500), AB40_F=(0, 5000)),
    Column("AB42_AB40_F", unit="ratio", low=0, high=1),
    Column("pT217_AB42_F", unit="ratio", low=0, high=5),
    *_fluid("Simoa, plasma", NfL_Q=(0, 3000), GFAP_Q=(0, 10000)),
)
_C2N = (
    *_fluid("C2N, plasma", pT217_C2N=(0, 100), npT217_C2N=(0, 1000), AB42_C2N=(0, 500), AB40_C2N=(0, 5000)),
    Column("APS2_C2N", unit="score", low=0, high=100),
)
SOURCES = (
    Source("UPENNBIOMK_ROCHE_ELECSYS", _ROCHE, partly=True),
    Source(
        "UPENNBIOMK_MASTER",
        _fluid("xMAP", ABETA=(20, 600), TAU=(5, 1500), PTAU=(1, 400)),
        median=True,
        unless=("UPENNBIOMK_ROCHE_ELECSYS",),
    ),
    Source(
        "UPENNBIOMK9",
        _ELECSYS,
        unless=("UPENNBIOMK_ROCHE_ELECSYS", "UPENNBIOMK_MASTER"),
        alone="read on its own scale, since UPENNBIOMK_MASTER is not there; never compare the two",
    ),
    Source("UPENN_PLASMA_FUJIREBIO_QUANTERIX", _FUJIREBIO, partly=True),
    Source("C2N_PRECIVITYAD2_PLASMA", _C2N, partly=True),
    Source("BLENNOWPLASMANFL", (Column("PLASMA_NFL", unit="ng/L", low=0.5, high=1000),)),
    Source("LABDATA"),
    Source("adni_plasma_qc_multiplex", log_scale=True),
)


@dataclass(frozen=True)
class Clinical:
    """Clinical values of scans."""

    table: pd.DataFrame  # index scan; its columns are ``columns``, in that order
    columns: tuple[Column, ...]
    seen: frozenset[int]  # roster ids that have a row in any table of measurements

    @classmethod
    def of(cls, parts: Sequence[Values], seen: Iterable[int], scans: pd.DataFrame, findings: list[Finding]) -> Self:
        """Keep the columns that have a value for any scan."""
        empty = [column.name for column, values in parts if values.isna().all()]
        note(findings, "column-without-values", "columns without a value for any scan, left out", empty)
        kept = {column: values for column, values in parts if column.name not in empty}
        table = pd.DataFrame({column.name: values for column, values in kept.items()}, index=scans.index)
        return cls(table, tuple(kept), frozenset(seen))


def read_clinical(
    scans: pd.DataFrame, adnimerge: StudyTable | None, paths: list[Path], findings: list[Finding], rules: Path | None
) -> Clinical:
    """Read clinical columns for scans (index scan; columns rid, visit, acquired).

    A scan gets the row of its own visit, else the subject's nearest within 180 days where the table has dates.
    ADNIMERGE has age, sex and education. ``rules`` is a ``columns.toml`` that names the columns; None reads the default
    set. Findings get odd cells, other scales and empty columns.
    """
    parts: list[Values] = []
    named = None if rules is None else read_column_rules(rules)
    if named is None or named.people:
        parts = [*people(scans, adnimerge, paths, findings), *genotype(scans, adnimerge, paths, findings)]
    if named is None:
        measured, seen = _default(scans, paths, findings)
    else:
        by_name = {column.name: (column, values) for column, values in parts}
        parts = [by_name[name] for name in named.people if name in by_name]
        measured, seen = named_columns(scans, paths, named, findings)
    parts += measured
    names = [column.name for column, _ in parts]
    absent = [name for name in (named.people if named else ()) if name not in names]  # whose table is not there
    note(findings, "column-without-values", "columns without a value for any scan, left out", absent)
    for place, (column, values) in enumerate(parts):
        if names.count(column.name) > 1:
            parts[place] = replace(column, name=f"{column.source.partition('.')[0]}.{column.name}"), values
    return Clinical.of(parts, seen, scans, findings)


def _default(scans: pd.DataFrame, paths: list[Path], findings: list[Finding]) -> tuple[list[Values], set[int]]:
    parts: list[Values] = []
    seen: set[int] = set()
    for source in SOURCES:
        if source.unless and (there := find_table(source.table, paths)[0]):
            instead = next((other for other in source.unless if find_table(other, paths)[0]), None)
            what = f"another scale, not mixed in; {instead} is read" if instead else source.alone
            note(findings, "other-scale", what, (there.name,) if what else ())
            if instead:
                continue
        needed = () if source.partly else tuple(column.name for column in source.columns)
        table = read_study_table(source.table, paths, needed, findings)
        if table is not None:
            seen.update(table.rows["rid"])
            parts += measurements(scans, table, source, findings)
    return parts, seen


def people(
    scans: pd.DataFrame, adnimerge: StudyTable | None, paths: list[Path], findings: list[Finding]
) -> Iterator[Values]:
    """Age at the scan, sex, education: from ADNIMERGE, and from PTDEMOG for whom it does not have."""
    merged = {column.name: (column, values) for column, values in _merged(scans, adnimerge, findings)}
    demographics = read_study_table("PTDEMOG", paths, (), findings)
    own = {column.name: (column, values) for column, values in _demographics(scans, demographics, findings)}
    for name in dict.fromkeys([*merged, *own]):
        if name not in merged or name not in own:
            yield merged.get(name) or own[name]
            continue
        (column, values), (other, more) = merged[name], own[name]
        filled = values.isna() & more.notna()
        source = f"{column.source} and {other.source}" if filled.any() else column.source
        yield replace(column, source=source), values.where(~filled, more)


def _demographics(scans: pd.DataFrame, table: StudyTable | None, findings: list[Finding]) -> Iterator[Values]:
    """From PTDEMOG, which has several rows of a subject: the first that says it."""
    if table is None:
        return
    rows = table.rows.sort_values("day", kind="stable") if "day" in table.rows else table.rows

    def of_scans(values: pd.Series) -> pd.Series:
        first = values.groupby(rows["rid"]).first()
        return scans["rid"].map(first)

    if "PTDOBYY" in rows:
        years = read_numbers(table, "PTDOBYY", findings, rows["PTDOBYY"]).amounts
        middle = pd.to_datetime(years.map("{:.0f}-07-01".format), format="%Y-%m-%d", errors="coerce")
        age = (pd.to_datetime(scans["acquired"]) - of_scans(middle)).dt.days / 365.25
        yield Column("AGE", unit="years", low=18, high=120, source="PTDEMOG.PTDOBYY"), age.round(2)
    if "PTGENDER" in rows:
        code = rows["PTGENDER"].str.replace(r"\.0+$", "", regex=True).str.lower()
        sex = code.map({"1": "Male", "2": "Female", "male": "Male", "female": "Female"})
        strange = rows.loc[sex.isna() & ~code.isin(UNKNOWN), "PTGENDER"]
        odd = {int(str(line)): str(text) for line, text in strange.items()}
        note_odd(findings, table, "PTGENDER", Numbers(sex.notna() * 1.0, sex.notna() * 0.0, odd))
        column = Column("PTGENDER", kind="category", categories=("Female", "Male"), source="PTDEMOG.PTGENDER")
        yield column, of_scans(sex).astype(object).where(lambda values: values.notna(), None)
    if "PTEDUCAT" in rows:
        years = read_numbers(table, "PTEDUCAT", findings, rows["PTEDUCAT"]).amounts
        yield Column("PTEDUCAT", unit="years", low=0, high=30, source="PTDEMOG.PTEDUCAT"), of_scans(years).astype(float)


def _merged(scans: pd.DataFrame, adnimerge: StudyTable | None, findings: list[Finding]) -> Iterator[Values]:
    if adnimerge is None:
        return
    rows = adnimerge.rows.sort_values("day", kind="stable") if "day" in adnimerge.rows else adnimerge.rows
    first = rows[rows["visit"] == "bl"].drop_duplicates("rid")

    def of_scans(values: pd.Series) -> pd.Series:
        return values.set_axis(first["rid"]).reindex(scans["rid"]).set_axis(scans.index)

    if {"AGE", "day"} <= set(first):  # AGE is that of the baseline visit, in every row
        read = read_numbers(adnimerge, "AGE", findings, first["AGE"])
        since = (pd.to_datetime(scans["acquired"]) - of_scans(first["day"])).dt.days / 365.25
        age = of_scans(read.amounts) + since
        yield Column("AGE", unit="years", low=18, high=120, source="ADNIMERGE.AGE"), age.round(2)
    if "PTGENDER" in first:
        known = first["PTGENDER"].isin(("Male", "Female"))
        sex = first["PTGENDER"].where(known, None)
        unread = ~known & ~first["PTGENDER"].str.lower().isin(UNKNOWN)
        odd = {int(str(line)): str(text) for line, text in first.loc[unread, "PTGENDER"].items()}
        note_odd(findings, adnimerge, "PTGENDER", Numbers(known * 1.0, known * 0.0, odd))
        column = Column("PTGENDER", kind="category", categories=("Female", "Male"), source="ADNIMERGE.PTGENDER")
        yield column, of_scans(sex)
    if "PTEDUCAT" in first:
        column = Column("PTEDUCAT", unit="years", low=0, high=30, source="ADNIMERGE.PTEDUCAT")
        yield column, of_scans(read_numbers(adnimerge, "PTEDUCAT", findings, first["PTEDUCAT"]).amounts)


def genotype(
    scans: pd.DataFrame, adnimerge: StudyTable | None, paths: list[Path], findings: list[Finding]
) -> Iterator[Values]:
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
    note_odd(findings, table, source, read)
    by_subject = read.amounts.groupby(table.rows["rid"])
    differ = by_subject.max() > by_subject.min()
    message = f"subjects (RID) whose rows of {table.name} disagree on the genotype, which is taken as missing"
    note(findings, "genotype-differs", message, differ.index[differ])
    alleles = by_subject.first()[~differ]
    column = Column("APOE4", unit="e4 alleles", low=0, high=2, source=f"{table.name}.{source}")
    yield column, scans["rid"].map(alleles).astype(float)


def _alleles(pairs: pd.Series) -> Numbers:
    """``3/4`` and ``34`` -> 1; odd where it is no pair of alleles 2 to 4."""
    amounts = pairs.str.count("4").where(pairs.str.fullmatch(r"[234]/?[234]")).astype(float)
    unread = zip(pairs.index[amounts.isna()].tolist(), pairs[amounts.isna()].tolist(), strict=True)
    odd = {line: pair for line, pair in unread if not set(pair.lower().split("/")) <= UNKNOWN}
    return Numbers(amounts, amounts * 0.0, odd)
