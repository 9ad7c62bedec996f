"""Days as people write them: whether day or month comes first is decided by the column, then by its table."""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from fusekit.data.clinical.numbers import NEARLY
from fusekit.data.clinical.tables import is_missing

DAY_FIRST, MONTH_FIRST = "D/M/YYYY", "M/D/YYYY"
_TIME = r"(?:[ T]+\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?(?:Z|[+-]\d{2}:?\d{2})?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){_TIME}", re.ASCII)
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}){_TIME}", re.ASCII)


class Days(NamedTuple):
    """A column of days."""

    days: pd.Series  # datetime64, at midnight; NaT where missing or unread
    unread: pd.Series  # bool: neither missing nor a day in the order that the column has
    said: str  # how days were read that may be two days, and why; empty where the column shows it


def to_days(cells: pd.Series, table: pd.DataFrame | None = None, why: str = "as is usual with slashes") -> Days:
    """Read a column of text as days: ``YYYY-MM-DD``, ``D/M/YYYY`` or ``M/D/YYYY``, with or without a time.

    A number above 12 shows where the day is. If nearly all such cells agree, that is the column's order; if they do
    not, only they are read. If there are none, the other dates of ``table`` decide; else the day comes first between
    points, and the month between slashes and hyphens (``why``).
    """
    found = pd.DataFrame(map(_parts, cells), cells.index, ["year", "first", "second", "sign"])
    days, said = pd.Series(pd.NaT, cells.index, dtype="datetime64[ns]"), []
    whole = found["sign"] == "year first"
    days[whole] = _day(*(found.loc[whole, name] for name in ("year", "first", "second")))
    for pointed in (False, True):
        own = found[(found["sign"] == ".") if pointed else found["sign"].isin(("/", "-"))]
        if own.empty:
            continue
        order, certain = _shown(own)
        if not order and not certain and table is not None:
            order, _ = _shown(_others(table, cells.name, pointed=pointed))
        read = own
        if not order and certain:
            read = own[(own["first"] > 12) | (own["second"] > 12)]
            said.append("day and month come in both orders; days that may be two days were not read")
        elif not order and (own["first"] != own["second"]).any():
            order = DAY_FIRST if pointed else MONTH_FIRST
            reason = "as dates with points are written" if pointed else why
            said.append(f"no number above 12 shows the order; read as {order}, {reason}")
        day_first = pd.Series(order == DAY_FIRST, read.index) if order else read["first"] > 12
        day = read["first"].where(day_first, read["second"])
        days[read.index] = _day(read["year"], read["second"].where(day_first, read["first"]), day)
    return Days(days, days.isna() & ~is_missing(cells), "; ".join(said))


def _parts(cell: str) -> tuple[float, float, float, str]:
    """Year, the other two numbers in their order, and what lies between them."""
    cell = cell.strip()
    if first := _YEAR_FIRST.fullmatch(cell):
        return float(first[1]), float(first[3]), float(first[4]), "year first"
    if last := _YEAR_LAST.fullmatch(cell):
        return float(last[4]), float(last[1]), float(last[3]), last[2]
    return np.nan, np.nan, np.nan, ""


def _day(year: pd.Series, month: pd.Series, day: pd.Series) -> pd.Series:
    return pd.to_datetime(pd.DataFrame({"year": year, "month": month, "day": day}), errors="coerce")


def _shown(parts: pd.DataFrame) -> tuple[str, bool]:
    """The order that nearly all cells show which show any; and whether any does."""
    first, second = int((parts["first"] > 12).sum()), int((parts["second"] > 12).sum())
    if not first + second or max(first, second) < NEARLY * (first + second):
        return "", bool(first + second)
    return DAY_FIRST if first > second else MONTH_FIRST, True


def _others(table: pd.DataFrame, but: object, *, pointed: bool) -> pd.DataFrame:
    """The dates in the other columns of a table, of columns that hold nothing else."""
    signs, parts = ({"."} if pointed else {"/", "-"}), list[tuple[float, float, float, str]]()
    for name in table.columns[table.columns != but]:
        cells = [cell for cell in table[name] if isinstance(cell, str) and cell.strip()]
        if cells and _YEAR_LAST.fullmatch(cells[0].strip()):
            parts += [found for found in map(_parts, cells) if found[3] in signs]
    return pd.DataFrame(parts, columns=["year", "first", "second", "sign"])
