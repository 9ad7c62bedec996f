"""Numbers that the questions' page states are computed again."""

from __future__ import annotations

import math
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "help" / "faq.md"


def interval(auc: float, people: int) -> tuple[float, float]:
    """95 % limits by Hanley and McNeil 1982, on the logit scale, with as many cases as controls."""
    cases = people / 2
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (auc * (1 - auc) + (cases - 1) * (q1 + q2 - 2 * auc**2)) / cases**2
    middle, sd = math.log(auc / (1 - auc)), math.sqrt(variance) / (auc * (1 - auc))
    low, high = (1 / (1 + math.exp(-(middle + z * sd))) for z in (-1.96, 1.96))
    return low, high


def test_limits_by_the_number_of_people() -> None:
    rows = re.findall(
        r"^\| (\d+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [int(people) for people, *_ in rows] == [50, 100, 200, 400]
    for people, low, high, width in rows:
        found = interval(0.85, int(people))
        assert (low, high) == (f"{found[0]:.2f}", f"{found[1]:.2f}")
        assert abs(float(width) - (found[1] - found[0])) < 0.0075
