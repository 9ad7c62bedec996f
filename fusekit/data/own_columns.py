"""Cells of somebody's own table as labels, numbers and categories, as far as the TOML says what they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

import pandas as pd

from fusekit.data.cohort import Column
from fusekit.data.own_format import OwnColumn
from fusekit.data.own_join import Joined, pick
from fusekit.data.own_places import spelt_otherwise
from fusekit.data.tables import is_missing, to_number
from fusekit.errors import DataError, first_ten
from fusekit.extension.registry import suggest

#: More different texts than this are no categories: names, free text, dates.
MANY = 30


def classes_of(
    cells: pd.Series, classes: Mapping[str, tuple[str, ...]], leave_out: tuple[str, ...], where: str
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
        counts = pd.Series(strange).value_counts()
        lines = [line for line, cell in cells.items() if cell == counts.index[0]]
        listed = first_ten(f"{value!r} ({count})" if value else f"empty ({count})" for value, count in counts.items())
        hint = _near(str(counts.index[0]), [value for value in meant if value]) if counts.index[0] else ""
        raise DataError(
            f"{where}: {len(strange)} rows have a value of no class: {listed}; the first is on line "
            f"{first_ten(lines[:3])}. {hint and hint[0].upper() + hint[1:] + ' '}Add it to a class, or list it in "
            f"leave_out."
        )
    return pd.Series(codes, cells.index, dtype="Int64")


def typed(joined: Joined, declared: OwnColumn, lines: pd.Index) -> tuple[Column, pd.Series]:
    """Read a clinical column of the rows that are kept: numbers or NaN, categories or None.

    Raises:
        DataError: a number column holds text or a number beyond its limits, a category is none of the declared; the
            message names file, line and column.
    """
    part = joined.homes[declared.name]
    where = f"{part.path}, column {declared.name!r}"
    rows = lines if part is joined.parts[0] else sorted(set(part.lines.loc[lines].dropna().astype(int)))
    used = pick(part.cells[declared.name], pd.Index(rows)).astype(object)
    if declared.missing:
        codes = {code for code in map(_number, declared.missing) if code is not None}
        gone = used.isin(declared.missing) | used.map(lambda cell: _number(cell) in codes if codes else False)
        used = used.mask(gone, "")
    kind = declared.kind or _kind(used, where)
    if kind == "number":
        values = to_number(used, str(part.path))
        _refuse_outside(values, declared, where)
    else:
        gaps = is_missing(used) & ~used.isin(declared.categories)
        values = used.astype(object).where(~gaps, None)
        _refuse_unknown(values, declared, where)
    column = Column(
        declared.name,
        "number" if kind == "number" else "category",
        unit=declared.unit,
        low=declared.low,
        high=declared.high,
        signed=declared.signed,
        categories=declared.categories,
        source=f"{part.path.name}: {declared.name}",
    )
    spread = pick(joined.spread(values, part), lines)
    return column, spread.astype(float) if kind == "number" else spread.astype(object).where(spread.notna(), None)


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
    seen = [
        (text, label)
        for value, label in zip(values.tolist(), labels.tolist(), strict=True)
        if (isinstance(value, str) or not pd.isna(value)) and (text := str(value))
    ]
    pairs = set(seen)
    one_to_one = len({text for text, _ in pairs}) == len({label for _, label in pairs}) == len(pairs)
    return one_to_one and len(pairs) > 1 and len(seen) >= 10


def _kind(cells: pd.Series, where: str) -> str:
    observed = cells[~is_missing(cells)]
    with suppress(DataError):
        to_number(observed, where)
        return "number"
    if observed.nunique() > MANY:
        raise DataError(
            f"{where}: {observed.nunique()} different texts, such as {first_ten(map(repr, observed.unique()[:3]))}. "
            'If they are numbers, say kind = "number" to hear which is none; if categories, kind = "category"; '
            "if neither, leave the column out."
        )
    return "category"


def _refuse_outside(values: pd.Series, declared: OwnColumn, where: str) -> None:
    low, high = declared.low, declared.high
    if low is None and high is None:
        return
    outside = values[
        (values < (-float("inf") if low is None else low)) | (values > (high if high is not None else float("inf")))
    ]
    if len(outside):
        limits = f"{'any' if low is None else f'{low:g}'} to {'any' if high is None else f'{high:g}'}"
        unit = f" {declared.unit}" if declared.unit else ""
        listed = first_ten(f"{value:g} (line {line})" for line, value in outside.items())
        raise DataError(
            f"{where}: {len(outside)} values are outside {limits}{unit}: {listed}. Is it in another unit, or a code "
            "for a missing value? Then convert it, or list the code in missing."
        )


def _refuse_unknown(values: pd.Series, declared: OwnColumn, where: str) -> None:
    if not declared.categories:
        return
    unknown = values[values.notna() & ~values.isin(declared.categories)]
    if len(unknown):
        listed = first_ten(f"{value!r} (line {line})" for line, value in unknown.drop_duplicates().items())
        hint = _near(str(unknown.iloc[0]), declared.categories)
        raise DataError(f"{where}: {len(unknown)} cells are none of the categories: {listed}; {hint}")


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
