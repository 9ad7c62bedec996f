"""The diagnosis at a visit, from DXSUM by phase, else from ADNIMERGE."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from fusekit.data import Finding
from fusekit.errors import DataError
from fusekit_adni.tables.tables import StudyTable, refuse_conflicts

CN, MCI, AD = "CN", "MCI", "AD"
_THREE = {"1": CN, "2": MCI, "3": AD}
#: DXCHANGE: 1 to 3 stable, 4 to 6 conversions, 7 to 9 reversions; what counts is where the change led.
_CHANGE = {"1": CN, "7": CN, "9": CN, "2": MCI, "4": MCI, "8": MCI, "3": AD, "5": AD, "6": AD}
_FLAGS = {"DXNORM": CN, "DXMCI": MCI, "DXAD": AD}
_ASKED = ("DIAGNOSIS", "DXCHANGE", "DXCURREN", *_FLAGS)
_MERGED = {"CN": CN, "NL": CN, "MCI": MCI, "Dementia": AD, "AD": AD}


def diagnoses(dxsum: StudyTable | None, adnimerge: StudyTable | None, findings: list[Finding]) -> pd.DataFrame:
    """What is known by (rid, visit): columns diagnosis (CN, MCI, AD), and day (of the exam; NaT if unknown).

    Within DXSUM the columns of the phases are asked in this order: DIAGNOSIS, DXCHANGE, DXCURREN, and the flags DXNORM,
    DXMCI, DXAD. ADNIMERGE's DX fills visits that DXSUM does not have; where both speak and disagree, DXSUM counts and
    a finding says so.

    Raises:
        DataError: neither table is there; one has no column of diagnoses or no visit; one contradicts itself.
    """
    if dxsum is None and adnimerge is None:
        raise DataError("no diagnoses: neither DXSUM_PDXCONV_ADNIALL, DXSUM nor ADNIMERGE is among the tables.")
    sources = []
    if dxsum is not None:
        _require_one(dxsum, _ASKED)
        sources.append(_by_visit(dxsum, resolve_dxsum, _ASKED))
    if adnimerge is not None and (dxsum is None or "DX" in adnimerge.rows):
        _require_one(adnimerge, ("DX",))
        sources.append(_by_visit(adnimerge, resolve_adnimerge, ("DX",)))
    if len(sources) == 2:
        both = sources[0]["diagnosis"].to_frame("a").join(sources[1]["diagnosis"].rename("b"), how="inner")
        differ = both[both["a"] != both["b"]]
        if len(differ):
            items = tuple(f"{r.rid} at {r.visit}: {r.a}, {r.b}" for r in differ.reset_index().itertuples())
            findings.append(
                Finding("diagnosis-differs", "visits with another diagnosis in ADNIMERGE; DXSUM counts", items)
            )
    merged = pd.concat(sources)
    first = merged[~merged.index.duplicated(keep="first")]
    exams = [t.rows[["rid", "visit", "day"]] for t in (dxsum, adnimerge) if t is not None and "day" in t.rows]
    if exams:  # where the row that the diagnosis is from has no day, the visit's may stand in another
        days = pd.concat(exams).dropna().drop_duplicates(["rid", "visit"]).set_index(["rid", "visit"])["day"]
        first = first.assign(day=first["day"].fillna(days.reindex(first.index)))
    return first


def resolve_dxsum(rows: pd.DataFrame) -> pd.Series:
    """Diagnosis of each row of DXSUM; missing where no column tells."""
    found = pd.Series(None, index=rows.index, dtype=object)
    for column, codes in (("DIAGNOSIS", _THREE), ("DXCHANGE", _CHANGE), ("DXCURREN", _THREE)):
        if column in rows:
            code = rows[column].str.replace(r"\.0+$", "", regex=True)
            found = found.where(found.notna(), code.map(codes))
    for column, diagnosis in _FLAGS.items():
        if column in rows:
            flagged = rows[column].str.replace(r"\.0+$", "", regex=True) == "1"
            found = found.mask(found.isna() & flagged, diagnosis)
    return found


def resolve_adnimerge(rows: pd.DataFrame) -> pd.Series:
    """Diagnosis of each row of ADNIMERGE."""
    return rows["DX"].map(_MERGED).astype(object)


def _require_one(table: StudyTable, names: tuple[str, ...]) -> None:
    if not any(name in table.rows for name in names):
        raise DataError(f"{table.path}: no column of diagnoses; it should have {' or '.join(names)}.")
    if table.rows["visit"].isna().all():
        raise DataError(f"{table.path}: no row has a known visit code in VISCODE2 or VISCODE, such as bl or m06.")


def _by_visit(
    table: StudyTable, resolve: Callable[[pd.DataFrame], pd.Series], columns: tuple[str, ...]
) -> pd.DataFrame:
    days = table.rows["day"] if "day" in table.rows else pd.Series(pd.NaT, index=table.rows.index)
    rows = table.rows[["rid", "visit", "screening"]].assign(diagnosis=resolve(table.rows), day=days)
    rows = rows.dropna(subset=["visit", "diagnosis"])
    # Screening counts as baseline, unless the baseline visit speaks for itself: the two may differ.
    seen_at_baseline = rows.loc[(rows["visit"] == "bl") & ~rows["screening"], "rid"]
    rows = rows[~(rows["screening"] & rows["rid"].isin(seen_at_baseline))]
    refuse_conflicts(table, rows, "diagnosis", tuple(name for name in columns if name in table.rows))
    rows = rows.sort_values("day", kind="stable")  # of a visit entered twice the first day, and any before none
    return rows.drop_duplicates(["rid", "visit"]).set_index(["rid", "visit"])[["diagnosis", "day"]].sort_index()
