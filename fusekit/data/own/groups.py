"""Columns that describe scans rather than predict: site, scanner, sex, age."""

import re
from contextlib import suppress

import pandas as pd

from fusekit.data.clinical.numbers import SEVERAL, Numerals, is_number, seem_numbers, to_number
from fusekit.data.clinical.tables import MISSING, is_missing
from fusekit.data.cohort import Finding, holds_codes
from fusekit.data.own.problems import note
from fusekit.errors import DataError

#: As people do not write numbers: as such, different codes could become one.
_CODE = re.compile(r"[+-]?0\d.*|\d+[eE]\d+|\d{16,}")


def codes(cells: pd.Series) -> bool:
    """Whether cells are names, whatever they look like: the column's name says so, or one (``01``, ``1e3``) does."""
    return holds_codes(str(cells.name)) or bool(cells.str.fullmatch(_CODE).any())


def group(cells: pd.Series, findings: list[Finding], numerals: Numerals | None = None) -> pd.Series:
    """A column that describes scans: numbers if its cells are and many differ, else text; None where missing.

    Of a column of numbers, cells that are none are noted, and missing.
    """
    if not codes(cells) and seem_numbers(cells):
        odd = cells[[not (is_number(cell) or cell.lower() in MISSING) for cell in cells]]
        with suppress(DataError):
            numbers = to_number(cells.mask(cells.index.isin(odd.index), ""), "", numerals)
            if numbers.nunique() > SEVERAL:
                items = (f"line {line}, column {cells.name!r}: {cell!r}" for line, cell in odd.items())
                note(findings, "odd-text", "cells of groups of numbers that are none, taken as missing", items)
                return numbers
    return cells.astype(object).where(~is_missing(cells), None)
