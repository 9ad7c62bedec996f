"""Counts and numbers as a sentence has them."""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan

MINUS, NOTHING = "\N{MINUS SIGN}", "\N{EN DASH}"


def counted(number: int, noun: str) -> str:
    """``1 subject``, ``2 subjects``, ``1,200 slices``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Iterable[str]) -> str:
    """``a``; ``a and b``; ``a, b and c``."""
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def p_value(p: float) -> str:
    """``0.23``, ``0.031``, ``< 0.001``; four digits where three would not tell which side of 0.05 it is on."""
    if isnan(p):
        return "not defined"
    if p < 0.001:
        return "< 0.001"
    text = f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
    return f"{p:.4f}" if text == "0.050" else text


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
