"""Tables come back as they were written, whatever ids, classes and groups are called."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusekit.disk import read_written, table_bytes, write_table
from fusekit.errors import DataError

SCHEMA = {"row": int, "p_*": float, "held": bool}

#: What other readers take for missing, for numbers or for booleans; and what ends lines.
NAMES = ["NA", "N/A", "None", "null", "nan", "NaN", "01", "007", "1e3", "1.0", "1_0", "True", "inf", "-", "#N/A", " x "]
NAMES += ["a\rb", "a\nb", "a\r\nb", 'a"b', "a,b", "\ufeffx", "\x00", "\u2028", "\t", "'", "=1+1"]

TEXTS = st.text(min_size=1) | st.sampled_from(NAMES)
FLOATS = st.floats(allow_nan=True)


@settings(max_examples=50)
@given(st.lists(st.tuples(TEXTS, TEXTS, st.integers(-(2**62), 2**62), FLOATS, st.booleans()), min_size=1))
def test_what_is_read_is_what_was_written(rows: list[tuple[str, str, int, float, bool]]) -> None:
    table = pd.DataFrame(rows, columns=["subject", "class", "row", "p_0", "held"])
    back = read_written(table_bytes(table), SCHEMA)
    for name in ("subject", "class", "row", "held"):
        assert back[name].tolist() == table[name].tolist()
    np.testing.assert_array_equal(back["p_0"], table["p_0"])
    assert table_bytes(back) == table_bytes(table)


@settings(max_examples=50)
@given(st.lists(st.none() | TEXTS, min_size=1), st.lists(TEXTS, min_size=1, max_size=4, unique=True))
def test_any_names_of_columns_and_cells_that_are_missing(cells: list[str | None], names: list[str]) -> None:
    back = read_written(table_bytes(pd.DataFrame(dict.fromkeys(names, cells), dtype=object)), {})
    assert back.columns.tolist() == names
    for name in names:
        assert [None if cell != cell else cell for cell in back[name].tolist()] == cells


def test_a_number_that_is_missing_is_an_empty_cell(tmp_path: Path) -> None:
    write_table(pd.DataFrame({"x": [0.1, math.nan], "y": ["NA", None]}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == b"x,y\n0.1,NA\n,\n"
    back = read_written(tmp_path / "t.csv", {"x": float})
    assert back["x"].tolist()[0] == 0.1
    assert back["x"].isna().tolist() == [False, True]
    assert back["y"].isna().tolist() == [False, True]
    assert read_written(b"x\nnan\nNaN\n", {"x": float})["x"].isna().all()  # as Python spells it


def test_a_table_without_rows_keeps_its_columns_and_types() -> None:
    back = read_written(b"subject,row,p_0\n", SCHEMA)
    assert back.empty
    assert [kind.kind for kind in back.dtypes[["row", "p_0"]]] == ["i", "f"]


@pytest.mark.parametrize("cell", ["1_0", "1.0", "", "x", "٣", "0x1"])
def test_a_cell_of_another_type_is_refused_with_its_place(cell: str) -> None:
    with pytest.raises(DataError, match=r"some\.csv, line 3, column 'row': the cell is .* a whole number below"):
        read_written(f"row,subject\n1,a\n{cell},b\n".encode(), SCHEMA, "some.csv")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"a,b\n1,2,3\n"])
def test_what_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match=r"some\.csv is no table that FuseKit wrote"):
        read_written(content, {}, "some.csv")
