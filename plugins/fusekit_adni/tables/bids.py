"""A BIDS tree's own tables, ``participants.tsv`` and ``*_sessions.tsv``, where study tables are absent."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from fusekit.data import Column, Finding, read_table
from fusekit.data.clinical.dates import to_days
from fusekit.data.own.problems import note
from fusekit.errors import DataError
from fusekit_adni.download.bids import ptid, visit_of
from fusekit_adni.download.images import Download
from fusekit_adni.labels.diagnosis import CN, LAST, MCI, UNREAD, WORDS
from fusekit_adni.labels.leaks import reason_to_leave_out
from fusekit_adni.labels.visits import match, months
from fusekit_adni.tables.archive import get
from fusekit_adni.tables.columns import Clinical
from fusekit_adni.tables.measurements import take, with_censoring
from fusekit_adni.tables.study import MISSING_TEXT, UNKNOWN, Numbers, StudyTable, Values, numbers

#: Sessions may have the groups of enrolment, which study tables have in columns of their own.
_SPOKEN = {**WORDS, "smc": CN, "emci": MCI, "lmci": MCI}
_SEX = {"f": "Female", "female": "Female", "m": "Male", "male": "Male"}
#: ``adni_*`` columns of ``sessions.tsv`` that are measured on images.
_IMAGING = re.compile(r"adni_(.*_(vol|volume|bl)|icv|fdg|pib|av45|fbb|.*suvr.*)", re.IGNORECASE)
#: Those with a range beyond which an assay only says so.
_ASSAYS = ("adni_abeta", "adni_tau", "adni_ptau")
_PEOPLE = (
    Column("sex", kind="category", categories=("Female", "Male")),
    Column("education_level", unit="years", low=0, high=30),
    Column("apoe4", unit="e4 alleles", low=0, high=2),
)


@dataclass(frozen=True)
class BidsTables:
    """A BIDS tree's own tables; their column ``where`` names file and line."""

    people: StudyTable | None  # one row per subject; visit is missing
    sessions: StudyTable | None  # one row per session

    @property
    def tables(self) -> list[StudyTable]:
        """Those that are there."""
        return [table for table in (self.sessions, self.people) if table is not None]


def read_bids_tables(download: Download, findings: list[Finding]) -> BidsTables:
    """Read them; findings get rows that are no ADNI subject's, subjects listed twice, and odd dates."""
    people = _read(download.participants, "participant_id", findings)
    if people is not None:
        again = people.rows["rid"].duplicated()
        message = "subjects listed twice in participants.tsv; the first row counts"
        note(findings, "repeated-row", message, people.rows.loc[again, "where"])
        people = replace(people, rows=people.rows[~again])
    return BidsTables(people, _read(download.sessions, "session_id", findings))


def _read(paths: list[Path], key: str, findings: list[Finding]) -> StudyTable | None:
    """Tables of one kind as one, with rows counted from 0 and cells without a value empty."""
    parts = []
    for path in paths:
        rows = read_table(path, required=(key,))
        subjects = rows[key].map(ptid) if key == "participant_id" else ptid(path.parent.name)
        where = [f"{path.name}, line {line}" for line in rows.index]
        parts.append(rows.assign(subject=subjects, where=where))
    if not parts:
        return None
    rows = pd.concat(parts, ignore_index=True).fillna("")
    strange = rows["subject"] == ""
    note(findings, "row-without-subject", "rows that are no ADNI subject's", rows.loc[strange, "where"])
    rows = rows[~strange]
    rows = rows.mask(rows.apply(lambda cells: cells.str.lower().isin(MISSING_TEXT)), "")
    rows = rows.assign(
        rid=rows["subject"].str.rpartition("_")[2].astype(int),
        visit=rows[key].map(visit_of).astype(object) if key == "session_id" else None,
        screening=False,
    )
    if "sex" in rows:
        sex = rows["sex"].str.lower().map(_SEX).fillna("")
        odd = rows.loc[(sex == "") & (rows["sex"] != ""), ["where", "sex"]]
        items = [f"{where}, column 'sex': {text!r}" for where, text in odd.to_numpy().tolist()]
        note(findings, "odd-text", "cells of participants.tsv that cannot be read, taken as missing", items)
        rows["sex"] = sex
    if "examination_date" in rows:
        text = rows["examination_date"]
        read = to_days(text, why="as ADNI writes dates")
        rows["day"] = read.days
        odd = rows.loc[read.unread, "where"] + ": " + text[read.unread]
        note(findings, "odd-date", "dates of sessions that cannot be read", odd)
        said = [f"*_sessions.tsv: {read.said}"] if read.said else []
        note(findings, "date-order", "dates of sessions may be read in two ways", said)
    return StudyTable(key.removesuffix("_id") + "s", paths[0], rows)


