"""The diagnosis at a visit, from DXSUM by phase, else from ADNIMERGE."""

import re
from collections.abc import Mapping

import pandas as pd

from fusekit.data import Finding
from fusekit.data.own.problems import note
from fusekit.errors import DataError
from fusekit_adni.tables.archive import get
from fusekit_adni.tables.study import UNKNOWN, StudyTable, exam_days, refuse_conflicts

CN, MCI, AD = "CN", "MCI", "AD"
_THREE = {"1": CN, "2": MCI, "3": AD}
#: DXCHANGE: 1 to 3 stable, 4 to 6 conversions, 7 to 9 reversions; what counts is where the change led.
_CHANGE = {"1": CN, "7": CN, "9": CN, "2": MCI, "4": MCI, "8": MCI, "3": AD, "5": AD, "6": AD}
#: Words of all exports; of a change ("MCI to NL", "Conversion: NL to MCI") the last counts, where it led.
WORDS = {
    **dict.fromkeys(("cn", "nl", "nc", "cu", "normal", "cognitively normal"), CN),
    **dict.fromkeys(("mci", "mild cognitive impairment"), MCI),
    **dict.fromkeys(("ad", "dementia", "dem", "alzheimer's disease"), AD),
}
LAST = re.compile(r".*(?:\bto\b|:)\s*", re.IGNORECASE | re.DOTALL)
UNREAD = "texts in a column of diagnoses that are not understood; their rows have none from it"
CONTRADICTED = "rows whose columns give different diagnoses; the first column counts"
_FLAGS = {"DXNORM": {"1": CN}, "DXMCI": {"1": MCI}, "DXAD": {"1": AD}}
#: Columns of a table in order of preference: code -> diagnosis.
DXSUM = {"DIAGNOSIS": _THREE, "DXCHANGE": _CHANGE, "DXCURREN": _THREE, **_FLAGS}
ADNIMERGE: Mapping[str, Mapping[str, str]] = {"DX": {}}  # has words


def diagnoses(dxsum: StudyTable | None, adnimerge: StudyTable | None, findings: list[Finding]) -> pd.DataFrame:
    """What is known by (rid, visit): columns diagnosis (CN, MCI, AD), and day (of the exam; NaT if unknown).

    Within DXSUM the first of the phases' columns counts: DIAGNOSIS, DXCHANGE, DXCURREN, and the flags DXNORM, DXMCI,
    DXAD. ADNIMERGE's DX fills visits that DXSUM does not have; where they disagree, DXSUM counts and a finding says so.
    A table without diagnoses or visits, or that contradicts itself, is refused.
    """
    if dxsum is None and adnimerge is None:
        raise DataError(
            f"no diagnoses: neither DXSUM_PDXCONV_ADNIALL, DXSUM nor ADNIMERGE is among the tables. {get('diagnosis')}"
        )
    sources = []
    if dxsum is not None:
        sources.append(_by_visit(dxsum, DXSUM, findings))
    if adnimerge is not None and (dxsum is None or "DX" in adnimerge.rows):
        sources.append(_by_visit(adnimerge, ADNIMERGE, findings))
    if len(sources) == 2:
        both = sources[0]["diagnosis"].to_frame("a").join(sources[1]["diagnosis"].rename("b"), how="inner")
        differ = both[both["a"] != both["b"]].reset_index()
        items = [f"{r.rid} at {r.visit}: {r.a}, {r.b}" for r in differ.itertuples()]
        note(findings, "diagnosis-differs", "visits with another diagnosis in ADNIMERGE; DXSUM counts", items)
    merged = pd.concat(sources)
    first = merged[~merged.index.duplicated(keep="first")]
    # Where the row that the diagnosis is from has no day, another row of the visit may have it.
    days = exam_days(table for table in (dxsum, adnimerge) if table is not None)
    return first.assign(day=first["day"].fillna(days.reindex(first.index)))


def resolve(
    rows: pd.DataFrame, codes: Mapping[str, Mapping[str, str]], source: str, findings: list[Finding]
) -> pd.Series:
    """Diagnosis of each row, by codes or words; missing where no column says it. The first column that says one counts.

    Findings get strange texts, and rows whose columns contradict each other.
    """
    found = pd.Series(None, index=rows.index, dtype=object)
    said = pd.DataFrame(index=rows.index)
    for column, diagnoses_by_code in codes.items():
        if column not in rows:
            continue
        code = rows[column].str.replace(r"\.0+$", "", regex=True)
        words = code.str.replace(LAST, "", regex=True).str.strip().str.lower().map(WORDS)
        read = code.map(diagnoses_by_code).astype(object).fillna(words)
        found = found.where(found.notna(), read)
        said[column] = read
        if column not in _FLAGS:
            strange = code[read.isna() & ~code.str.lower().isin(UNKNOWN)].value_counts()
            items = [f"{source}, column {column}: {text!r} ({count})" for text, count in strange.items()]
            note(findings, "unread-diagnosis", UNREAD, items, severity="warning")
    several = said[(said.notna() & said.ne(found, axis=0)).any(axis=1)]
    items = [f"{source}, line {line}: {_listed(row)}" for line, row in several.iterrows()]
    note(findings, "diagnosis-contradicted", CONTRADICTED, items, severity="warning")
    return found


def _listed(row: pd.Series) -> str:
    return ", ".join(f"{column} {diagnosis}" for column, diagnosis in row.dropna().items())


def _by_visit(table: StudyTable, codes: Mapping[str, Mapping[str, str]], findings: list[Finding]) -> pd.DataFrame:
    read_from = tuple(name for name in codes if name in table.rows)
    if not read_from:
        raise DataError(f"{table.path}: no column of diagnoses; it should have {' or '.join(codes)}.")
    if table.rows["visit"].isna().all():
        raise DataError(f"{table.path}: no row has a known visit code in VISCODE2 or VISCODE, such as bl or m06.")
    days = table.rows["day"] if "day" in table.rows else pd.Series(pd.NaT, index=table.rows.index)
    read = resolve(table.rows, codes, table.path.name, findings)
    rows = table.rows[["rid", "visit", "screening"]].assign(diagnosis=read, day=days)
    rows = rows.dropna(subset=["visit", "diagnosis"])
    # Screening counts as baseline, unless the baseline visit has a diagnosis: the two may differ.
    seen_at_baseline = rows.loc[(rows["visit"] == "bl") & ~rows["screening"], "rid"]
    rows = rows[~(rows["screening"] & rows["rid"].isin(seen_at_baseline))]
    refuse_conflicts(table, rows, "diagnosis", read_from)
    rows = rows.sort_values("day", kind="stable")  # of a visit entered twice the first day, and any before none
    return rows.drop_duplicates(["rid", "visit"]).set_index(["rid", "visit"])[["diagnosis", "day"]].sort_index()
