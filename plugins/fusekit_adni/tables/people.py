"""What is known of people: age at the scan, sex, education, number of APOE e4 alleles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from fusekit.data import Column, Finding
from fusekit.data.own.problems import note
from fusekit_adni.tables.measurements import note_odd, read_numbers
from fusekit_adni.tables.study import UNKNOWN, Numbers, StudyTable, Values, numbers, read_study_table


def people(scans: pd.DataFrame, adnimerge: StudyTable | None, findings: list[Finding]) -> Iterator[Values]:
    """Age at the scan, sex, education."""
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
    """``3/4`` -> 1; odd where it is no pair of alleles 2 to 4."""
    amounts = pairs.str.count("4").where(pairs.str.fullmatch(r"[234]/[234]")).astype(float)
    unread = zip(pairs.index[amounts.isna()].tolist(), pairs[amounts.isna()].tolist(), strict=True)
    odd = {line: pair for line, pair in unread if not set(pair.lower().split("/")) <= UNKNOWN}
    return Numbers(amounts, amounts * 0.0, odd)
