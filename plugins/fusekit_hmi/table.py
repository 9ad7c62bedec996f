"""The clinical table: which file it is, whom its rows are about, and whether the tumour invaded small vessels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fusekit.data import Finding, read_table
from fusekit.errors import DataError
from fusekit_hmi.attributes import plain
from fusekit_hmi.clinical import MISSING, NO, YES
from fusekit_hmi.notes import first_ten, note
from fusekit_hmi.places import inside

#: Names of the columns that the task looks for, in order of preference, without case, blanks and punctuation.
SUBJECT = ("patientid", "patient", "subjectid", "subject", "caseid", "case", "pid", "studyid", "mrn", "id")
LABEL = (
    *("mvi", "mvistatus", "mvilabel", "mvipresent", "microvascularinvasion", "microvascularinvasionmvi", "hmi"),
    *("mvigrade", "mviclass", "mvipathology", "pathologymvi", "mgrade"),
)
IMAGE = ("image", "imagepath", "imagefile", "images", "file", "filename", "filepath", "ct", "scan")
MASK = ("mask", "maskpath", "maskfile", "segmentation", "tumourmask", "tumormask")

#: M1 and M2 differ in how many vessels were invaded, and how far from the tumour.
_POSITIVE = YES | {"m1", "m2", "2", "2.0", "mvi+", "mvi1", "mvi positive", "mvi-positive", "mvi present"}
_NEGATIVE = NO | {"m0", "mvi-", "mvi0", "mvi negative", "mvi-negative", "mvi absent"}


@dataclass(frozen=True)
class Table:
    """The clinical table, without the rows that cannot be used.

    Args:
        path: the file.
        rows: every cell as text; index line.
        subject: whom a row is about; index line.
        label: 0 or 1; index line.
        keys: columns that are no clinical values.
        image, mask: the columns that name files, if there are any.
        patients: how many there are, those without a label among them.
    """

    path: Path
    rows: pd.DataFrame
    subject: pd.Series
    label: pd.Series
    keys: tuple[str, ...]
    image: str | None
    mask: str | None
    patients: int = 0


def find_table(folder: Path, tables: Sequence[Path], wanted: str) -> Path:
    """Return the one table below a folder, or the one of the wanted name.

    Raises:
        DataError: there is none, or several; what there is gets listed.
    """
    if wanted:
        direct = inside(folder, wanted, "task.table")
        named = [direct] if direct.is_file() else [path for path in tables if path.name == wanted]
        if len(named) == 1:
            return named[0]
        listed = ", ".join(str(path.relative_to(folder)) for path in (named or tables)[:10]) or "none"
        many = "several tables of that name" if named else "no such table"
        raise DataError(f"task.table={wanted}: {folder} holds {many}. Tables below it: {listed}.")
    if not tables:
        raise DataError(f"{folder} holds no clinical table (.csv or .tsv). Put it there, a row a patient or an image.")
    if len(tables) > 1:
        listed = ", ".join(str(path.relative_to(folder)) for path in tables[:10])
        raise DataError(
            f"{folder} holds {len(tables)} tables: {listed}. Name the clinical one: "
            f"-o task.table={tables[0].relative_to(folder).as_posix()}"
        )
    return tables[0]


def read_people(path: Path, subject: str, label: str, findings: list[Finding]) -> Table:
    """Read the table, keep the rows with a subject and a label.

    Args:
        path: the file.
        subject, label: names of these columns; empty to look for the usual ones.
        findings: gets rows without subject or label, and rows that stand there twice.

    Raises:
        DataError: a column is missing; a label is no code of presence or absence; one subject has two labels, or two
            different rows where no column names images. Lines are given.
    """
    rows = read_table(path)
    subject_column = subject or _column(rows, SUBJECT)
    label_column = label or _column(rows, LABEL)
    for name, what, option, usual in (
        (subject_column, "who a row is about", "subject", "patient_id"),
        (label_column, "whether there is microvascular invasion", "label", "mvi"),
    ):
        if name is None or name not in rows:
            found = ", ".join(map(repr, list(rows.columns)[:12])) + (", ..." if len(rows.columns) > 12 else "")
            asked = f"has no column {name!r}" if name else f"has no column such as {usual!r}"
            raise DataError(f"{path} {asked} to say {what}; it has {found}. Name it: -o task.{option}=COLUMN")
    assert subject_column is not None  # refused above
    assert label_column is not None
    image, mask = _column(rows, IMAGE), _column(rows, MASK)
    nameless = rows[subject_column].str.lower().isin(MISSING)
    note(findings, "row-without-subject", f"rows without {subject_column}, left out", _lines(rows.index[nameless]))
    rows = rows[~nameless]
    rows = _once(rows, path, subject_column, image, findings)
    labels = _labels(rows[label_column], path)
    missing = labels.isna()
    patients = rows[subject_column].nunique()
    gone, rest = whole_patients(rows[subject_column], missing)
    note(findings, "no-label", f"patients without a value in {label_column}, left out", gone, dropped="subjects")
    message = f"rows without a value in {label_column}, of patients who have one in another row, left out"
    note(findings, "no-label", message, rest)
    rows, labels = rows[~missing], labels[~missing].astype(int)
    if rows.empty:
        raise DataError(f"{path}: no row has a patient and a label in {label_column!r}.")
    subjects = rows[subject_column]
    _refuse_two_labels(subjects, labels, path)
    keys = tuple(name for name in (subject_column, label_column, image, mask) if name)
    return Table(path, rows, subjects, labels, keys, image, mask, patients)


def whole_patients(subjects: pd.Series, gone: pd.Series) -> tuple[list[str], list[str]]:
    """Patients all of whose rows go, and the rows of others that do, each with its lines.

    Args:
        subjects: whom a row is about; index line.
        gone: which rows go; the same index.
    """
    whole = gone.groupby(subjects).transform("all") if len(gone) else gone
    patients = [f"{who} (line{'s' * (len(own) > 1)} {_and(own.index)})" for who, own in _by(subjects[whole])]
    return patients, [f"{subjects[line]} (line {line})" for line in subjects.index[gone & ~whole]]


def _by(subjects: pd.Series) -> Iterator[tuple[str, pd.Series]]:
    return ((str(who), own) for who, own in subjects.groupby(subjects, sort=False))


def _column(rows: pd.DataFrame, names: Sequence[str]) -> str | None:
    """The first of some names that the table has, however it is written."""
    written = {plain(str(name)): str(name) for name in reversed(rows.columns)}
    return next((written[name] for name in names if name in written), None)


def _once(rows: pd.DataFrame, path: Path, subject: str, image: str | None, findings: list[Finding]) -> pd.DataFrame:
    """Drop rows that stand there twice; refuse two that differ where a row is a patient."""
    again = rows.duplicated()
    note(findings, "repeated-row", "rows that stand in the table twice; the first counts", _lines(rows.index[again]))
    rows = rows[~again]
    keys = rows[subject].str.lower()
    if image is None and keys.duplicated().any():
        groups = keys.groupby(keys, sort=False).groups
        twice = [f"{rows.loc[g[0], subject]} (lines {_and(g)})" for g in groups.values() if len(g) > 1]
        raise DataError(
            f"{path}: {len(twice)} patients have several rows: {first_ten(twice)}. Keep one row a patient, or name the "
            "image of each row in a column 'image'."
        )
    return rows


def _labels(cells: pd.Series, path: Path) -> pd.Series:
    """0, 1 or NaN a cell.

    Raises:
        DataError: a cell is no known code.
    """
    text = cells.str.lower()
    known = ~text.isin(MISSING | {"-9", "-99", "-999", "9", "99"})
    odd = known & ~text.isin(_POSITIVE | _NEGATIVE)
    if odd.any():
        listed = first_ten(f"line {line}: {cells[line]!r}" for line in cells.index[odd])
        raise DataError(
            f"{path}, column {cells.name!r}: {odd.sum()} cells say neither that there is microvascular invasion nor "
            f"that there is none: {listed}. Write 0 or 1, absent or present, or M0, M1, M2."
        )
    if text[known].isin({"2", "2.0"}).any() and not text[known].isin({"0", "0.0"}).any():
        raise DataError(
            f"{path}, column {cells.name!r} has the codes 1 and 2, but no 0: 1 may mean absent, or M1. "
            "Write 0 and 1, absent and present, or M0, M1, M2."
        )
    return text.isin(_POSITIVE).astype(float).where(known)


def _refuse_two_labels(subjects: pd.Series, labels: pd.Series, path: Path) -> None:
    differ = labels.groupby(subjects).nunique()
    both = [f"{who} (lines {_and(subjects.index[subjects == who])})" for who in differ.index[differ > 1]]
    if both:
        raise DataError(
            f"{path}: {len(both)} patients are said to have microvascular invasion and not to: {first_ten(both)}. "
            "Correct the table."
        )


def _lines(index: pd.Index) -> Iterator[str]:
    return (f"line {line}" for line in index)


def _and(lines: Sequence[int] | pd.Index) -> str:
    return ", ".join(map(str, lines))
