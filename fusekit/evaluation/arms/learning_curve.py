"""What more training subjects give: one arm, trained with fewer and with all, on the same tested subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fusekit.evaluation.arms.pairs import MEASURES, compare_arms
from fusekit.evaluation.scores import value_and_interval
from fusekit.extension import catalog


def learning_curve(tables: Mapping[int, Sequence[pd.DataFrame]], kind: str) -> pd.DataFrame:
    """Score every point by the measure that arms are compared by first, and hold it against the last.

    Args:
        tables: percent of the training subjects -> predictions of the tested subjects, one row each, of each seed.
        kind: of the target.

    Returns:
        One row per percent, ascending: percent, measure, value, low, high (95 % limits over subjects; of several seeds
        means), seeds, change (the last point's value minus this one's, paired over subjects; NaN of the last),
        change_low, change_high, subjects.

    Raises:
        DataError: points have other subjects or labels.
    """
    percents = sorted(tables)
    # A subject's row is all there is to join.
    alone = {percent: [table.assign(scan=table["subject"]) for table in tables[percent]] for percent in percents}
    compared = compare_arms({str(percent): alone[percent] for percent in reversed(percents)}, kind=kind)
    measure = next(name for name in MEASURES if name in set(compared["measure"]))
    own = compared[(compared["measure"] == measure) & (compared["first"] == str(percents[-1]))].set_index("second")
    metric = catalog().metrics.make(measure)
    rows = []
    for percent in percents:
        scored = np.array([value_and_interval(metric, table) for table in tables[percent]])
        change = own.loc[str(percent), ["difference", "low", "high"]] if percent != percents[-1] else [np.nan] * 3
        subjects = len({subject for table in tables[percent] for subject in table["subject"]})
        rows.append((percent, measure, *scored.mean(axis=0), len(scored), *change, subjects))
    columns = ["percent", "measure", "value", "low", "high", "seeds", "change", "change_low", "change_high", "subjects"]
    return pd.DataFrame(rows, columns=columns)


def sentence(arm: str, row: Mapping[Any, Any], training: int, whole: int) -> str:
    """Say what a row of ``learning_curve`` shows of an arm with so many training subjects and all, and no more."""
    title = MEASURES[row["measure"]].title
    lead = f"From {training:,} to {whole:,} training subjects the {title} of {arm}"
    change, low, high = (float(row[name]) for name in ("change", "change_low", "change_high"))
    if np.isnan([change, low, high]).any():
        return f"{lead} cannot be compared: there are too few tested subjects."
    said = f"{'rose' if change > 0 else 'fell'} by {abs(change):.3f}" if round(change, 3) else "did not change"
    unsure = ", which includes no change" if low <= 0 <= high else ""
    limits = f"{low:+.3f} to {high:+.3f}".replace("-", "\N{MINUS SIGN}")
    return f"{lead} {said} (95 % CI {limits}, paired over {row['subjects']:,} tested subjects{unsure})."
