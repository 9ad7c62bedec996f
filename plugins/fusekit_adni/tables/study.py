"""Study tables, read with this archive's visit codes and its codes for missing values."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path

import numpy as np
import pandas as pd

from fusekit.data import Column, Finding, read_table
from fusekit.data.clinical.dates import to_days
from fusekit.data.clinical.numbers import Numerals
from fusekit.data.clinical.tables import require_columns
from fusekit.data.own.problems import note
from fusekit.errors import DataError
from fusekit_adni.labels.visits import MONTH, UNTIMED, canonical, is_screening, phase_code
from fusekit_adni.tables.archive import find_table, name_of, note_others

#: Codes for "no value" in tables of counts and concentrations. Not in log-scale tables, where -1 is a value.
MISSING_TEXT = frozenset({"", "na", "n/a", "nan", ".", "unknown", "null"})
MISSING_NUMBERS = (-1.0, -4.0)
#: Codes for "no value" where text or a date is expected.
UNKNOWN = MISSING_TEXT | {"-1", "-4"}
#: Columns that are looked for by name, whose spelling may differ in case where a table was saved again.
_COLUMNS = """
    RID PTID subject_id VISCODE VISCODE2 Visit_Code EXAMDATE DRAWDATE APTESTDT DRWDTE VISDATE PTGENDER PTEDUCAT PTDOBYY
    PTDOB AGE APOE4 APGEN1 APGEN2 GENOTYPE BATCH SITE SITEID COLPROT ORIGPROT PHASE Phase FLDSTRENG DX DIAGNOSIS
    DXCHANGE DXCURREN DXNORM DXMCI DXAD
""".split()  # noqa: SIM905 (words read better than quoted ones)
#: A clinical column and its values by scan.
Values = tuple[Column, pd.Series]

_LAB_CODE = re.compile(r"[A-Z]{2,4}\d{1,3}")  # e.g. SCC09: specimen clotted
_BOUND = re.compile(r"([<>\u2264\u2265])\s*=?\s*(\d+\.?\d*|[A-Z]+)?")


@dataclass(frozen=True)
class StudyTable:
    """A study table with canonical visits.

    ``rows`` are text, index = line, with added columns: rid (int), visit (canonical, or missing), screening (bool: a
    visit before the baseline visit that counts as baseline), and day, where the table has one.
    """

    name: str  # without dates
    path: Path
    rows: pd.DataFrame

    @cached_property
    def numerals(self) -> Numerals:
        """How its numbers are written."""
        return Numerals(self.rows)


@dataclass(frozen=True)
class Numbers:
    """A column as numbers."""

    amounts: pd.Series  # NaN where missing; a censored one is its bound
    censored: pd.Series  # -1 below the assay's range, 1 above it, 0 within; NaN where missing
    odd: dict[int, str]  # line -> text that is neither number nor a known code


def exams(tables: Iterable[StudyTable]) -> pd.DataFrame:
    """Subject, visit and day of every exam whose day is known: columns rid, visit, day."""
    parts = [table.rows[["rid", "visit", "day"]] for table in tables if "day" in table.rows]
    none = pd.DataFrame({"rid": [], "visit": [], "day": pd.to_datetime([])})
    return pd.concat(parts or [none]).dropna()


def exam_days(tables: Iterable[StudyTable]) -> pd.Series:
    """Day of a subject's visit, by (rid, visit), from the first table that has it."""
    return exams(tables).drop_duplicates(["rid", "visit"]).set_index(["rid", "visit"])["day"]


def codes(tables: Iterable[StudyTable]) -> tuple[dict[tuple[int, str], str], set[int]]:
    """The visit that a phase's own code (VISCODE, in lower case) is, by (rid, code); and subjects of earlier phases.

    The first table counts. The subjects are those who came before ADNI4, whose codes begin with ``4_``.
    """
    known: dict[tuple[int, str], str] = {}
    before: set[int] = set()
    for table in tables:
        if "VISCODE" in table.rows:
            own = table.rows["VISCODE"].str.strip().str.lower()
            before.update(table.rows.loc[table.rows["visit"].notna() & ~own.str.startswith("4_"), "rid"])
            for rid, code, visit in zip(table.rows["rid"], own, table.rows["visit"], strict=True):
                if code and isinstance(visit, str):
                    known.setdefault((rid, code), visit)
    return known, before


