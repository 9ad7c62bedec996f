"""Cells of people's own tables as labels, numbers and categories, as far as it is said what they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress

import numpy as np
import pandas as pd

from fusekit.data.clinical.tables import MISSING, is_missing, to_number
from fusekit.data.cohort import Column, Finding
from fusekit.data.own.attributes import CODES, NOTHING, Known
from fusekit.data.own.description import OwnColumn
from fusekit.data.own.join import Joined
from fusekit.data.own.places import spelt_otherwise
from fusekit.data.own.problems import note
from fusekit.errors import DataError, first_ten
from fusekit.extension.registry import suggest

#: More different texts than this are no categories: names, free text, dates.
MANY = 30
#: A column of viral loads without a unit whose numbers all stay below this holds logarithms.
MOST_LOGARITHM = 12.0
_UNDETECTED = frozenset({"undetectable", "undetected", "not detected", "negative", "neg", "tnd", "below detection"})
_BOUND = re.compile(r"([<>\u2264\u2265])\s*=?\s*(.+)")
_DASHES = frozenset({"-", "--", "/"})


def classes_of(
    cells: pd.Series, classes: Mapping[str, tuple[str, ...]], leave_out: tuple[str, ...], where: str, advice: str = ""
) -> pd.Series:
    """Label cells -> 0-based class; NA where the row is left out. ``1.0`` is the value ``1``; case counts.

    Raises:
        DataError: a value belongs to no class; all such values are listed with how often they occur.
    """
    meant: dict[str, object] = {value: number for number, values in enumerate(classes.values()) for value in values}
    meant |= dict.fromkeys(leave_out, pd.NA)
    numeric = {number: code for value, code in meant.items() if (number := _number(value)) is not None}
    codes, strange = [], []
    for cell in cells:
        number = _number(cell)
        code = meant.get(cell, None if number is None else numeric.get(number))
        codes.append(pd.NA if code is None else code)
        if code is None:
            strange.append(cell)
    if strange:
        advice = advice or "Add it to a class, or list it in leave_out."
        counts = pd.Series(strange).value_counts()
        lines = [line for line, cell in cells.items() if cell == counts.index[0]]
        listed = first_ten(f"{value!r} ({count})" if value else f"empty ({count})" for value, count in counts.items())
        hint = _near(str(counts.index[0]), [value for value in meant if value]) if counts.index[0] else ""
        raise DataError(
            f"{where}: {len(strange)} rows have a value of no class: {listed}; the first is on line "
            f"{first_ten(lines[:3])}. {hint and hint[0].upper() + hint[1:] + ' '}{advice}"
        )
    return pd.Series(codes, cells.index, dtype="Int64")


def typed(
    joined: Joined, declared: OwnColumn, lines: pd.Index, findings: list[Finding], blanks: frozenset[str] = MISSING
) -> list[tuple[Column, pd.Series]]:
    """Read a clinical column of the rows that are kept: numbers or NaN, categories or None.

    A number beyond an assay's range (``<0.6``, ``>1210``) is its bound, and a second column says so: -1 below, 1 above,
    0 within. Attributes that are logarithms in the cohort always have this column: the model's inputs must not depend
    on whether one of a few new patients is beyond the range.

    Raises:
        DataError: a number column holds text or a number beyond its limits, a category is none of the declared; the
            message names file, line and column.
    """
    part = joined.homes[declared.name]
    where = f"{part.path}, column {declared.name!r}"
    cells = part.cells.loc[sorted(set(part.lines.loc[lines].dropna().astype(int))), declared.name].astype(object)
    known = declared.attribute
    cells = cells.mask(_gaps(cells, declared, blanks, findings), "")
    source = f"{part.path.name}: {declared.name}"
    if known is not None:
        column = known.attribute.column(source)
    else:
        column = Column(
            declared.name,
            "number" if (declared.kind or _kind(cells, where)) == "number" else "category",
            unit=declared.unit,
            low=declared.low,
            high=declared.high,
            signed=declared.signed,
            categories=declared.categories,
            source=source,
        )
    if column.kind != "number":
        spread = joined.spread(_categories(cells, declared, where), part).loc[lines]
        return [(column, spread.astype(object).where(spread.notna(), None))]
    numbers, beyond = _numbers(cells, str(part.path), _UNDETECTED if known and known.attribute.log else frozenset())
    if known is not None:
        numbers = _converted(numbers, cells, known, where, findings)
    else:
        advice = "Is it in another unit, or a code for a missing value? Then convert it, or list the code in missing."
        _refuse_outside(numbers, cells, declared.low, declared.high, declared.unit, where, advice)
    read = [(column, numbers)]
    if (known and known.attribute.log) or (beyond.abs() == 1).any():
        flag = "-1 below the assay's range, 1 above, 0 within"
        read.append((Column(f"{column.name} censored", unit=flag, low=-1, high=1, source=source), beyond))
    return [(each, joined.spread(values, part).loc[lines].astype(float)) for each, values in read]


def group(cells: pd.Series) -> pd.Series:
    """A column that describes scans: numbers if all its cells are and many differ, else text; None where missing."""
    gaps = is_missing(cells)
    with suppress(DataError):
        numbers = to_number(cells, "")
        if numbers.nunique() > 10:
            return numbers
    return cells.astype(object).where(~gaps, None)


def decides(values: pd.Series, labels: pd.Series) -> bool:
    """Whether a column is the label in other words: each of its values goes with one class, and each class with one.

    Fewer than ten observed rows decide nothing.
    """
    seen = values.notna().to_numpy()
    texts = [(str(value), label) for value, label, known in zip(values, labels, seen, strict=True) if known]
    pairs = {(text, label) for text, label in texts if text}
    one_to_one = len({text for text, _ in pairs}) == len(pairs) == len({label for _, label in pairs})
    return one_to_one and len(pairs) > 1 and sum(bool(text) for text, _ in texts) >= 10


def _gaps(cells: pd.Series, declared: OwnColumn, blanks: frozenset[str], findings: list[Finding]) -> pd.Series:
    """Which cells mean "no value"."""
    attribute = declared.attribute.attribute if declared.attribute else None
    missing = blanks | {text.lower() for text in declared.missing}
    if attribute:
        missing |= NOTHING | (frozenset() if attribute.categories else _DASHES)
    codes = {number for text in declared.missing if (number := _number(text)) is not None}
    known = {float(code) for code in CODES} - codes if attribute else set()
    gaps, listed = [], []
    for line, cell in cells.items():
        number = _number(cell) if codes or known else None
        gaps.append(number in codes or number in known or (cell.lower() in missing and cell not in declared.categories))
        if number in known:
            listed.append(f"line {line}, column {cells.name!r}: {cell}")
    note(findings, "missing-code", "cells taken for codes of a missing value", listed)
    return pd.Series(gaps, cells.index, dtype=bool)


def _kind(cells: pd.Series, where: str) -> str:
    observed = cells[~is_missing(cells)]
    with suppress(DataError):
        _numbers(observed, where)
        return "number"
    if observed.nunique() > MANY:
        raise DataError(
            f"{where}: {observed.nunique()} different texts, such as {first_ten(map(repr, observed.unique()[:3]))}. "
            'If they are numbers, say kind = "number" to hear which is none; if categories, kind = "category"; '
            "if neither, leave the column out."
        )
    return "category"


def _numbers(cells: pd.Series, source: str, undetected: frozenset[str] = frozenset()) -> tuple[pd.Series, pd.Series]:
    """Numbers, and -1, 0 or 1 for those below, within or above the assay's range; NaN where missing."""
    text, signs = [], []
    for cell in cells:
        bound, none = _BOUND.fullmatch(cell), cell.lower() in undetected
        text.append("0" if none else bound[2] if bound else cell)
        signs.append(-1.0 if none or (bound and bound[1] in "<\u2264") else 1.0 if bound else 0.0)
    numbers = to_number(pd.Series(text, cells.index, name=cells.name, dtype=object), source)
    return numbers, pd.Series(signs, cells.index, dtype=float).where(numbers.notna())


