"""Values beyond an assay's range: the column holds the bound, and a second column says on which side the value lies."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from fusekit.data.clinical.numbers import Numerals, bound, to_number, with_bounds
from fusekit.data.clinical.tables import place
from fusekit.data.cohort import Column
from fusekit.errors import DataError

#: Words for "less than the assay can find", in lower case.
UNDETECTED = frozenset({"undetectable", "undetected", "not detected", "negative", "neg", "tnd", "below detection"})
#: What the unit of a column of logarithms begins with.
LOGARITHM = "log10(1 + "
_FLAG = " censored"


def flag_of(column: Column) -> Column:
    """Describe the column that says which values of another are bounds: -1 below, 1 above, 0 within."""
    unit = "-1 below the assay's range, 1 above, 0 within"
    return Column(f"{column.name}{_FLAG}", unit=unit, low=-1, high=1, source=column.source)


def flagged(name: str, names: Collection[str]) -> str | None:
    """The column, one of ``names``, whose bounds a column of this name marks; None if it marks none."""
    of = name.removesuffix(_FLAG)
    return of if of != name and of in names else None


def parse_flagged(
    column: Column, cells: pd.Series, flags: pd.Series | None, source: str, numerals: Numerals | None
) -> tuple[pd.Series, pd.Series]:
    """Read the text of a column and of its flag (None: the table has none) for new patients, as training did.

    A cell ``<0.5`` is its bound, 0.5, and the flag is -1. Where the column holds logarithms, of which an assay knows
    nothing, such a cell is refused, and so is a flag that says otherwise than the cell.
    """
    logarithm = column.unit.startswith(LOGARITHM)
    if logarithm:
        for row, cell in zip(cells.index, cells, strict=True):
            if bound(cell):
                raise DataError(
                    f"{place(source, cells, row)}, column {column.name!r}: {cell!r} is a bound in an assay's unit, and "
                    f"the model reads {column.unit} here. Write the bound in this unit, and -1 (below) or 1 (above) in "
                    f"a column {column.name + _FLAG!r}."
                )
    numbers, beyond = with_bounds(cells, source, numerals, UNDETECTED if logarithm else frozenset())
    if flags is None:
        return numbers, pd.Series(beyond, cells.index)
    own = to_number(flags, source, numerals)
    marked = np.abs(beyond) == 1
    wrong = marked & own.notna().to_numpy() & (own.to_numpy() != beyond)
    if wrong.any():
        row = cells.index[wrong][0]
        cell, says = cells[wrong].iloc[0], own[wrong].iloc[0]
        raise DataError(
            f"{place(source, flags, row)}, column {flags.name!r}: {says:g}, but column {column.name!r} has {cell!r} "
            "there. Correct one of them."
        )
    return numbers, own.where(~marked, beyond)
