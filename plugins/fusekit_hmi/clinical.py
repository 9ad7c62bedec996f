"""Clinical values of the table's rows: recognised by name, converted to one unit, checked for plausibility."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fusekit.data import Column, Finding, to_number
from fusekit.errors import DataError
from fusekit_hmi.attributes import CATEGORIES, Attribute, Known, plain, recognise
from fusekit_hmi.leaks import reason_to_leave_out
from fusekit_hmi.notes import first_ten, note

#: Text that stands for "no value", in lower case; ``-`` too among numbers, but among yes and no it is a no.
MISSING = frozenset({"", "na", "n/a", "nan", ".", "unknown", "null", "none", "missing", "not done", "not tested", "?"})
#: None of the attributes is ever negative.
MISSING_NUMBERS = (-1.0, -9.0, -99.0, -999.0)
UNDETECTED = frozenset({"undetectable", "undetected", "not detected", "negative", "neg", "tnd", "below detection"})
YES = frozenset({"1", "1.0", "yes", "y", "positive", "pos", "+", "(+)", "present", "true", "reactive"})
NO = frozenset({"0", "0.0", "no", "n", "negative", "neg", "-", "(-)", "absent", "false", "nonreactive", "non-reactive"})
_SEX = {"m": "Male", "male": "Male", "man": "Male", "f": "Female", "female": "Female", "woman": "Female"}
_BOUND = re.compile(r"([<>≤≥])\s*=?\s*(.+)")
_CHILD = re.compile(r"(?:(?:class|grade|child-?pugh)\s*)?([abc])(?:\s*\(?\d{1,2}\)?)?")

#: A column of viral loads without a unit whose numbers all stay below this holds logarithms.
MOST_LOGARITHM = 12.0


@dataclass(frozen=True)
class Clinical:
    """Clinical values of a table's rows.

    Args:
        table: values; index line, one column a ``Column``.
        columns: in the same order.
    """

    table: pd.DataFrame
    columns: tuple[Column, ...]


def read_clinical(
    rows: pd.DataFrame, path: Path, keys: Sequence[str], extra: Sequence[str], findings: list[Finding]
) -> Clinical:
    """Read every known attribute, and the extra columns that were asked for.

    Args:
        rows: text; index line.
        path: the table, for messages.
        keys: columns that identify rows, images and labels, which are no values.
        extra: names of further columns to read.
        findings: gets what was left out, and how numbers were converted.

    Raises:
        DataError: a cell cannot be read, is implausible, or two columns mean the same; an extra column is not there, or
            is one that must not be an input.
    """
    known, further = _usable(rows, path, keys, extra, findings)
    notes: list[Finding] = []
    parts: list[tuple[Column, pd.Series]] = []
    for name, what in known.items():
        parts += _attribute(rows[name], path, what, notes)
    parts += [_further(rows[name], path) for name in further]
    empty = [column.name for column, values in parts if values.notna().sum() == 0]
    note(notes, "column-without-values", "columns without a value in any row, left out", empty)
    findings += notes
    kept = [(column, values) for column, values in parts if column.name not in empty]
    table = pd.DataFrame({column.name: values for column, values in kept}, index=rows.index)
    return Clinical(table, tuple(column for column, _ in kept))


def _usable(
    rows: pd.DataFrame, path: Path, keys: Sequence[str], extra: Sequence[str], findings: list[Finding]
) -> tuple[dict[str, Known], list[str]]:
    """The table's columns that are attributes, and those that were asked for besides; the rest is noted."""
    absent = [name for name in extra if name not in rows.columns]
    if absent:
        raise DataError(f"{path}: task.extra names columns that the table lacks: {', '.join(absent)}.")
    known: dict[str, Known] = {}
    names: dict[str, str] = {}
    leaks: dict[str, list[str]] = {}
    unknown: list[str] = []
    further: list[str] = []
    for name in (str(name) for name in rows.columns if name not in keys):
        found, reason = recognise(name), reason_to_leave_out(name)
        if found:
            other = names.setdefault(found.attribute.name, name)
            if other != name:
                raise DataError(
                    f"{path}: the columns {other!r} and {name!r} both hold {found.attribute.name}. Remove one."
                )
            known[name] = found
        elif reason and name in extra:
            raise DataError(f"{path}: task.extra={name} must not be an input: it is {reason}.")
        elif reason:
            leaks.setdefault(reason, []).append(name)
        else:
            (further if name in extra else unknown).append(name)
    for reason, left in leaks.items():
        note(findings, "never-an-input", f"columns left out: each is {reason}", left)
    note(
        findings,
        "unknown-column",
        "columns left out, since the task does not know them",
        unknown,
        advice="Those known before the operation can be added: -o task.extra=NAME,NAME",
    )
    return known, further


