"""Days whose order the column decides."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusekit.data.clinical.dates import to_days

DAY = date(2006, 3, 10)


def days(*cells: str) -> list[str | None]:
    read = to_days(pd.Series(cells)).days
    return [None if pd.isna(day) else f"{day:%Y-%m-%d}" for day in read]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["13/10/2006", "10/03/2006"], ["2006-10-13", "2006-03-10"]),  # the column has a 13th
        (["10/13/2006", "10/03/2006"], ["2006-10-13", "2006-10-03"]),
        (["13-10-2006", "1-2-2006"], ["2006-10-13", "2006-02-01"]),
        (["10.03.2006", "1.2.2006"], ["2006-03-10", "2006-02-01"]),
        (["2006-10-13", "2006/1/2", "2006.01.02"], ["2006-10-13", "2006-01-02", "2006-01-02"]),
        (["13/10/2006 08:30", "1/2/2006 8:30:05.25 PM"], ["2006-10-13", "2006-02-01"]),
        (["2006-10-13T08:30:00Z", "2006-10-13 08:30:00+01:00"], ["2006-10-13"] * 2),
        (["31/02/2006", "2006-13-01", "", "-4", "1/2/06", "1/2-2006"], [None] * 6),
        (["5/5/2006"], ["2006-05-05"]),
    ],
)
def test_the_column_decides(cells: list[str], expected: list[str | None]) -> None:
    assert days(*cells) == expected
    assert to_days(pd.Series(cells)).said in ("", "no number above 12 shows the order; read as D/M/YYYY, as dates with "
                                              "points are written")  # fmt: skip


def test_what_cannot_be_read_is_marked_and_what_is_missing_is_not() -> None:
    read = to_days(pd.Series(["13/10/2006", "soon", "", "NA", "10/13/2006"] + ["14/1/2006"] * 20, index=range(2, 27)))
    assert read.unread[read.unread].index.tolist() == [3, 6]  # nearly all say that the day comes first
    assert read.said == ""


def test_where_nothing_decides_it_is_said_which_order_was_taken_and_why() -> None:
    read = to_days(pd.Series(["1/2/2006", "3/4/2006"]), why="as ADNI writes dates")
    assert days("1/2/2006", "3/4/2006") == ["2006-01-02", "2006-03-04"]
    assert read.said == "no number above 12 shows the order; read as M/D/YYYY, as ADNI writes dates"


def test_another_column_of_the_table_decides() -> None:
    table = pd.DataFrame({"exam": ["1/2/2006", "3/4/2006"], "entered": ["13/4/2006", "1/4/2006"], "n": [1, 2]})
    read = to_days(table["exam"], table)
    assert [f"{day:%m-%d}" for day in read.days] == ["02-01", "04-03"]
    assert read.said == ""


def test_of_a_column_in_both_orders_only_days_that_can_be_one_are_read() -> None:
    cells = pd.Series(["13/10/2006", "10/13/2006", "1/2/2006"])
    read = to_days(cells)
    assert days(*cells) == ["2006-10-13", "2006-10-13", None]
    assert read.unread.tolist() == [False, False, True]
    assert read.said == "day and month come in both orders; days that may be two days were not read"


@given(st.lists(st.integers(0, 20_000), min_size=1), st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y-%m-%d"]))
def test_what_is_written_in_one_order_is_read_back_or_the_order_is_said(offsets: list[int], pattern: str) -> None:
    written = [date(1950, 1, 1) + timedelta(days=offset) for offset in offsets]
    read = to_days(pd.Series([day.strftime(pattern) for day in written]))
    if not read.said or pattern != "%d/%m/%Y":
        assert [day.date() for day in read.days] == written
    assert not read.unread.any()
