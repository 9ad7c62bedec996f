"""Labels that are numbers, as people write them."""

import numpy as np
import pandas as pd

from fusekit.data.clinical.numbers import Numerals, with_bounds
from fusekit.data.clinical.tables import code
from fusekit.errors import DataError, first_ten


def numbers_of(cells: pd.Series, leave_out: tuple[str, ...], where: str, numerals: Numerals | None) -> pd.Series:
    """Label cells -> numbers; NaN where the row is left out, because its cell is one of ``leave_out``.

    Cells that are no number, or only a bound of one (``<20``), are refused.
    """
    codes = {number for text in leave_out if (number := code(text)) is not None}
    left = pd.Series([cell in leave_out or code(cell) in codes for cell in cells], cells.index, dtype=bool)
    kept = cells[~left]
    kept.attrs = cells.attrs  # which name the cell
    numbers, beyond = with_bounds(kept, where, numerals)
    for wrong, what in (
        (numbers.isna().to_numpy(), 'no number. Correct them, or list their text in leave_out ("" is an empty cell)'),
        (np.abs(beyond) == 1, "only a bound of a number. Correct them, or list them in leave_out"),
    ):
        if wrong.any():
            listed = first_ten(f"{cell!r} (line {line})" for line, cell in kept[wrong].items())
            raise DataError(f"{where}: {wrong.sum()} rows have {what}: {listed}.")
    return numbers.reindex(cells.index)
