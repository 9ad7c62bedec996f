"""Numbers as people write them: what a comma, a point or a blank means is decided by the column and its file.

A cell fits a *notation* (decimal point or decimal comma) or not. ``1.250`` fits both, as 1.25 and as 1250; ``0.5`` and
``1,250.5`` fit the point alone, and so show what the column means by it. Where no cell of a column shows it, the other
columns of its table do; where none does, the column is refused.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite

import numpy as np
import pandas as pd

from fusekit.data.clinical.tables import MISSING, ORIGIN, Origin, place
from fusekit.errors import DataError

#: Cells are meant to be numbers if so large a share of them is (``NEARLY``), or half of them, and those are more than
#: ``SEVERAL`` different ones: then the others are named, and make no category of the column.
NEARLY, SEVERAL = 0.9, 10

#: Blanks and apostrophes between thousands, in any notation.
_GROUPS = " \u00a0\u2009\u202f'\u2019"
#: Lines that show no notation.
_OPEN = re.compile(r"(?:(?:[^.,\n]*|[+\-\u2212]?[1-9]\d{0,2}[.,]\d{3})\n)*", re.ASCII)
_READ = re.compile(r"-?\d+\.\d*[1-9]", re.ASCII)  # as numbers of a workbook are written
_BOUND = re.compile(r"([<>\u2264\u2265\ufe64\ufe65\uff1c\uff1e])\s*=?\s*(.+)", re.DOTALL)
_BELOW = frozenset("<\u2264\ufe64\uff1c")
_SIGNS = _BELOW | frozenset(">\u2265\ufe65\uff1e")


@dataclass(frozen=True)
class Notation:
    """What the signs in a number mean."""

    decimal: str
    thousands: str  # empty: blanks and apostrophes alone

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """A number; its group is what separates thousands."""
        decimal, groups = re.escape(self.decimal), re.escape(self.thousands + _GROUPS)
        plain = rf"(?:\d+(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d+)?"
        grouped = rf"[1-9]\d{{0,2}}([{groups}])\d{{3}}(?:\1\d{{3}})*(?:{decimal}\d*)?"
        return re.compile(rf"[+\-\u2212]?(?:{plain}|{grouped})", re.ASCII)

    @cached_property
    def plain(self) -> re.Pattern[str]:
        """Lines of numbers without any separator of thousands: of thousands of columns, most are nothing else."""
        return re.compile(
            rf"(?:[+-]?(?:\d+(?:[{self.decimal}]\d*)?|[{self.decimal}]\d+)(?:[eE][+-]?\d+)?\n)*", re.ASCII
        )


POINT, COMMA, BARE_COMMA = Notation(".", ","), Notation(",", "."), Notation(",", "")
#: Of two signs each may be either.
ANY = (POINT, COMMA)
#: Where a comma separates cells, and in what a program holds, no point separates thousands unless a column shows it.
POINTED = (POINT, BARE_COMMA)


@dataclass(frozen=True)
class Numerals:
    """How the numbers of a table are written."""

    table: pd.DataFrame  # as ``read_table`` returns it

    @property
    def unshown(self) -> tuple[Notation, ...]:
        """The notations that its file leaves possible where no column shows one."""
        separator = self.table.attrs.get(ORIGIN, Origin()).separator
        return ANY if separator in ("\t", ";") else POINTED

    @cached_property
    def shown(self) -> tuple[Notation, ...]:
        """The one that columns of numbers show, if they agree; else those that its file leaves possible."""
        found = set[Notation]()
        for cells in self.table.to_numpy(dtype=object).T:
            texts = _texts(cells)
            shown, values = _shown(texts, typed=_typed(self))
            read = values or [0.0 for text in texts if _read(text, shown[0]) is not None]
            if len(shown) == 1 and len(read) >= NEARLY * len(texts):
                found.add(shown[0])
            if len(found) > 1:
                break
        return tuple(found) if len(found) == 1 else self.unshown


def to_number(cells: pd.Series, source: str, numerals: Numerals | None = None) -> pd.Series:
    """Read a column of text as numbers: float64, NaN where missing.

    Thousands may be separated by the sign that is not the decimal one, by blanks or by apostrophes. A cell that is no
    finite number is refused with ``source``, line and column, and so is one that may be two numbers where neither the
    column nor its table (``numerals``; None: the column is in no file) shows which.
    """
    return _numbers(cells, [_observed(cell) for cell in cells], source, numerals)


def bound(cell: str) -> tuple[str, int] | None:
    """The number that a cell gives as a bound, and -1 where its value is below (``< 0,5``), 1 above; else None."""
    cell = cell.strip()
    found = _BOUND.fullmatch(cell) if cell[:1] in _SIGNS else None
    return (found[2].strip(), -1 if found[1] in _BELOW else 1) if found else None


def with_bounds(
    cells: pd.Series, source: str, numerals: Numerals | None = None, nothing: frozenset[str] = frozenset()
) -> tuple[pd.Series, np.ndarray]:
    """Read a column whose numbers may lie beyond an assay's range: numbers, of those the bound, and where they lie.

    That is -1 below the range (also for the words in ``nothing``, which are 0), 1 above, 0 within, NaN where missing.
    """
    texts, signs = [_observed(cell) for cell in cells], np.zeros(len(cells))
    for position, text in enumerate(texts):
        if text and text[0] in _SIGNS and (found := bound(text)):
            texts[position], signs[position] = found
        elif nothing and text and text.lower() in nothing:
            texts[position], signs[position] = "0", -1
    numbers = _numbers(cells, texts, source, numerals)
    return numbers, np.where(numbers.isna(), np.nan, signs)


def pointed(cells: pd.Series, source: str, numerals: Numerals) -> pd.Series:
    """A column of text with decimal points in its numbers, also of those behind < or >; what is no number as it is.

    A number that may be two where neither the column nor its table shows which is refused.
    """
    notations, _ = _shown(_texts(cells))
    notations = notations if len(notations) == 1 else numerals.shown
    found, bad = [], []
    for position, cell in enumerate(cells):
        number = (bound(cell) or (cell.strip(),))[0]
        value = _read(number, notations[0]) if "." in number or "," in number else None
        if value is not None and len(notations) > 1 and _readings(number, notations) > 1:
            bad.append(position)
        found.append(cell if value is None else cell.replace(number, repr(value)))
    if bad:
        _refuse(cells, bad, notations, source)
    return pd.Series(found, index=cells.index, name=cells.name, dtype=object)


def is_number(cell: str) -> bool:
    """Whether a cell is a number in some notation."""
    return any(_read(cell.strip(), notation) is not None for notation in ANY)


def seem_numbers(cells: Iterable[str]) -> bool:
    """Whether cells, missing ones aside, are meant to be numbers: ``NEARLY`` all are, or half and many different."""
    texts = [text for cell in cells if (text := cell.strip()).lower() not in MISSING]
    plain = [found[0] if (found := bound(text)) else text for text in texts]
    numbers = [text for text in plain if is_number(text)]
    share = len(numbers) / len(texts) if texts else 0.0
    return share >= NEARLY or (share >= 0.5 and len(set(numbers)) > SEVERAL)


def _read(text: str, notation: Notation) -> float | None:
    """The finite number that a text is; None if it is none."""
    found = notation.pattern.fullmatch(text)
    if not found:
        return None
    if found[1]:
        text = text.replace(found[1], "")
    if notation.decimal == ",":
        text = text.replace(",", ".")
    number = float(text.replace("\u2212", "-"))
    return number if isfinite(number) else None


def _readings(text: str, notations: Sequence[Notation]) -> int:
    """How many different numbers a text may be."""
    if "." not in text and "," not in text:
        return 1
    return len({value for notation in notations if (value := _read(text, notation)) is not None})


def _shown(texts: Sequence[str], *, typed: bool = False) -> tuple[tuple[Notation, ...], list[float] | None]:
    """The notation that a column shows, by the cells that fit one alone (most of them, where cells differ), else all.

    Also the numbers, where one fits every cell. ``typed``: numbers do not show what a comma means in a text.
    """
    commas = [text for text in texts if "," in text] if typed else []
    if commas and _open(commas) == len(commas):
        return ANY, None
    comma = BARE_COMMA if commas and any(_READ.fullmatch(text) for text in texts) else COMMA
    counts = dict.fromkeys((POINT, comma), 0)
    for text in texts[_open(texts) :]:
        if "." in text or "," in text:
            fitting = [notation for notation in counts if _read(text, notation) is not None]
            if len(fitting) == 1:
                counts[fitting[0]] += 1
                if sum(counts.values()) == 1 and (values := _all(texts, fitting[0])):
                    return (fitting[0],), values
    return ((max(counts, key=lambda notation: counts[notation]),) if any(counts.values()) else ANY), None


def _open(texts: Sequence[str]) -> int:
    """How many texts at the beginning show no notation, such as 12 and 1.250: in some columns, all."""
    found = _OPEN.match(lines := "\n".join((*texts, "")))
    return lines.count("\n", 0, found.end()) if found and lines.count("\n") == len(texts) else 0


def _typed(numerals: Numerals | None) -> bool:
    return numerals is not None and bool(numerals.table.attrs.get(ORIGIN, Origin()).sheet)


def _all(texts: Sequence[str], notation: Notation) -> list[float] | None:
    """The finite numbers that texts are; None if one is none."""
    lines = "\n".join((*texts, ""))
    if lines.count("\n") == len(texts) and notation.plain.fullmatch(lines):
        values = list(map(float, lines.replace(notation.decimal, ".").split()))
        return values if all(map(isfinite, values)) else None
    read = [value for text in texts if (value := _read(text, notation)) is not None]
    return read if len(read) == len(texts) else None


def _observed(cell: str) -> str | None:
    """A cell's text; None where it is missing."""
    text = cell.strip()
    return None if text.lower() in MISSING else text


