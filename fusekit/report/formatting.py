"""Numbers, counts and names as captions and sentences have them, and names of files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Any

import pandas as pd

from fusekit.evaluation.statistics import interval_text

#: Value, lower and upper limit.
Limits = tuple[float, float, float]

MINUS, NOTHING = "\N{MINUS SIGN}", "\N{EN DASH}"


def counted(number: int, noun: str) -> str:
    """``1 subject``, ``2 subjects``, ``1,200 slices``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Iterable[str]) -> str:
    """``a``; ``a and b``; ``a, b and c``."""
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def p_value(p: float) -> str:
    """``0.23``, ``0.031``, ``< 0.001``; four digits where three do not show on which side of 0.05 it is."""
    if isnan(p):
        return "not defined"
    if p < 0.001:
        return "< 0.001"
    text = f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
    return f"{p:.4f}" if text == "0.050" else text


def equals(p: float) -> str:
    """``= 0.23``, ``< 0.001``: what comes after ``p``."""
    text = p_value(p)
    return text if text.startswith(("<", "not")) else f"= {text}"


def number(value: float | None, digits: int = 2) -> str:
    """Round, with a minus sign that is one; a dash where there is no number."""
    if value is None or isnan(value):
        return NOTHING
    rounded = round(float(value), digits) + 0.0  # no minus before a zero
    return f"{rounded:.{digits}f}".replace("-", MINUS)


def signed(value: float | None, digits: int = 3) -> str:
    """Round, with a plus sign too; zero has none."""
    text = number(value, digits)
    return f"+{text}" if text[0].isdigit() and float(text) > 0 else text


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the rows of a table, each as a mapping from column to value."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def limits_of(row: Mapping[str, Any] | pd.Series, name: str = "value") -> Limits:
    """A row's column ``name``, low and high."""
    return float(row[name]), float(row["low"]), float(row["high"])


def with_interval(value: float, low: float, high: float, digits: int = 2) -> str:
    """``0.87 [0.80, 0.93]``, or ``0.87 [undefined]``."""
    return "not defined" if isnan(value) else f"{value:.{digits}f} {interval_text(low, high, digits)}"


def count_subjects(table: pd.DataFrame) -> str:
    """``120 subjects in 5 folds``, of a table of subjects."""
    folds = table["fold"].nunique()
    return counted(table["subject"].nunique(), "subject") + (f" in {folds} folds" if folds > 1 else "")


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


def shortened(text: str, most: int = 26) -> str:
    """Leave the middle out of a text that is longer than ``most`` letters: 26 fit above one of two panels."""
    if len(text) <= most:
        return text
    kept = most - 1
    return f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
