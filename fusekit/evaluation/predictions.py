"""The predictions table: one row per slice, with the probabilities ``p_0``, ``p_1``, ..., or what else is said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fusekit.data.target.time_to_event import RISK, SURVIVAL
from fusekit.errors import DataError

#: The class whose probability is ranked and called; all others are negative.
POSITIVE = 1

#: The column of a predicted number.
NUMBER = "predicted"

#: The smallest probability whose logarithm is taken: single precision rounds what is closer to 1 to certainty.
SMALLEST = 2.0**-24

#: Rounding may take a probability so far beyond 0 or 1, and what people round their sums so far from 1.
ROUNDING, SUM_ROUNDING = 1e-6, 0.01


def prediction_table(rows: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    """Put what was predicted beside its rows: index ``row`` of the store, subject, scan, slice, fold, label.

    Args:
        rows: N rows.
        predicted: N rows, as ``Target.predict`` gives them.

    Raises:
        DataError: a probability is not a number.
    """
    table = pd.concat([rows.reset_index(), predicted.astype(float)], axis=1)
    outputs_of(table)
    return table


def predicted_columns(table: pd.DataFrame) -> list[str]:
    """Names of the columns that hold what was predicted."""
    if NUMBER in table:
        return [NUMBER]
    at_horizons = [name for name in table.columns if name.startswith(SURVIVAL)]
    return [RISK, *at_horizons] if at_horizons else probability_columns(table)


def are_probabilities(table: pd.DataFrame) -> bool:
    """Whether classes were predicted, which are called."""
    return predicted_columns(table) == probability_columns(table)


def horizons_of(columns: Sequence[str]) -> tuple[float, ...]:
    """The times at which columns (``survival_12``, ...) hold survival; none of other predictions."""
    return tuple(float(name.removeprefix(SURVIVAL)) for name in columns if name.startswith(SURVIVAL))


def outputs_of(table: pd.DataFrame) -> np.ndarray:
    """What was predicted; DataError as ``probabilities_of``.

    Probabilities (N, K), a number (N,), or risk and survival at horizons (N, 1 + H).
    """
    if are_probabilities(table):
        return probabilities_of(table)
    if NUMBER not in table:
        return _survival_of(table)
    found = table[NUMBER].to_numpy(dtype=float)
    wrong = np.flatnonzero(~np.isfinite(found))
    if len(wrong):
        raise DataError(
            f"what is predicted of {_place(table, wrong[0])} is {found[wrong[0]]:g}, which is not a number"
            f" ({len(wrong)} of {len(table)} rows). Did training diverge?"
        )
    return found


def with_probabilities(table: pd.DataFrame, probabilities: np.ndarray) -> pd.DataFrame:
    """Give a table these probabilities (N, K), in place of its own if it has any."""
    return table.assign(**{f"p_{k}": probabilities[:, k] for k in range(probabilities.shape[1])})


def probability_columns(table: pd.DataFrame) -> list[str]:
    """Names of the columns that hold probabilities, by class."""
    return [name for name in table.columns if name.startswith("p_")]


def probabilities_of(table: pd.DataFrame) -> np.ndarray:
    """Probabilities (N, K) of a predictions table.

    Raises:
        DataError: one is not a number between 0 and 1, or those of a row do not add up to 1; the message names the
            subject.
    """
    names = probability_columns(table)
    found = _between_0_and_1(table, names, "a probability", " Nothing is called there.")
    total = found.sum(axis=1)
    off = np.flatnonzero(np.abs(total - 1) > SUM_ROUNDING)
    if len(off):
        raise DataError(
            f"{names[0]} to {names[-1]} of {_place(table, off[0])} add up to {total[off[0]]:g} and not to 1"
            f" ({len(off)} of {len(table)} rows). Give the probability of every class."
        )
    return found


def _survival_of(table: pd.DataFrame) -> np.ndarray:
    """Risk and survival (N, 1 + H), each a share, survival never rising from one horizon to the next."""
    names = predicted_columns(table)
    found = _between_0_and_1(table, names, "a share between 0 and 1")
    rises = np.argwhere(np.diff(found[:, 1:], axis=1) > ROUNDING)
    if len(rises):
        row, k = rises[0]
        raise DataError(f"{names[k + 2]} of {_place(table, row)} is above {names[k + 1]}; survival never rises.")
    return found


def above_cuts(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities (..., K) of classes, lowest first -> those of lying above each cut between two (..., K - 1)."""
    return np.asarray(probabilities[..., :0:-1].cumsum(axis=-1)[..., ::-1])


def _between_0_and_1(table: pd.DataFrame, names: list[str], what: str, so: str = "") -> np.ndarray:
    """Columns of a table (N, A); DataError names the first row that has a number outside, or none."""
    found = table[names].to_numpy(dtype=float)
    wrong = np.argwhere(~((found >= -ROUNDING) & (found <= 1 + ROUNDING)))  # a NaN is neither
    if len(wrong):
        row, k = wrong[0]
        raise DataError(
            f"{names[k]} of {_place(table, row)} is {found[row, k]:g}, which is not {what}"
            f" ({len(np.unique(wrong[:, 0]))} of {len(table)} rows). Did training diverge?{so}"
        )
    return found


def _place(table: pd.DataFrame, row: int) -> str:
    line = table.iloc[row]
    said = ", ".join(f"{name} {line[name]}" for name in ("subject", "scan", "slice", "fold") if name in line)
    return said or f"row {row}"