def _texts(cells: Iterable[object]) -> list[str]:
    """Texts that signs such as < are stripped from, without missing ones."""
    texts = filter(None, (_observed(str(cell)) for cell in cells))
    return [found[0] if (found := bound(text)) else text for text in texts]


def _numbers(cells: pd.Series, texts: Sequence[str | None], source: str, numerals: Numerals | None) -> pd.Series:
    observed = [text for text in texts if text is not None]
    numbers, bad = np.full(len(texts), np.nan), []
    notations, values = _shown(observed, typed=_typed(numerals))
    several = len(notations) > 1 and any(_readings(text, notations) > 1 for text in observed)
    if several:
        notations = numerals.shown if numerals else POINTED
        several = len(notations) > 1
    values = values or (None if several else _all(observed, notations[0]))
    if values is not None:
        numbers[[text is not None for text in texts]] = values
        return pd.Series(numbers, cells.index, name=cells.name)
    for position, text in enumerate(texts):
        if text is not None:
            value = _read(text, notations[0])
            if value is None or (several and _readings(text, notations) > 1):
                bad.append(position)
            else:
                numbers[position] = value
    if bad:
        _refuse(cells, bad, notations, source)
    return pd.Series(numbers, index=cells.index, name=cells.name)


def _refuse(cells: pd.Series, bad: list[int], notations: tuple[Notation, ...], source: str) -> None:
    cell = cells.iloc[bad[0]].strip()
    number = (bound(cell) or (cell,))[0]
    where = f"{place(source, cells, cells.index[bad[0]])}, column {cells.name!r}"
    more = f", and {len(bad) - 1} more cells of this column" if len(bad) > 1 else ""
    if _readings(number, notations) > 1:
        first, second = sorted({_read(number, notation) or 0.0 for notation in notations})
        raise DataError(
            f"{where}: {cell!r} may be {first:.15g} or {second:.15g}{more}: neither the column nor the table shows "
            f"which. Write {second:.15g} without a separator, or {first:.15g} with a decimal more: {number}0."
        )
    hint = "Correct it or leave it empty."
    if "." in cell or "," in cell:
        meant = "a comma" if notations[0].decimal == "," else "a point"
        hint = f"The decimal sign of this column is {meant}. {hint}"
    raise DataError(f"{where}: {cell!r} is no number{more}. {hint}")
