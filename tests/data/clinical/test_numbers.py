"""Numbers by the notation that their column, or their table, shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusekit.data.clinical.numbers import Numerals, bound, seem_numbers, to_number, with_bounds
from fusekit.data.clinical.tables import ORIGIN, Origin, read_table
from fusekit.errors import DataError


def column(folder: Path, name: str, text: str) -> pd.Series:
    """A column of a table, read as numbers."""
    (folder / "t.csv").write_text(text, "utf-8")
    table = read_table(folder / "t.csv")
    return to_number(table[name], "t.csv", Numerals(table))


def test_numbers_and_gaps() -> None:
    numbers = to_number(pd.Series(["1", " -2.5 ", "+.5", "1e3", "NA", ""], name="x"), "t.csv")
    np.testing.assert_array_equal(numbers, [1, -2.5, 0.5, 1000, np.nan, np.nan])
    assert to_number(pd.Series(["", "."], name="x"), "t.csv").isna().all()
    twice = pd.Series(["1", "", "2"], index=["a", "a", "b"], name="x")  # rows may be indexed by subject
    np.testing.assert_array_equal(to_number(twice, "t.csv"), [1, np.nan, 2])
    assert to_number(pd.Series([], name="x", dtype=str), "t.csv").dtype == np.float64


@pytest.mark.parametrize(
    ("cells", "expected"),
    [(["0,5", "12,75"], [0.5, 12.75]), (["1,234", "1,5", "3"], [1.234, 1.5, 3.0]), (["0,123"], [0.123])],
)
def test_a_comma_that_can_only_be_decimal_is_read(cells: list[str], expected: list[float]) -> None:
    assert to_number(pd.Series(cells), "t.csv").tolist() == expected


@pytest.mark.parametrize(
    "cells",
    [
        *(
            ["1,5", "2.5"],
            ["0,5", "1,2,3"],
            ["<80"],
            ["inf"],
            ["1e999"],
            ["1_0"],
            ["٣"],
            ["\uff11"],
            ["1,23,456"],
            ["12 34"],
        ),
        *(["1.250.00"], ["1 25"], ["1,250 000"], ["0,123", "1.250,5,5"], ["1 000e3"], ["6O"], ["--1"], ["01 000"]),
    ],
)
def test_what_is_no_number_is_named(cells: list[str]) -> None:
    column = pd.Series(cells, index=pd.RangeIndex(7, 7 + len(cells), name="line"), name="TAU")
    with pytest.raises(DataError, match=r"t\.csv, line \d+, column 'TAU': '.*' is no number"):
        to_number(column, "t.csv")
    with pytest.raises(DataError, match=r"the mapping, row \d+, column 'TAU'"):
        to_number(column.rename_axis(None), "the mapping")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_every_float_survives_its_text(values: list[float]) -> None:
    assert to_number(pd.Series([repr(value) for value in values]), "t.csv").tolist() == values


CASE_17 = "id;platelets{head}\na;850{0}\nb;1.250{1}\nc;12.400{2}\n"


def test_thousands_with_points_are_read_where_the_file_shows_decimal_commas(tmp_path: Path) -> None:
    other = CASE_17.format(";0,5", ";1,25", ";", head=";crp")
    assert column(tmp_path, "platelets", other).tolist() == [850, 1250, 12400]
    own = CASE_17.format("", "", "", head="") + "d;1.250,5\n"
    assert column(tmp_path, "platelets", own).tolist() == [850, 1250, 12400, 1250.5]


def test_points_are_decimal_where_the_file_shows_it(tmp_path: Path) -> None:
    text = CASE_17.format(";0.5", ";1.25", ";", head=";crp")
    assert column(tmp_path, "platelets", text).tolist() == [850, 1.25, 12.4]
    commas = CASE_17.replace(";", ",").format("", "", "", head="")  # no comma is decimal where it separates cells
    assert column(tmp_path, "platelets", commas).tolist() == [850, 1.25, 12.4]


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("other", ["", "{}0,5", "{}unknown"])
def test_the_cell_is_named_where_nothing_decides(tmp_path: Path, separator: str, other: str) -> None:
    second = other.format(separator)
    text = CASE_17.format(second, second.replace("0,5", "0.5"), second, head=separator + "x" if other else "")
    with pytest.raises(DataError, match=r"line 3, column 'platelets': '1\.250' may be 1\.25 or 1250, and 1 more"):
        column(tmp_path, "platelets", text.replace(";", separator))


def test_a_quoted_comma_decides_nothing_in_a_table_that_commas_separate(tmp_path: Path) -> None:
    text = 'id,n{0}\na,850{1}\nb,"1,250"{1}\n'
    with pytest.raises(DataError, match=r"line 3, column 'n': '1,250' may be 1\.25 or 1250"):
        column(tmp_path, "n", text.format("", ""))
    assert column(tmp_path, "n", text.format(",x", ",0.5")).tolist() == [850, 1250]
    assert column(tmp_path, "n", text.format(",x", ',"0,5"')).tolist() == [850, 1.25]
    assert column(tmp_path, "n", 'id,n\na,"1.250"\nb,"1.250,5"\n').tolist() == [1250, 1250.5]


@pytest.mark.parametrize("sign", [" ", "\u00a0", "\u202f", "\u2009", "'", "\u2019"])
def test_blanks_and_apostrophes_separate_thousands(sign: str) -> None:
    cells = [f"1{sign}250", f"12{sign}400{sign}000", "3"]
    assert to_number(pd.Series(cells), "t").tolist() == [1250, 12_400_000, 3]
    assert to_number(pd.Series([f"1{sign}250,5", "0,5"]), "t").tolist() == [1250.5, 0.5]


def test_the_other_columns_are_looked_at_once_for_thousands_of_columns(tmp_path: Path) -> None:
    count = 40
    head = ";".join(f"c{k}" for k in range(count))
    (tmp_path / "t.csv").write_text(f"crp;{head}\n" + f"0,5;{';'.join(['1.250'] * count)}\n" * 3, "utf-8")
    table = read_table(tmp_path / "t.csv")
    numerals = Numerals(table)
    read = [to_number(table[f"c{k}"], "t", numerals).tolist() for k in range(count)]
    assert read == [[1250.0] * 3] * count
    assert numerals.shown is numerals.shown


@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=8),
    st.integers(0, 4),
    st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'")]),
)
def test_what_is_written_in_one_notation_is_read_back(values: list[int], digits: int, signs: tuple[str, str]) -> None:
    texts = [f"{value / 10**digits:,.{digits}f}" for value in values]
    swapped = [text.replace(",", "\0").replace(".", signs[0]).replace("\0", signs[1]) for text in texts]
    seen = pd.Series([*swapped, f"0{signs[0]}5"])  # shows which sign is decimal
    expected = [float(text.replace(",", "")) for text in texts]
    assert to_number(seen, "t").tolist() == [*expected, 0.5]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        *(("<0.5", ("0.5", -1)), ("< 0,5", ("0,5", -1)), ("<=5", ("5", -1)), (">1300", ("1300", 1))),
        *((">= 1300", ("1300", 1)), ("\u22645", ("5", -1)), ("\u22655", ("5", 1)), ("\uff1c5", ("5", -1))),
        *(("0.5", None), ("<", None), ("", None), ("5<", None)),
    ],
)
def test_bounds(cell: str, expected: tuple[str, int] | None) -> None:
    assert bound(cell) == expected


def test_censored_cells_are_their_bounds_and_the_side_is_kept() -> None:
    cells = pd.Series(["< 0,5", "0,75", ">1300", "", "undetectable", "<=2"], name="AFP")
    numbers, beyond = with_bounds(cells, "t", None, frozenset({"undetectable"}))
    np.testing.assert_array_equal(numbers, [0.5, 0.75, 1300, np.nan, 0, 2])
    np.testing.assert_array_equal(beyond, [-1, 0, 1, np.nan, -1, -1])
    with pytest.raises(DataError, match=r"row 1, column 'x': '<high' is no number"):
        with_bounds(pd.Series(["1", "<high"], name="x"), "t")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([*map(str, range(30, 53)), "6O"], True),  # one typing error among 24 ages
        ([*map(str, range(30, 42)), *["?"] * 10], True),  # half, and twelve different ones
        (["1", "2", "3", "3a"] * 6, False),  # stages
        (["1"] * 9 + ["x"], True),
        (["1"] * 8 + ["x"] * 2, False),
        (["a", "b"], False),
        (["", "NA"], False),
        (["<0.5", ">3", "1"], True),
    ],
)
def test_when_a_column_is_meant_to_hold_numbers(cells: list[str], expected: bool) -> None:
    assert seem_numbers(cells) is expected


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["0.5", "12.3", "1,250"], None),  # numbers, and a text that may be 1.25 or 1250
        (["3,5", "4,5", "1.125"], None),  # a number among texts is never of thousands
        (["0.5", "12.3", "1.125"], [0.5, 12.3, 1.125]),
        (["0,5", "1.250", "12.400"], [0.5, 1250, 12400]),  # texts alone: no number ends in 0 after its point
        (["1,250.5", "1,250", "0.5"], [1250.5, 1250, 0.5]),
    ],
)
def test_numbers_of_a_workbook_do_not_show_what_a_comma_in_a_text_means(
    cells: list[str], numbers: list[float] | None
) -> None:
    table = pd.DataFrame({"x": cells}, dtype=object)
    table.attrs[ORIGIN] = Origin(sheet="S", letters={"x": "A"})
    if numbers is None:
        with pytest.raises(DataError):
            to_number(table["x"], "t.xlsx", Numerals(table))
    else:
        assert to_number(table["x"], "t.xlsx", Numerals(table)).tolist() == numbers


def test_columns_read_as_a_whole_are_the_columns_read_cell_by_cell() -> None:
    rng = np.random.default_rng(0)
    signs = [
        ["1.125", "12", "-3.250"],
        ["0,5", "1.250", "7"],
        ["1e3", "2.5", "+4"],
        ["1 250", "2", "3.5"],
        [".5", "5."],
    ]
    for column in signs:
        for _ in range(20):
            cells = pd.Series(rng.choice(column, 30), dtype=object)
            cells[30], cells[31] = column[0], column[1]
            together = to_number(cells, "t.csv")
            comma = any(cell == "0,5" for cell in cells)
            for cell, number in zip(cells, together, strict=True):
                plain = cell.replace(".", "").replace(",", ".") if comma else cell.replace(" ", "")
                assert number == float(plain)
