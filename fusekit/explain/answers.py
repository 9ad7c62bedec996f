"""What-if answers of many patients and columns, as one table with one array of maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fusekit.explain.model import Predictor
from fusekit.explain.target import POSITIVE
from fusekit.explain.what_if import encoded_column, what_if


def answers(
    predictor: Predictor,
    image: np.ndarray | None,
    values: pd.DataFrame,
    column: str,
    levels: Sequence[Any],
    *,
    place: str | None = None,
    target: int = POSITIVE,
) -> tuple[pd.DataFrame, np.ndarray | None]:
    """One patient's answers in order of the values tried, maps on one scale; arguments as for ``what_if``.

    Returns:
        A line per level, the patient's own too: column, level, number, unit, original, is_original, p_0, p_1, ...,
        maximum, change, explained (the class that maps speak for). And the maps (L, *S), divided by the largest value
        of all of them.
    """
    encoded = encoded_column(predictor.bundle, column)
    original = values[column].iloc[0]
    others = [level for level in levels if as_text(level) != as_text(original)]
    found = what_if(predictor, image, values, column, others, place=place, target=target)
    table = pd.DataFrame(
        {
            "column": column,
            "level": [as_text(level) for level in found.levels],
            "number": [float(level) if encoded.is_number else np.nan for level in found.levels],
            "unit": encoded.column.unit,
            "original": as_text(original),
            "is_original": [number == 0 for number in range(len(found.levels))],
            **{f"p_{k}": found.probabilities[:, k] for k in range(found.probabilities.shape[1])},
            "maximum": np.nan if found.maps is None else found.maps.reshape(len(found.levels), -1).max(axis=1),
            "change": found.changes,
            "explained": target,
        }
    )
    order = (
        table["number"].to_numpy()
        if encoded.is_number
        else [encoded.categories.index(t) if t in encoded.categories else -1 for t in table["level"]]
    )
    order = np.argsort(order, kind="stable")
    table = table.iloc[order].reset_index(drop=True)
    if found.maps is None:
        return table, None
    return table, found.maps[order] / (float(found.maps.max()) or 1.0)


def as_text(value: Any) -> str:
    """A clinical value as people write it; empty if missing."""
    if pd.isna(value):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
