"""Which columns of a table the task takes: by their usual names, known attributes, and what was asked for."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fusekit.data import Finding
from fusekit.data.own.attributes import CODES, NO, NOTHING, YES, plain, recognise
from fusekit.data.own.description import OwnColumn
from fusekit.data.own.files import TABLES, Files
from fusekit.data.own.places import confined
from fusekit.data.own.problems import note
from fusekit.errors import DataError, first_ten
from fusekit_hmi.leaks import reason_to_leave_out

#: Names of the columns that the task looks for, in order of preference, without case, blanks and punctuation.
SUBJECT = ("patientid", "patient", "subjectid", "subject", "caseid", "case", "pid", "studyid", "mrn", "id")
LABEL = (
    *("mvi", "mvistatus", "mvilabel", "mvipresent", "microvascularinvasion", "microvascularinvasionmvi", "hmi"),
    *("mvigrade", "mviclass", "mvipathology", "pathologymvi", "mgrade"),
)
IMAGE = ("image", "imagepath", "imagefile", "images", "file", "filename", "filepath", "ct", "scan")
MASK = ("mask", "maskpath", "maskfile", "segmentation", "tumourmask", "tumormask")
SITE = ("site", "centre", "center", "hospital", "institution")

#: M1 and M2 differ in how many vessels were invaded, and how far from the tumour.
_POSITIVE = YES | {"m1", "m2", "2", "2.0", "mvi+", "mvi1", "mvi positive", "mvi-positive", "mvi present"}
_NEGATIVE = NO | {"m0", "mvi-", "mvi0", "mvi negative", "mvi-negative", "mvi absent"}
_UNKNOWN = NOTHING | {"9", "99", *CODES}


def find_table(files: Files, wanted: str) -> Path:
    """Return the one table below a folder, or the one of the wanted name; none, or several, are refused by name."""
    tables = files.tables
    if wanted:
        try:
            return confined(files.folder, wanted)
        except DataError as error:
            tables = [path for path in tables if path.name == wanted]
            if not tables:
                listed = first_ten(map(files.shown, files.tables)) or "none"
                raise DataError(f"task.table={wanted}: {error} Tables below {files.folder}: {listed}.") from error
    if not tables:
        advice = "Put it there, a row per patient or image."
        raise DataError(f"{files.folder} holds no clinical table ({', '.join(TABLES)}). {advice}")
    if len(tables) > 1:
        raise DataError(
            f"{files.folder} holds {len(tables)} tables: {first_ten(map(files.shown, tables))}. Name the clinical one: "
            f"-o task.table={files.shown(tables[0])}"
        )
    return tables[0]


def column(rows: pd.DataFrame, names: Sequence[str]) -> str | None:
    """The first of some names that the table has, in any spelling."""
    written = {plain(str(name)): str(name) for name in reversed(rows.columns)}
    return next((written[name] for name in names if name in written), None)


def needed(rows: pd.DataFrame, path: Path, what: str, option: str, given: str, names: Sequence[str]) -> str:
    """The column that the option names, or the first with a usual name; refuse a table that has none."""
    name = given or column(rows, names)
    if name and name in rows:
        return name
    asked = f"has no column {given!r}" if given else f"has no column such as {names[0]!r}"
    raise DataError(
        f"{path} {asked} to say {what}; it has {first_ten(map(repr, rows.columns))}. Name it: -o task.{option}=COLUMN"
    )


def codes(cells: pd.Series, path: Path) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Which texts of the label's column mean absent, present and nothing.

    The codes 1 and 2 without a 0 are refused: they may mean either.
    """
    texts = {text: text.lower() for text in cells.unique()}
    found = set(texts.values())
    if found & {"2", "2.0"} and not found & {"0", "0.0"}:
        raise DataError(
            f"{path}, column {cells.name!r} has the codes 1 and 2, but no 0: 1 may mean absent, or M1. "
            "Write 0 and 1, absent and present, or M0, M1, M2."
        )

    def among(known: frozenset[str]) -> tuple[str, ...]:
        return tuple(text for text, lower in texts.items() if lower in known)

    return among(_NEGATIVE), among(_POSITIVE), among(_UNKNOWN)


def inputs(
    names: Sequence[str], path: Path, keys: Sequence[str], extra: Sequence[str], findings: list[Finding]
) -> tuple[OwnColumn, ...]:
    """The table's columns that are attributes, and those that were asked for besides (``extra``); the rest is noted.

    ``keys`` identify rows, images and labels. An extra column that is not there, or must not be an input, is refused,
    and so is a table without any attribute.
    """
    absent = [name for name in extra if name not in names]
    if absent:
        raise DataError(f"{path}: task.extra names columns that the table lacks: {', '.join(absent)}.")
    known, further, unknown = list[OwnColumn](), list[OwnColumn](), []
    for name in names:
        attribute, reason = recognise(name), reason_to_leave_out(name)
        if name in keys:
            continue
        if attribute:
            known.append(OwnColumn(name, attribute=attribute))
        elif reason and name in extra:
            raise DataError(f"{path}: task.extra={name} must not be an input: it is {reason}.")
        elif reason:
            note(findings, "never-an-input", f"columns left out: each is {reason}", (name,))
        elif name in extra:
            further.append(OwnColumn(name))
        else:
            unknown.append(name)
    advice = "Those known before the operation can be added: -o task.extra=NAME,NAME"
    note(findings, "unknown-column", "columns left out, since the task does not know them", unknown, advice=advice)
    if not known + further:
        raise DataError(f"{path} holds none of the clinical columns that the task knows; see task.extra.")
    return (*known, *further)
