"""What is known of the subjects themselves: age at the scan, sex, education, and the APOE genotype."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from fusekit.data import Column, Finding
from fusekit.data.own.problems import note
from fusekit_adni.tables.measurements import note_odd, read_numbers
from fusekit_adni.tables.study import UNKNOWN, Numbers, StudyTable, Values, numbers, read_study_table

_AGE = Column("AGE", unit="years", low=18, high=120)
_SEX = Column("PTGENDER", kind="category", categories=("Female", "Male"))
_EDUCATION = Column("PTEDUCAT", unit="years", low=0, high=30)
#: Words of ADNIMERGE, codes of PTDEMOG.
_SEXES = {"1": "Male", "2": "Female", "male": "Male", "female": "Female"}


def people(
    scans: pd.DataFrame, adnimerge: StudyTable | None, paths: list[Path], findings: list[Finding]
) -> Iterator[Values]:
    """Age at the scan, sex, education: from ADNIMERGE, and from PTDEMOG for whom it does not have."""
    merged: dict[str, Values] = {}
    own: dict[str, Values] = {}
    if adnimerge is not None:
        rows = _by_day(adnimerge)
        first = rows[rows["visit"] == "bl"].drop_duplicates("rid")
        merged = {values[0].name: values for values in _read(scans, adnimerge, first, findings)}
    demographics = read_study_table("PTDEMOG", paths, (), findings)
    if demographics is not None:
        own = {values[0].name: values for values in _read(scans, demographics, _by_day(demographics), findings)}
    for name in dict.fromkeys([*merged, *own]):
        if name not in merged or name not in own:
            yield merged.get(name) or own[name]
            continue
        (column, values), (other, more) = merged[name], own[name]
        filled = values.isna() & more.notna()
        source = f"{column.source} and {other.source}" if filled.any() else column.source
        yield replace(column, source=source), values.where(~filled, more)


def _by_day(table: StudyTable) -> pd.DataFrame:
    return table.rows.sort_values("day", kind="stable") if "day" in table.rows else table.rows


def _read(scans: pd.DataFrame, table: StudyTable, rows: pd.DataFrame, findings: list[Finding]) -> Iterator[Values]:
    """Of several rows of a subject the first that says it."""

    def of_scans(values: pd.Series) -> pd.Series:
        return values.groupby(rows["rid"]).first().reindex(scans["rid"]).set_axis(scans.index)

    acquired = pd.to_datetime(scans["acquired"])
    if {"AGE", "day"} <= set(rows):  # ADNIMERGE's is that of the baseline visit, in every row
        read = read_numbers(table, "AGE", findings, rows["AGE"])
        age = of_scans(read.amounts) + (acquired - of_scans(rows["day"])).dt.days / 365.25
        yield replace(_AGE, source=f"{table.name}.AGE"), age.round(2)
    elif {"PTDOBYY", "PTDOB"} & set(rows):
        born, name = _birth_year(table, rows, findings)
        message = f"subjects (RID) whose rows of {table.name} disagree on the year of birth; the first counts"
        note(findings, "people-differ", message, _differ(born, rows))
        middle = pd.to_datetime(born.map("{:.0f}-07-01".format), format="%Y-%m-%d", errors="coerce")
        age = (acquired - of_scans(middle)).dt.days / 365.25
        yield replace(_AGE, source=f"{table.name}.{name}"), age.round(2)
    if "PTGENDER" in rows:
        code = rows["PTGENDER"].str.replace(r"\.0+$", "", regex=True).str.lower()
        sex = code.map(_SEXES)
        strange = rows.loc[sex.isna() & ~code.isin(UNKNOWN), "PTGENDER"]
        odd = {int(str(line)): str(text) for line, text in strange.items()}
        note_odd(findings, table, "PTGENDER", Numbers(sex.notna() * 1.0, sex.notna() * 0.0, odd))
        differ = _differ(sex, rows)
        message = f"subjects (RID) whose rows of {table.name} disagree on the sex, which is taken as missing"
        note(findings, "people-differ", message, differ)
        texts = of_scans(sex.mask(rows["rid"].isin(differ))).astype(object)
        yield replace(_SEX, source=f"{table.name}.PTGENDER"), texts.where(texts.notna(), None)
    if "PTEDUCAT" in rows:
        years = read_numbers(table, "PTEDUCAT", findings, rows["PTEDUCAT"]).amounts
        yield replace(_EDUCATION, source=f"{table.name}.PTEDUCAT"), of_scans(years).astype(float)


def _differ(values: pd.Series, rows: pd.DataFrame) -> list[int]:
    """Subjects whose rows say different things."""
    counts = values.groupby(rows["rid"]).nunique()
    return [int(rid) for rid in counts.index[counts > 1]]


def _birth_year(table: StudyTable, rows: pd.DataFrame, findings: list[Finding]) -> tuple[pd.Series, str]:
    """PTDOBYY, or the year in PTDOB where it has none; with the column's name."""
    named = pd.Series(float("nan"), index=rows.index)
    if "PTDOBYY" in rows:
        named = read_numbers(table, "PTDOBYY", findings, rows["PTDOBYY"]).amounts
    if "PTDOB" not in rows:
        return named, "PTDOBYY"
    dates = rows["PTDOB"].str.extract(r"(?<!\d)((?:19|20)\d{2})(?!\d)")[0].astype(float)
    strange = rows.loc[dates.isna() & named.isna() & ~rows["PTDOB"].str.lower().isin(UNKNOWN), "PTDOB"]
    odd = {int(str(line)): str(text) for line, text in strange.items()}
    note_odd(findings, table, "PTDOB", Numbers(dates, dates * 0.0, odd))
    return named.fillna(dates), "PTDOBYY" if "PTDOBYY" in rows else "PTDOB"


