"""The predictions table: one row a slice; and from slices to scans to subjects."""

from __future__ import annotations

import numpy as np
import pandas as pd


def prediction_table(rows: pd.DataFrame, probabilities: np.ndarray) -> pd.DataFrame:
    """Put probabilities beside the rows they belong to.

    Args:
        rows: index ``row`` (of the slice store), columns subject, scan, slice, fold, label.
        probabilities: (N, K), in the same order.
    """
    table = rows.reset_index()
    for k in range(probabilities.shape[1]):
        table[f"p_{k}"] = probabilities[:, k].astype(float)
    return table


def probabilities_of(table: pd.DataFrame) -> np.ndarray:
    """Probabilities (N, K) of a predictions table."""
    return table[[name for name in table.columns if name.startswith("p_")]].to_numpy(dtype=float)


def by_subject(predictions: pd.DataFrame) -> pd.DataFrame:
    """Average slices within a scan, then scans within a subject, so that a long scan does not outvote a short one.

    Returns:
        One row a subject, sorted: subject, fold and label where given, scans, slices, p_0, p_1, ...
    """
    columns = [name for name in predictions.columns if name.startswith("p_")]
    keys = [name for name in ("subject", "fold", "label") if name in predictions]  # a new patient has only the first
    scans = predictions.groupby([*keys, "scan"], as_index=False).agg(
        slices=("scan", "size"), **{name: (name, "mean") for name in columns}
    )
    return scans.groupby(keys, as_index=False).agg(
        scans=("scan", "size"), slices=("slices", "sum"), **{name: (name, "mean") for name in columns}
    )