def bids_diagnoses(own: BidsTables, findings: list[Finding]) -> pd.DataFrame:
    """Diagnosis and exam day by (rid, visit), as ``diagnosis.diagnoses`` reads them from study tables.

    They are those of ``*_sessions.tsv``. A subject without a diagnosis at baseline gets that of the screening visit
    (``diagnosis_sc`` of ``participants.tsv``), and a finding says so. A session with two diagnoses is refused.
    """
    parts = []
    if own.sessions is not None and "diagnosis" in own.sessions.rows:
        rows = own.sessions.rows
        day = rows["day"] if "day" in rows else pd.Series(pd.NaT, index=rows.index)
        rows = rows.assign(day=day, diagnosis=_spoken(rows["diagnosis"], "*_sessions.tsv", findings))
        rows = rows.dropna(subset=["visit", "diagnosis"])
        for (subject, visit), group in rows.groupby(["subject", "visit"]):
            if len(set(group["diagnosis"])) > 1:
                lines = "; ".join(group["where"] + ": " + group["diagnosis"])
                raise DataError(
                    f"{subject} has more than one diagnosis at visit {visit} ({lines}). Correct the tables."
                )
        parts.append(rows.drop_duplicates(["rid", "visit"]))
    if own.people is not None and "diagnosis_sc" in own.people.rows:
        rows = own.people.rows
        never = pd.Series(pd.NaT, index=rows.index)
        rows = rows.assign(visit="bl", day=never, diagnosis=_spoken(rows["diagnosis_sc"], "participants.tsv", findings))
        at_baseline = {rid for part in parts for rid in part.loc[part["visit"] == "bl", "rid"]}
        rows = rows[rows["diagnosis"].notna() & ~rows["rid"].isin(at_baseline)]
        message = "subjects whose baseline session has no diagnosis; that of the screening visit (diagnosis_sc) counts"
        note(findings, "screening-diagnosis", message, rows["subject"])
        parts.append(rows)
    if not parts:
        raise DataError(
            "no diagnoses: there is neither a study table (DXSUM_PDXCONV_ADNIALL, DXSUM or ADNIMERGE, as .csv, "
            "anywhere below the folder but outside the subjects' folders) nor a column 'diagnosis' in "
            "sub-*/sub-*_sessions.tsv or 'diagnosis_sc' in participants.tsv of the BIDS tree. " + get("diagnosis")
        )
    known = pd.concat([part.astype({"day": "datetime64[ns]"}) for part in parts if len(part)] or parts)
    return known.set_index(["rid", "visit"])[["diagnosis", "day"]].sort_index()


def _spoken(words: pd.Series, source: str, findings: list[Finding]) -> pd.Series:
    """Diagnoses in words; those that are not understood are counted."""
    read = words.str.replace(LAST, "", regex=True).str.strip().str.lower().map(_SPOKEN)
    strange = words[read.isna() & ~words.str.lower().isin(UNKNOWN)].value_counts()
    items = [f"{source}, column {words.name}: {text!r} ({count})" for text, count in strange.items()]
    note(findings, "unread-diagnosis", UNREAD, items, severity="warning")
    return read


def read_bids_clinical(scans: pd.DataFrame, own: BidsTables, findings: list[Finding]) -> Clinical:
    """Read the default columns of a BIDS tree: age, sex, education, APOE e4 alleles, and what was measured in fluids.

    A scan (index scan; columns rid, visit, acquired) gets the row of its own session, else the subject's nearest exam
    within 180 days. Findings get columns left out and cells that cannot be read.
    """
    pairs = [*_of_people(scans, own, findings), *_of_sessions(scans, own, findings)]
    read = Clinical.of(pairs, (), scans, findings)
    sources = sorted({column.source.partition(".tsv")[0] + ".tsv" for column in read.columns})
    message = "clinical columns are those of the BIDS tree, since no study table has any"
    note(findings, "bids-columns", message, sources)
    if own.sessions is None:
        return read
    measured = own.sessions.rows[
        [name for name in own.sessions.rows if str(name).startswith("adni_") and name in read.table]
    ]
    return replace(read, seen=frozenset(own.sessions.rows.loc[(measured != "").any(axis=1), "rid"]))


def _of_people(scans: pd.DataFrame, own: BidsTables, findings: list[Finding]) -> Iterator[Values]:
    for column in _PEOPLE:
        if own.people is None or column.name not in own.people.rows:
            continue
        if column.kind == "category":
            text = own.people.rows[column.name]
            values, kind = text.where(text != "", None), object
        else:
            values, kind = _read_numbers(own.people, column.name, findings).amounts, float
        by_scan = scans["rid"].map(values.set_axis(own.people.rows["rid"]))
        yield replace(column, source=f"participants.tsv.{column.name}"), by_scan.astype(kind)


def _of_sessions(scans: pd.DataFrame, own: BidsTables, findings: list[Finding]) -> Iterator[Values]:
    age = Column("age", unit="years", low=18, high=120)
    by_session = own.sessions is not None and "age" in own.sessions.rows
    if not by_session and own.people is not None and "age_bl" in own.people.rows:
        amounts = _read_numbers(own.people, "age_bl", findings).amounts
        years = scans["visit"].map(months) / 12
        at_baseline = scans["rid"].map(amounts.set_axis(own.people.rows["rid"])).astype(float)
        yield replace(age, source="participants.tsv.age_bl"), (at_baseline + years).round(2)
    if own.sessions is None:
        return
    found = match(scans, own.sessions.rows).dropna().astype(int)
    if by_session:
        amounts = _read_numbers(own.sessions, "age", findings).amounts
        yield replace(age, source="sessions.tsv.age"), take(amounts, found, scans)
    measured = [str(name) for name in own.sessions.rows if str(name).startswith("adni_")]
    imaging = [name for name in measured if _IMAGING.fullmatch(name)]
    note(findings, "not-a-biospecimen", "columns of sessions.tsv measured on images, left out", imaging)
    for name in measured:
        reason = reason_to_leave_out(name)
        if reason:
            note(findings, "never-an-input", f"a column of sessions.tsv left out: it is {reason}", (name,))
        elif name not in imaging:
            assay = name in _ASSAYS
            column = Column(name, unit="pg/mL" if assay else "", source=f"sessions.tsv.{name}")
            read = _read_numbers(own.sessions, name, findings)
            yield from with_censoring(column, read, found, scans, always=assay)


def _read_numbers(table: StudyTable, name: str, findings: list[Finding]) -> Numbers:
    read = numbers(table.rows[name])
    cells = [f"{table.rows['where'][row]}, column {name!r}: {text!r}" for row, text in read.odd.items()]
    note(findings, "odd-text", f"cells of {table.name}.tsv that cannot be read, taken as missing", cells)
    return read
