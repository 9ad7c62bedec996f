"""Labels that are numbers, or times to an event, as people write them."""

import numpy as np
import pandas as pd

from fusekit.data.clinical.numbers import Numerals, with_bounds
from fusekit.data.clinical.tables import code
from fusekit.data.own.attributes import NO, YES
from fusekit.data.own.columns import classes_of
from fusekit.data.own.description import Timed
from fusekit.data.target.follow_up import labelled
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


def times_of(
    events: pd.Series,
    times: pd.Series,
    timed: Timed,
    leave_out: tuple[str, ...],
    where: tuple[str, str],
    numerals: Numerals | None,
) -> pd.Series:
    """Cells of event and time -> labels of ``TimeToEvent``; NaN where either cell is one of ``leave_out``.

    ``where`` names both columns. Refused: a cell that says neither that the event was seen nor that it was not, a time
    that is no number or below 0.
    """
    ways = {"censored": timed.censored or tuple(sorted(NO)), "seen": timed.seen or tuple(sorted(YES))}
    advice = "" if timed.seen else 'Say what they mean: label = {..., seen = ["dead"], censored = ["alive"]}.'
    cells = events if timed.seen else events.where(events.isin(leave_out), events.str.lower())
    seen = classes_of(cells, ways, leave_out, where[0], advice)
    numbers = numbers_of(times[seen.notna()], leave_out, where[1], numerals)
    if (numbers < 0).any():
        listed = first_ten(f"{value:g} (line {line})" for line, value in numbers[numbers < 0].items())
        raise DataError(f"{where[1]}: {(numbers < 0).sum()} times are below 0: {listed}. They count from the start.")
    known = numbers.dropna()
    return pd.Series(labelled(known.to_numpy(), (seen[known.index] == 1).to_numpy()), known.index).reindex(events.index)


def entries_of(
    cells: pd.Series, labels: pd.Series, leave_out: tuple[str, ...], where: str, numerals: Numerals | None
) -> pd.Series:
    """Cells of the time of entry -> times; NaN where the row is left out, or its label is NaN.

    Refused: a time that is no number, is below 0, or is not before the time of the event or censoring.
    """
    kept = labels.dropna()
    numbers = numbers_of(cells[labels.notna()], leave_out, where, numerals)
    wrong = (numbers < 0) | (numbers >= kept.abs())
    if wrong.any():
        listed = first_ten(
            f"{numbers[line]:g}, and the time {abs(kept[line]):g} (line {line})" for line in kept.index[wrong]
        )
        raise DataError(
            f"{where}: {wrong.sum()} times of entry are below 0, or not before the row's own time: {listed}. They "
            "count from the same start as the time; nothing is known of people after it."
        )
    return numbers.reindex(labels.index)