def _attribute(cells: pd.Series, path: Path, known: Known, notes: list[Finding]) -> Iterator[tuple[Column, pd.Series]]:
    attribute = known.attribute
    described = attribute.column(f"{path.name}: {cells.name}")
    if attribute.kind != "number":
        yield described, _categories(cells, path, known)
        return
    amounts, beyond = _numbers(cells, path, attribute, notes)
    if known.factor != 1:
        what = f"column {cells.name!r}: {known.unit} to {attribute.unit}, times {known.factor:.5g}"
        note(notes, "converted", "columns converted to another unit", (what,))
    logged = known.logged or (attribute.logged and not known.unit and not (amounts > MOST_LOGARITHM).any())
    if attribute.logged and not (known.logged or known.unit):
        what = f"column {cells.name!r}: {'logarithms' if logged else attribute.unit}"
        note(notes, "assumed-scale", "columns that name no unit; their numbers tell what they are taken for", (what,))
    if logged:
        amounts = 10.0 ** amounts.clip(upper=300.0) - (amounts == 0)  # a logarithm of 0 stands for "none found"
    amounts = amounts * known.factor
    _refuse_implausible(amounts, cells, path, attribute)
    yield described, np.log10(1 + amounts).round(6) if attribute.log else amounts
    # Where assays often end, always: a few new patients, all within the range, need the columns of the model.
    if attribute.flagged or (beyond.abs() == 1).any():
        flag = "-1 below the assay's range, 1 above, 0 within"
        yield Column(f"{attribute.name} censored", unit=flag, low=-1, high=1, source=described.source), beyond


def _numbers(cells: pd.Series, path: Path, attribute: Attribute, notes: list[Finding]) -> tuple[pd.Series, pd.Series]:
    """Numbers, and -1, 0 or 1 for those below, within or above the assay's range; NaN where missing."""
    signs: dict[int, float] = {}
    plain_cells = []
    for line, cell in cells.items():
        text = str(cell).strip()
        bound = _BOUND.fullmatch(text)
        if text.lower() in MISSING or text in ("-", "--", "/"):
            text = ""
        elif bound:
            signs[int(str(line))], text = (1.0 if bound[1] in ">≥" else -1.0), bound[2]
        elif attribute.log and text.lower() in UNDETECTED:
            signs[int(str(line))], text = -1.0, "0"
        plain_cells.append(text)
    amounts = to_number(pd.Series(plain_cells, index=cells.index, name=cells.name, dtype=object), str(path))
    coded = amounts.isin(MISSING_NUMBERS)
    items = [f"line {line}, column {cells.name!r}: {cells[line]}" for line in amounts.index[coded]]
    note(notes, "missing-code", "cells taken for codes of a missing value", items)
    amounts = amounts.mask(coded)
    beyond = amounts.notna().astype(float).where(amounts.notna()) * 0.0
    for line, sign in signs.items():
        beyond[line] = sign
    return amounts, beyond


def _refuse_implausible(amounts: pd.Series, cells: pd.Series, path: Path, attribute: Attribute) -> None:
    outside = amounts[(amounts < attribute.low) | (amounts > attribute.high)]
    if outside.empty:
        return
    middle = float(amounts.median())
    likely = [u for u, factor in attribute.units.items() if factor != 1 and _inside(middle * factor, attribute)]
    advice = "Correct them, or leave them empty."
    if likely and not _inside(middle, attribute):
        advice = f"They may be in {likely[0]}: name the column '{attribute.name} ({likely[0]})', and it is converted."
    raise DataError(
        f"{path}, column {cells.name!r}: {len(outside)} values are outside {attribute.low:g} to {attribute.high:g} "
        f"{attribute.unit}: {first_ten(f'line {line}: {cells[line]}' for line in outside.index)}. {advice}"
    )


def _inside(value: float, attribute: Attribute) -> bool:
    return attribute.low <= value <= attribute.high


def _categories(cells: pd.Series, path: Path, known: Known) -> pd.Series:
    """One of the attribute's categories a cell, None where missing.

    Raises:
        DataError: a cell is none of them.
    """
    attribute = known.attribute
    yes_no = attribute.kind == "yes-no" or (attribute.kind == "sex" and plain(str(cells.name)) == "male")
    values: list[str | None] = []
    odd = []
    for line, cell in cells.items():
        text = str(cell).strip().lower()
        if text in MISSING or text in ("-1", "-9", "-99", "-999"):
            values.append(None)
            continue
        value = _yes_no(text, attribute) if yes_no else _SEX.get(text) if attribute.kind == "sex" else _child(text)
        values.append(value)
        if value is None:
            odd.append(f"line {line}: {cell!r}")
    if odd:
        advice = {
            "yes-no": "Write 0 or 1, no or yes, negative or positive, - or +.",
            "sex": "Write Female or Male; a column of 0 and 1 is understood if it is called 'male'.",
            "child-pugh": "Write A, B or C, or the points from 5 to 15.",
        }[attribute.kind]
        raise DataError(
            f"{path}, column {cells.name!r}: {len(odd)} cells are none of {', '.join(CATEGORIES[attribute.kind])}: "
            f"{first_ten(odd)}. {advice}"
        )
    return pd.Series(values, index=cells.index, dtype=object)


def _yes_no(text: str, attribute: Attribute) -> str | None:
    no, yes = CATEGORIES[attribute.kind]
    return yes if text in YES else no if text in NO else None


def _child(text: str) -> str | None:
    letter = _CHILD.fullmatch(text)
    if letter:
        return letter[1].upper()
    points = int(text) if text.isdigit() and text.isascii() else 0
    return "A" if points in (5, 6) else "B" if points in (7, 8, 9) else "C" if 10 <= points <= 15 else None


def _further(cells: pd.Series, path: Path) -> tuple[Column, pd.Series]:
    """A column that the task does not know: numbers if all its cells are, else categories."""
    text = cells.map(lambda cell: "" if cell.strip().lower() in MISSING else cell.strip())
    source = f"{path.name}: {cells.name}"
    try:
        return Column(str(cells.name), source=source), to_number(text, str(path))
    except DataError:
        words = pd.Series([cell or None for cell in text], index=cells.index, dtype=object)
        return Column(str(cells.name), kind="category", source=source), words
