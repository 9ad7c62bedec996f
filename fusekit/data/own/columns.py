"""Cells of people's own tables as labels, numbers and categories, as far as it is known what they are."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd

from fusekit.data.clinical.censoring import UNDETECTED, flag_of
from fusekit.data.clinical.numbers import seem_numbers, with_bounds
from fusekit.data.clinical.tables import MISSING, code, refuse_errors
from fusekit.data.cohort import Column, Finding
from fusekit.data.own.attributes import CODES, NOTHING, Known
from fusekit.data.own.description import OwnColumn
from fusekit.data.own.join import Joined
from fusekit.data.own.places import nearest
from fusekit.data.own.problems import note
from fusekit.errors import DataError, first_ten

#: More different texts than this are no categories: names, free text, dates.
MANY = 30
#: A column of viral loads without a unit whose numbers all stay below this holds logarithms.
MOST_LOGARITHM = 12.0
_DASHES = frozenset({"-", "--", "/"})


def classes_of(
    cells: pd.Series, classes: Mapping[str, tuple[str, ...]], leave_out: tuple[str, ...], where: str, advice: str = ""
) -> pd.Series:
    """Label cells -> 0-based class; NA where the row is left out. ``1.0`` is the value ``1``; case counts.

    Values of no class are refused, all of them with how often they occur.
    """
    meant: dict[str, object] = {value: number for number, values in enumerate(classes.values()) for value in values}
    meant |= dict.fromkeys(leave_out, pd.NA)
    numbers = [code(value) for value in meant]
    # Where two values are one number, as 1 and 1.0 of two classes, the text alone decides.
    numeric = {number: meant[value] for value, number in zip(meant, numbers, strict=True) if numbers.count(number) == 1}
    codes, strange = [], []
    for cell in cells:
        number = code(cell)
        known = meant.get(cell, numeric.get(number) if number is not None else None)
        codes.append(pd.NA if known is None else known)
        if known is None:
            strange.append(cell)
    if strange:
        advice = advice or "Add it to a class, or list it in leave_out."
        counts = pd.Series(strange).value_counts()
        lines = [line for line, cell in cells.items() if cell == counts.index[0]]
        listed = first_ten(f"{value!r} ({count})" if value else f"empty ({count})" for value, count in counts.items())
        hint = nearest(str(counts.index[0]), [value for value in meant if value]) if counts.index[0] else ""
        raise DataError(
            f"{where}: {len(strange)} rows have a value of no class: {listed}; the first is on line "
            f"{first_ten(lines[:3])}. {hint and hint[0].upper() + hint[1:] + ' '}{advice}"
        )
    return pd.Series(codes, cells.index, dtype="Int64")


def typed(
    joined: Joined, declared: OwnColumn, rows: pd.Index, findings: list[Finding], blanks: frozenset[str] = MISSING
) -> list[tuple[Column, pd.Series]]:
    """Read a clinical column of the rows that are kept: numbers or NaN, categories or None.

    A number beyond an assay's range (``<0.6``, ``>1210``) is its bound, and a second column says so: -1 below, 1 above,
    0 within. Attributes that are logarithms in the cohort always have this column: the model's inputs must not depend
    on whether one of a few new patients is beyond the range.

    Text or a number beyond its limits in a number column, and a category that is not declared, are refused with file,
    line and column.
    """
    part = joined.homes[declared.name]
    where, source = f"{part.path}, column {declared.name!r}", f"{part.path.name}: {declared.name}"
    known = declared.attribute
    written = joined.needed(part, rows)[declared.name]
    cells = _without_gaps(written, declared, blanks, findings)
    refuse_errors(cells, str(part.path))
    kind, missing = known.attribute.column("").kind if known else declared.kind, declared.missing
    numbers = beyond = None
    if kind != "category":
        undetected = UNDETECTED if known and known.attribute.log else frozenset[str]()
        try:
            numbers, beyond = with_bounds(cells, str(part.path), part.numerals, undetected)
        except DataError as error:
            if kind:
                raise
            if seem_numbers(cells):
                raise DataError(
                    f"{error} Most cells of the column are numbers; if it is a category all the same, say "
                    'kind = "category", and if the cell means a missing value, list it in missing.'
                ) from None
            texts = list(dict.fromkeys(filter(None, cells)))
            if len(texts) > MANY:
                raise DataError(
                    f"{where}: {len(texts)} different texts, such as {first_ten(map(repr, texts[:3]))}. If they are "
                    'numbers, say kind = "number" to see which is not; if categories, kind = "category"; if neither, '
                    "leave the column out."
                ) from None
    if numbers is None or beyond is None:
        if known is None:
            note_gaps(written[~written.isin(declared.categories)], declared.missing, findings, blanks)
        column = Column(declared.name, "category", categories=declared.categories, source=source, missing=missing)
        values = joined.spread(_categories(cells, declared, where), part, rows)
        if part is not joined.parts[0]:
            values = values.where(values.notna(), None)
        return [(known.attribute.column(source) if known else column, values)]
    if "%" in "".join(cells):
        note(findings, "percentages", "columns of percentages: 5 % is the number 5", (f"column {declared.name!r}",))
    if known is not None:
        column = known.attribute.column(source)
        numbers = _converted(numbers, cells, known, where, findings)
    else:
        unit, low, high = declared.unit, declared.low, declared.high
        column = Column(declared.name, "number", unit, low, high, declared.signed, source=source, missing=missing)
        advice = "Is it in another unit, or a code for a missing value? Then convert it, or list the code in missing."
        if low is not None or high is not None:
            _refuse_outside(numbers, cells, low, high, unit, where, advice)
    read = [(column, numbers)]
    if (known and known.attribute.log) or (np.abs(beyond) == 1).any():
        read.append((flag_of(column), pd.Series(beyond, cells.index)))
    return [(each, joined.spread(values, part, rows)) for each, values in read]


def note_gaps(
    cells: pd.Series, declared: tuple[str, ...], findings: list[Finding], blanks: frozenset[str] = MISSING
) -> None:
    """Note which texts of a column count as missing by the default list, and not by what is declared."""
    assumed = blanks - {"", *(text.lower() for text in declared)}
    counts = Counter(cell for cell in cells if cell.lower() in assumed)
    note(
        findings,
        "missing-text",
        "texts in columns of text that count as missing by default",
        [f"column {cells.name!r}: {text!r} in {count} rows" for text, count in counts.most_common()],
        advice="If one is a category, list it in the column's categories; else list it in missing.",
    )


def decides(values: pd.Series, labels: pd.Series) -> bool:
    """Whether a column is the label in other words: each of its values goes with one class, and each class with one.

    Fewer than ten observed rows decide nothing.
    """
    meant: dict[str, object] = {}
    classes, seen = len(set(labels)), 0
    for value, label in zip(values, labels, strict=True):
        text = "" if pd.isna(value) else str(value)
        if text and meant.setdefault(text, label) != label:
            return False
        if len(meant) > classes:  # of thousands of columns, most end here
            return False
        seen += bool(text)
    return len(set(meant.values())) == len(meant) > 1 and seen >= 10


def _without_gaps(cells: pd.Series, declared: OwnColumn, blanks: frozenset[str], findings: list[Finding]) -> pd.Series:
    attribute = declared.attribute.attribute if declared.attribute else None
    missing = blanks | {text.lower() for text in declared.missing}
    if attribute:
        missing |= NOTHING | (frozenset() if attribute.categories else _DASHES)
    codes = {number for text in declared.missing if (number := code(text)) is not None}
    known = {float(text) for text in CODES} - codes if attribute else set()
    kept, listed = cells.tolist(), []
    for position, cell in enumerate(kept):
        number = code(cell) if codes or known else None
        if number in codes or number in known or (cell.lower() in missing and cell not in declared.categories):
            kept[position] = ""
        if number in known:
            listed.append(f"line {cells.index[position]}, column {cells.name!r}: {cell}")
    note(findings, "missing-code", "cells read as codes of a missing value", listed)
    without = pd.Series(kept, cells.index, name=cells.name, dtype=object)
    without.attrs = cells.attrs  # which name the cell
    return without


def _converted(numbers: pd.Series, cells: pd.Series, known: Known, where: str, findings: list[Finding]) -> pd.Series:
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
    """One of the categories per cell, None where missing; another text is refused."""
    attribute = declared.attribute.attribute if declared.attribute else None
    known = attribute.categories if attribute else declared.categories
    values = [attribute.category(cell, declared.name) if attribute and cell else cell or None for cell in cells]
    strange = [bool(cell) and value not in known for cell, value in zip(cells, values, strict=True)] if known else []
    if any(strange):
        unknown = cells[strange]
        listed = first_ten(f"{cell!r} (line {line})" for line, cell in unknown.drop_duplicates().items())
        hint = attribute.advice if attribute else nearest(str(unknown.iloc[0]), known)
        names = f" {', '.join(known)}" if attribute else ""
        raise DataError(f"{where}: {len(unknown)} cells are none of the categories{names}: {listed}; {hint}")
    return pd.Series(values, cells.index, dtype=object)