def read_study_table(
    name: str,
    paths: list[Path],
    required: tuple[str, ...],
    findings: list[Finding],
    also: tuple[str, ...] = (),
    columns: Iterable[str] = (),
) -> StudyTable | None:
    """Read a table if it is there; findings get older files, rows without a usable subject, odd dates and visits.

    A column that is ``required``, one of ``columns`` or of ``_COLUMNS`` gets that name where it differs in case alone.
    """
    path, older = find_table(name, paths, also)
    if path is None:
        return None
    name = name_of(path, (name, *also))
    note_others(name, path, older, findings)
    rows = _spelt(read_table(path), (*required, *columns, *_COLUMNS))
    require_columns(rows, required, str(path))
    rid = _rids(rows, path)
    lines = [f"{path.name}, line {line}" for line in rows.index[rid.isna()]]
    note(findings, "row-without-subject", f"rows of {name} without a number in RID", lines)
    rows, rid = rows[rid.notna()], rid.dropna()
    _refuse_two_people(path, rows, rid)
    visits = _first_column(rows, ("VISCODE2", "VISCODE", "Visit_Code"))
    rows = rows.assign(
        rid=rid.astype(int),
        visit=None if visits is None else visits.map(canonical).astype(object),
        screening=False if visits is None else visits.map(is_screening).astype(bool),
    )
    later = pd.Series(False, index=rows.index)
    if visits is not None:  # without VISCODE2: who came in an earlier phase had the first visit then
        later = _of_later_phase(visits.map(phase_code).astype(str), rid)
        rows = rows.assign(visit=rows["visit"].mask(later & rid.isin(rid[~later & rows["visit"].notna()]), None))
        _note_unread_visits(visits[rows["visit"].isna() & ~later], name, findings)
    days = _first_column(rows, ("EXAMDATE", "DRAWDATE", "APTESTDT", "DRWDTE", "VISDATE"))
    if days is None:
        return StudyTable(name, path, rows)
    read = to_days(days, rows, "as ADNI writes dates")
    rows = rows.assign(day=read.days)
    if later.any():
        rows = rows.assign(visit=_months_by_day(rows, later))
    odd = days[read.unread & ~days.str.lower().isin(UNKNOWN)]
    items = [f"{path.name}, line {line}: {text!r}" for line, text in odd.items()]
    note(findings, "odd-date", f"dates of {name} that cannot be read", items)
    if read.said:
        note(findings, "date-order", f"dates of {name} may be read in two ways", (f"{path.name}: {read.said}",))
    return StudyTable(name, path, rows)


