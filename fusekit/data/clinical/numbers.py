"""Numbers as people write them: what a comma, a point or a blank means is decided by the column and its file.

Where no cell of a column shows its notation, the other columns of its table do; where none does, the column is refused.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import pandas as pd

from fusekit.data.clinical.notation import ANY, POINTED, Notation, read, read_all, readings, several_readings, shown_by
from fusekit.data.clinical.tables import MISSING, ORIGIN, Origin, place
from fusekit.errors import DataError

#: Cells are meant to be numbers if so large a share of them is (``NEARLY``), or half of them, and those are more than
#: ``SEVERAL`` different ones: then the others are named, and make no category of the column.
NEARLY, SEVERAL = 0.9, 10

#: The texts of ``MISSING`` in every mixture of small letters and capitals: of each cell of a table it is asked.
_MISSING = frozenset("".join(signs) for word in MISSING for signs in product(*({s, s.upper()} for s in word)))
_BOUND = re.compile(r"([<>\u2264\u2265\ufe64\ufe65\uff1c\uff1e])\s*=?\s*(.+)", re.DOTALL)
_BELOW = frozenset("<\u2264\ufe64\uff1c")
_SIGNS = _BELOW | frozenset(">\u2265\ufe65\uff1e")


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
            texts = _texts(map(str, cells))
            shown, values = shown_by(texts, typed=_typed(self))
            if len(shown) > 1:
                continue
            fitting: Sequence[object] = values or [text for text in texts if read(text, shown[0]) is not None]
            if len(fitting) >= NEARLY * len(texts):
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
    return _numbers(cells, _observed(cells), source, numerals)


def bound(cell: str) -> tuple[str, int] | None:
    """The number that a cell gives as a bound, and -1 where its value is below (``< 0,5``), 1 above; else None."""
    cell = cell.strip()
    found = _BOUND.fullmatch(cell) if cell[:1] in _SIGNS else None
    return (found[2].strip(), -1 if found[1] in _BELOW else 1) if found else None


def without_percent(text: str) -> str:
    """A percentage without its sign: 5 % is the number 5."""
    return text[:-1].rstrip() if text[-1:] == "%" else text


def with_bounds(
    cells: pd.Series, source: str, numerals: Numerals | None = None, nothing: frozenset[str] = frozenset()
) -> tuple[pd.Series, np.ndarray]:
    """Read a column whose numbers may lie beyond an assay's range: numbers, of those the bound, and where they lie.

    That is -1 below the range (also for the words in ``nothing``, which are 0), 1 above, 0 within, NaN where missing.
    """
    texts, signs = _observed(cells), np.zeros(len(cells))
    for position, text in enumerate(texts):
        if text and text[0] in _SIGNS and (found := bound(text)):
            texts[position], signs[position] = found
        elif nothing and text and text.lower() in nothing:
            texts[position], signs[position] = "0", -1
    numbers = _numbers(cells, texts, source, numerals)
    signs[np.isnan(numbers.to_numpy())] = np.nan
    return numbers, signs


def pointed(cells: pd.Series, source: str, numerals: Numerals) -> pd.Series:
    """A column of text with decimal points in its numbers, also of those behind < or >; what is no number as it is.

    A number that may be two where neither the column nor its table shows which is refused.
    """
    notations, _ = shown_by(_texts(cells))
    notations = notations if len(notations) == 1 else numerals.shown
    found, bad = [], []
    for position, cell in enumerate(cells):
        number = (bound(cell) or (cell.strip(),))[0]
        value = read(number, notations[0]) if "." in number or "," in number else None
        if value is not None and len(notations) > 1 and readings(number, notations) > 1:
            bad.append(position)
        found.append(cell if value is None else cell.replace(number, repr(value)))
    if bad:
        _refuse(cells, bad, notations, source)
    return pd.Series(found, index=cells.index, name=cells.name, dtype=object)


def is_number(cell: str) -> bool:
    """Whether a cell is a number in some notation."""
    text = without_percent(cell.strip())
    return any(read(text, notation) is not None for notation in ANY)


def seem_numbers(cells: Iterable[str]) -> bool:
    """Whether cells, missing ones aside, are meant to be numbers: ``NEARLY`` all are, or half and many different."""
    texts = Counter(_texts(cells))
    numbers = {text: count for text, count in texts.items() if is_number(text)}
    share = sum(numbers.values()) / texts.total() if texts else 0.0
    return share >= NEARLY or (share >= 0.5 and len(numbers) > SEVERAL)


def _typed(numerals: Numerals | None) -> bool:
    return numerals is not None and bool(numerals.table.attrs.get(ORIGIN, Origin()).sheet)


def _observed(cells: Iterable[str]) -> list[str | None]:
    """Cells without surrounding blanks; None where they are missing."""
    return [None if (text := cell.strip()) in _MISSING else text for cell in cells]


def _texts(cells: Iterable[str]) -> list[str]:
    """Texts that signs such as < and % are stripped from, without missing ones."""
    texts = filter(None, _observed(cells))
    return [without_percent(found[0] if text[0] in _SIGNS and (found := bound(text)) else text) for text in texts]


def _same_unit(cells: pd.Series, texts: Sequence[str | None], source: str) -> Sequence[str | None]:
    """Texts without % where it is a column of percentages; a plain number but 0 among them may be a fraction."""
    marked = [position for position, text in enumerate(texts) if text and text[-1] == "%"]
    if not marked:
        return texts
    for position, text in enumerate(texts):
        if text and text[-1] != "%" and is_number(text) and text.strip("0.,"):
            first, other = (place(source, cells, cells.index[at]) for at in (marked[0], position))
            raise DataError(
                f"{first}, column {cells.name!r}: {cells.iloc[marked[0]].strip()!r} is a percentage, and "
                f"{cells.iloc[position].strip()!r} ({other}) is not: 5 may mean 5 % or 500 % there. Write all numbers "
                "of the column in one way."
            )
    return [text and without_percent(text) for text in texts]


def _numbers(cells: pd.Series, texts: Sequence[str | None], source: str, numerals: Numerals | None) -> pd.Series:
    texts = _same_unit(cells, texts, source)
    observed = [text for text in texts if text is not None]
    numbers, bad = np.full(len(texts), np.nan), []
    notations, values = shown_by(observed, typed=_typed(numerals))
    several = several_readings(observed, notations)
    if several:
        notations = numerals.shown if numerals else POINTED
        several = several_readings(observed, notations)
    values = values or (None if several else read_all(observed, notations[0]))
    if values is not None:
        numbers[[text is not None for text in texts]] = values
        return pd.Series(numbers, cells.index, name=cells.name)
    known = {text: read(text, notations[0]) for text in set(observed)}
    for position, text in enumerate(texts):
        if text is not None:
            value = known[text]
            if value is None or (several and readings(text, notations) > 1):
                bad.append(position)
            else:
                numbers[position] = value
    if bad:
        _refuse(cells, bad, notations, source)
    return pd.Series(numbers, index=cells.index, name=cells.name)


def _refuse(cells: pd.Series, bad: list[int], notations: tuple[Notation, ...], source: str) -> None:
    cell = cells.iloc[bad[0]].strip()
    number = without_percent((bound(cell) or (cell,))[0])
    where = f"{place(source, cells, cells.index[bad[0]])}, column {cells.name!r}"
    more = f", and {len(bad) - 1} more cells of this column" if len(bad) > 1 else ""
    if readings(number, notations) > 1:
        first, second = sorted({read(number, notation) or 0.0 for notation in notations})
        raise DataError(
            f"{where}: {cell!r} may be {first:.15g} or {second:.15g}{more}: neither the column nor the table shows "
            f"which. Write {second:.15g} without a separator, or {first:.15g} with a decimal more: {number}0."
        )
    hint = "Correct it or leave it empty."
    if "." in cell or "," in cell:
        meant = "a comma" if notations[0].decimal == "," else "a point"
        hint = f"The decimal sign of this column is {meant}. {hint}"
    raise DataError(f"{where}: {cell!r} is no number{more}. {hint}")
