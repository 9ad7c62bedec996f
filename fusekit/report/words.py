"""Words that captions share."""

from __future__ import annotations

from math import isnan

import pandas as pd


def with_interval(value: float, low: float, high: float, digits: int = 2) -> str:
    """``0.87 [0.80, 0.93]``; without limits the value alone."""
    if isnan(value):
        return "not defined"
    if isnan(low) or isnan(high):
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def count_subjects(table: pd.DataFrame) -> str:
    """``120 subjects in 5 folds``, of a table of subjects."""
    subjects, folds = table["subject"].nunique(), table["fold"].nunique()
    return f"{subjects} {'subject' if subjects == 1 else 'subjects'}" + (f" in {folds} folds" if folds > 1 else "")
