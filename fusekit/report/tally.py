"""Counts and numbers as a sentence has them."""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan


def counted(number: int, noun: str) -> str:
    """``1 subject``, ``2 subjects``, ``1,200 slices``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Iterable[str]) -> str:
    """``a``; ``a and b``; ``a, b and c``."""
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def p_value(p: float) -> str:
    """``0.03``, ``0.004``, ``< 0.001``."""
    if isnan(p):
        return "not defined"
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.01 else f"{p:.2f}"


def number(value: float | None, digits: int = 2) -> str:
    """With a minus sign that is one; ``–`` where there is none."""
    if value is None or isnan(value):
        return "–"
    return f"{value:.{digits}f}".replace("-", "−")  # noqa: RUF001 (typography)


def signed(value: float | None, digits: int = 3) -> str:
    """``+0.031``, ``−0.004``, ``0.000``."""
    text = number(value, digits)
    return (
        f"+{text}"
        if value is not None and value > 0 and text.strip("0.")
        else text.lstrip("−")
        if not text.strip("−0.")
        else text
    )