def _converted(numbers: pd.Series, cells: pd.Series, known: Known, where: str, findings: list[Finding]) -> pd.Series:
    """Amounts of an attribute as the cohort holds them."""
    attribute = known.attribute
    if known.factor != 1:
        what = f"column {cells.name!r}: {known.unit} to {attribute.unit}, times {known.factor:.5g}"
        note(findings, "converted", "columns converted to another unit", (what,))
    logged = known.logged
    if attribute.guessed and not (known.logged or known.unit):
        logged = not (numbers > MOST_LOGARITHM).any()
        what = f"column {cells.name!r}: {'logarithms' if logged else attribute.unit}"
        note(findings, "assumed-scale", "columns that name no unit; their numbers show what they are", (what,))
    if logged:
        numbers = 10.0 ** numbers.clip(upper=300.0) - (numbers == 0)  # a logarithm of 0 means "none found"
    numbers = numbers * known.factor
    middle = float(numbers.median())
    likely = [unit for unit, times in attribute.units.items() if times != 1 and _inside(middle * times, known)]
    advice = "Correct them, or leave them empty."
    if likely and not _inside(middle, known):
        advice = f"They may be in {likely[0]}: name the column '{attribute.name} ({likely[0]})', and it is converted."
    _refuse_outside(numbers, cells, attribute.low, attribute.high, attribute.unit, where, advice)
    return np.log10(1 + numbers).round(6) if attribute.log else numbers


