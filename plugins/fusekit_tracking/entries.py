"""A run in the plain names and values that every tracker takes."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fusekit import Run
from fusekit.experiment.setup.settings import Settings


def parameters(config: Settings) -> dict[str, str | int | float | bool]:
    """A configuration as the command line names it: ``lr``, ``injector.reduction``, ``search.lr``."""
    plain = config.as_json()
    options = plain.pop("options")
    flat = {**plain, **options}
    return {name: value for entry in flat.items() for name, value in _flatten(*entry) if value not in ("", ())}


def _flatten(name: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [pair for key, inner in value.items() for pair in _flatten(f"{name}.{key}", inner)]
    if isinstance(value, list | tuple):
        return [(name, ",".join(map(str, value)))]
    return [(name, value if isinstance(value, str | int | float) else str(value))]


def final_scores(run: Run) -> dict[str, float]:
    """Every defined score with the limits of its 95 % interval: ``subject/auc``, ``subject/auc-low``, ``…-high``."""
    return {
        f"{row['level']}/{row['metric']}{suffix}": float(value)
        for row in run.scores.to_dict("records")
        for suffix, value in (("", row["value"]), ("-low", row["low"]), ("-high", row["high"]))
        if pd.notna(value)  # a score that is undefined on these predictions
    }
