"""Columns that describe scans, as numbers or as names."""

from __future__ import annotations

import pandas as pd
import pytest

from fusekit.data.cohort import Finding
from fusekit.data.own.groups import group


def labels(*cells: str) -> pd.Series:
    return pd.Series(cells, pd.RangeIndex(2, len(cells) + 2, name="line"))


def test_groups_are_numbers_where_they_measure_and_text_where_they_name() -> None:
    assert group(labels(*map(str, range(20))), []).tolist() == list(range(20))
    assert group(labels("1", "2", "", "1"), []).tolist() == ["1", "2", None, "1"]


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("ward no", ["01", "1", *map(str, range(2, 13))]),
        ("room", [f"{n:02}" for n in range(1, 13)]),
        ("room", [f"1e{n}" for n in range(12)]),
        ("room", [f"900719925474099{n}" for n in range(12)]),
        ("Site", [str(n) for n in range(1, 13)]),
    ],
)
def test_codes_that_look_like_numbers_stay_as_they_are_written(name: str, codes: list[str]) -> None:
    assert group(labels(*codes).rename(name), []).tolist() == codes


def test_a_cell_that_is_no_number_among_many_is_noted_and_makes_no_names_of_them() -> None:
    findings: list[Finding] = []
    ages = group(labels(*map(str, range(40, 63)), "6O").rename("age"), findings)
    assert ages.tolist()[:23] == list(range(40, 63))
    assert ages.isna().tolist() == [False] * 23 + [True]
    assert [(found.code, found.items) for found in findings] == [("odd-text", ("line 25, column 'age': '6O'",))]