def genotype(
    scans: pd.DataFrame, adnimerge: StudyTable | None, paths: list[Path], findings: list[Finding]
) -> Iterator[Values]:
    """Number of APOE e4 alleles: the same at every visit, from APOERES, else from ADNIMERGE.

    APOERES has two columns of alleles, or one of the pair, or both, of which later phases fill the pair alone. A
    subject whose rows disagree gets none, and a finding says so.
    """
    table = read_study_table("APOERES", paths, (), findings)
    pairs: dict[str, pd.Series] = {}
    if table is not None and {"APGEN1", "APGEN2"} <= set(table.rows):
        pairs["APGEN1+APGEN2"] = table.rows["APGEN1"] + "/" + table.rows["APGEN2"]
    if table is not None and "GENOTYPE" in table.rows:
        pairs["GENOTYPE"] = table.rows["GENOTYPE"]
    if table is not None and pairs:
        amounts = pd.Series(float("nan"), index=table.rows.index)
        sources: list[str] = []
        for name, pair in pairs.items():
            read = _alleles(pair)
            note_odd(findings, table, name, read)
            if not sources or (amounts.isna() & read.amounts.notna()).any():
                sources.append(name)
            amounts = amounts.fillna(read.amounts)
        source = " and ".join(sources)
    elif adnimerge is not None and "APOE4" in adnimerge.rows:
        table, source, read = adnimerge, "APOE4", numbers(adnimerge.rows["APOE4"])
        note_odd(findings, table, source, read)
        amounts = read.amounts
    else:
        return
    by_subject = amounts.groupby(table.rows["rid"])
    differ = by_subject.max() > by_subject.min()
    message = f"subjects (RID) whose rows of {table.name} disagree on the genotype, which is taken as missing"
    note(findings, "genotype-differs", message, differ.index[differ])
    alleles = by_subject.first()[~differ]
    column = Column("APOE4", unit="e4 alleles", low=0, high=2, source=f"{table.name}.{source}")
    yield column, scans["rid"].map(alleles).astype(float)


def _alleles(pairs: pd.Series) -> Numbers:
    """``3/4``, ``34`` and ``e3/e4`` -> 1; odd where it is no pair of alleles 2 to 4."""
    plain = pairs.str.replace(r"[\seE\u03b5]|(?<=\d)\.0+(?!\d)", "", regex=True)  # 3.0 is 3
    amounts = plain.str.count("4").where(plain.str.fullmatch(r"[234][/,|-]?[234]")).astype(float)
    unread = zip(pairs.index[amounts.isna()].tolist(), pairs[amounts.isna()].tolist(), strict=True)
    odd = {line: pair for line, pair in unread if not set(pair.lower().split("/")) <= UNKNOWN}
    return Numbers(amounts, amounts * 0.0, odd)
