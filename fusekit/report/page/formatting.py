"""Words that captions share, and names of files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np
import pandas as pd

from fusekit.evaluation.statistics import interval_text


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the rows of a table, each as a mapping from column to value."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def with_interval(value: float, low: float, high: float, digits: int = 2) -> str:
    """``0.87 [0.80, 0.93]``, or ``0.87 [undefined]``."""
    return "not defined" if isnan(value) else f"{value:.{digits}f} {interval_text(low, high, digits)}"


def count_subjects(table: pd.DataFrame) -> str:
    """``120 subjects in 5 folds``, of a table of subjects."""
    subjects, folds = table["subject"].nunique(), table["fold"].nunique()
    return f"{subjects} {'subject' if subjects == 1 else 'subjects'}" + (f" in {folds} folds" if folds > 1 else "")


def file_names(arms: Sequence[str]) -> dict[str, str]:
    """Give every arm a part of a file's name: small letters, digits and hyphens, no two alike."""
    names: dict[str, str] = {}
    for arm in arms:
        base = re.sub(r"[^a-z0-9]+", "-", arm.lower()).strip("-") or "arm"
        name, k = base, 2
        while name in names.values():
            name, k = f"{base}-{k}", k + 1
        names[arm] = name
    return names


def in_panel(arm: str) -> str:
    """Shorten an arm's name so that it fits above one of two panels."""
    return shortened(arm, 26)


def shortened(text: str, most: int) -> str:
    """Leave the middle out of a text that is longer than ``most`` letters."""
    if len(text) <= most:
        return text
    kept = most - 1
    return f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"


def explained(table: pd.DataFrame) -> np.ndarray:
    """The class (N,) that each row explains; the second, where a table of an older run does not say."""
    return table["explained"].to_numpy(dtype=int) if "explained" in table else np.ones(len(table), dtype=int)


def named(targets: np.ndarray, classes: Sequence[str]) -> str:
    """What to call the explained classes: their name, if they are all one."""
    found = set(targets.tolist())
    return classes[found.pop()] if len(found) == 1 else "the class called"