def _spelt(rows: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    known = {name.upper(): name for name in names if name not in rows}
    other = {column.upper(): column for column in map(str, rows) if column not in names}  # one of each
    return rows.rename(columns={column: known[upper] for upper, column in other.items() if upper in known})


def _rids(rows: pd.DataFrame, path: Path) -> pd.Series:
    """Roster ids: RID, or the digits that end PTID or, in tables of the new platform, subject_id; NaN without one."""
    people = [rows[name].str.extract(r"^\d{3}_S_(\d{4,})$")[0] for name in ("PTID", "subject_id") if name in rows]
    if not people or "RID" in rows:
        require_columns(rows, ("RID",), str(path))
        people = [rows["RID"].str.extract(r"^(\d+)(?:\.0*)?$")[0], *people]
    return pd.to_numeric(reduce(lambda column, other: column.fillna(other), people))


def _of_later_phase(code: pd.Series, rid: pd.Series) -> pd.Series:
    """Rows whose code may count from the entry into a later phase: ADNI4's, and those of who continued into 2 or 3.

    The first visit of continuing participants has a code of its own there, v06 and init.
    """
    in_3, in_2 = (rid.isin(rid[code == first]) for first in ("init", "v06"))
    numbered_3, numbered_2 = code.str.fullmatch(r"init|y\d+"), code.str.fullmatch(r"v\d\d")
    return code.str.startswith("4_") | (in_3 & numbered_3) | (in_2 & numbered_2)


def _note_unread_visits(visits: Iterable[str], name: str, findings: list[Finding]) -> None:
    strange = Counter(
        text for text in visits
        if text.lower() not in UNKNOWN and (text.isdecimal() or not UNTIMED.fullmatch(phase_code(text)))
    )  # fmt: skip
    message = f"visits of {name} that are not understood; their rows count as without a visit"
    note(findings, "unread-visit", message, [f"{text!r} ({count})" for text, count in strange.most_common()])


def _months_by_day(rows: pd.DataFrame, later: pd.Series) -> pd.Series:
    """Visits with those of ADNI4 filled in that have no code from the first baseline: months from there by the days."""
    start = rows[rows["visit"] == "bl"].sort_values(["screening", "day"]).groupby("rid")["day"].first()
    first = start.reindex(rows["rid"]).set_axis(rows.index)
    months = ((rows["day"] - first).dt.days / MONTH).round()
    found = later & rows["visit"].isna() & (months > 0)
    return rows["visit"].mask(found, months.map("m{:02.0f}".format))


def _refuse_two_people(path: Path, rows: pd.DataFrame, rid: pd.Series) -> None:
    """Refuse a row whose PTID is another subject's than its RID, as pasted rows have."""
    for name in [one for one in ("PTID", "subject_id") if one in rows]:
        tail = pd.to_numeric(rows[name].str.extract(r"^\d{3}_S_(\d{4,})$")[0])
        other = tail.notna() & (tail != rid)
        if other.any():
            line = rows.index[other][0]
            first = "RID" if "RID" in rows and rows["RID"][line] else "PTID"
            raise DataError(
                f"{path}, line {line}: {first} {rows[first][line]} and {name} {rows[name][line]} are two subjects "
                f"({int(other.sum())} such rows). Correct them, or take the table from the archive again."
            )


def _first_column(rows: pd.DataFrame, names: tuple[str, ...]) -> pd.Series | None:
    """The first of some columns that is there; where it is empty, the next one."""
    present = [rows[name] for name in names if name in rows]
    return reduce(lambda column, other: column.where(column != "", other), present) if present else None


def numbers(cells: pd.Series, *, log_scale: bool = False) -> Numbers:
    """Text cells (index = line) -> numbers, by this archive's conventions; on a log scale -1 and -4 are values too."""
    read = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float)
    amounts = np.where(np.isfinite(read), read, np.nan)
    if not log_scale:
        amounts[np.isin(amounts, MISSING_NUMBERS)] = np.nan
    censored = np.where(np.isnan(amounts), np.nan, 0.0)
    odd = {}
    unread = ~np.isfinite(read) & ~cells.str.lower().isin(MISSING_TEXT).to_numpy()
    for position in np.flatnonzero(unread).tolist():
        text = cells.iloc[position]
        bound = _BOUND.fullmatch(text.upper())
        if bound or text.upper() == "ND":
            censored[position] = 1.0 if text[0] in ">\u2265" else -1.0
            if bound and bound[2] and bound[2][0].isdigit():
                amounts[position] = float(bound[2])
        elif not _LAB_CODE.fullmatch(text):
            odd[int(cells.index[position])] = text
    return Numbers(pd.Series(amounts, index=cells.index), pd.Series(censored, index=cells.index), odd)


def refuse_conflicts(table: StudyTable, rows: pd.DataFrame, column: str, read_from: tuple[str, ...] = ()) -> None:
    """Refuse two rows of one subject and visit that disagree in a column; ``read_from`` names its sources."""
    known = rows[rows["visit"].notna() & rows[column].notna()]
    for (rid, visit), group in known.groupby(["rid", "visit"]):
        if len(set(group[column])) > 1:
            lines = ", ".join(f"line {line}: {value}" for line, value in group[column].items())
            columns = f" They were read from the columns {', '.join(read_from)}." if read_from else ""
            raise DataError(
                f"{table.path}: subject {rid} has more than one {column} at visit {visit} ({lines}).{columns} "
                "Correct the table, or remove a row."
            )