def _inside(value: float, known: Known) -> bool:
    return known.attribute.low <= value <= known.attribute.high


def _refuse_outside(
    numbers: pd.Series, cells: pd.Series, low: float | None, high: float | None, unit: str, where: str, advice: str
) -> None:
    least, most = -np.inf if low is None else low, np.inf if high is None else high
    outside = cells[(numbers < least) | (numbers > most)]
    if len(outside):
        limits = f"{'any' if low is None else f'{low:g}'} to {'any' if high is None else f'{high:g}'}"
        listed = first_ten(f"{cell} (line {line})" for line, cell in outside.items())
        raise DataError(f"{where}: {len(outside)} values are outside {f'{limits} {unit}'.strip()}: {listed}. {advice}")


def _categories(cells: pd.Series, declared: OwnColumn, where: str) -> pd.Series:
    """One of the categories per cell, None where missing.

    Raises:
        DataError: a cell is none of them.
    """
    attribute = declared.attribute.attribute if declared.attribute else None
    known = attribute.categories if attribute else declared.categories
    observed = cells[cells != ""]
    values = observed.map(lambda cell: attribute.category(cell, declared.name)) if attribute else observed
    unknown = observed[~values.isin(known)] if known else observed[:0]
    if len(unknown):
        listed = first_ten(f"{cell!r} (line {line})" for line, cell in unknown.drop_duplicates().items())
        hint = attribute.advice if attribute else _near(str(unknown.iloc[0]), known)
        names = f" {', '.join(known)}" if attribute else ""
        raise DataError(f"{where}: {len(unknown)} cells are none of the categories{names}: {listed}; {hint}")
    return values.reindex(cells.index).astype(object)


def _near(value: str, known: Iterable[str]) -> str:
    known = list(known)
    near = spelt_otherwise([value], known)
    return f"did you mean {near[value]!r}?" if near else suggest(value, known)


def _number(text: str) -> float | None:
    with suppress(ValueError):
        return float(text.replace(",", "."))  # 1,5 is a number too; 1,000 is compared with codes only
    return None


def duplicates(ids: pd.Series, what: str) -> Iterable[str]:
    """For each text that stands twice, a clause with its lines."""
    for text, lines in ids.groupby(ids).groups.items():
        if len(lines) > 1:
            yield f"{what} {text!r} on lines {first_ten(lines)}"
