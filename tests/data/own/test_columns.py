"""Cells as labels, numbers and categories, and what is refused among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusekit.data.clinical.tables import read_table
from fusekit.data.cohort import Column, Finding
from fusekit.data.own.columns import classes_of, decides, typed
from fusekit.data.own.description import OwnColumn
from fusekit.data.own.join import Joined, Part
from fusekit.errors import DataError

CLASSES = {"benign": ("0", "no"), "malignant": ("1", "yes")}


def read(joined: Joined, declared: OwnColumn, lines: pd.Index) -> tuple[Column, pd.Series]:
    (only,) = typed(joined, declared, lines, [])
    return only


def one(folder: Path, text: str) -> Joined:
    (folder / "t.csv").write_text(text, "utf-8")
    cells = read_table(folder / "t.csv")
    return Joined((Part(folder / "t.csv", cells, pd.Series(cells.index, cells.index)),))


def labels(*cells: str) -> pd.Series:
    return pd.Series(cells, pd.RangeIndex(2, len(cells) + 2, name="line"))


def test_labels_are_classes_and_numbers_are_the_same_however_written() -> None:
    coded = classes_of(labels("0", "no", "1.0", "yes", "unknown"), CLASSES, ("unknown",), "t")
    assert coded.tolist()[:4] == [0, 0, 1, 1]
    assert coded.isna().tolist() == [False] * 4 + [True]
    assert classes_of(labels(""), CLASSES, ("",), "t").isna().all()


@pytest.mark.parametrize("cell", ["1_0", "\u0661", "1,000", "Infinity", "nan", "0x1", " 1", "1e0"])
def test_a_text_that_a_program_might_read_as_a_number_is_no_class(cell: str) -> None:
    with pytest.raises(DataError, match="value of no class"):
        classes_of(labels(cell), {"a": ("1", "inf"), "b": ("10", "no", "0")}, (), "t")


def test_where_two_classes_are_one_number_the_text_decides() -> None:
    classes = {"a": ("1", "2"), "b": ("1.0", "no")}
    assert classes_of(labels("1", "1.0", "2.0", "no"), classes, (), "t").tolist() == [0, 1, 0, 1]
    with pytest.raises(DataError, match="no class: '01'"):
        classes_of(labels("01"), classes, (), "t")


def test_values_of_no_class_are_all_listed_with_their_counts() -> None:
    with pytest.raises(
        DataError, match=r"6 rows have a value of no class: 'Yes' \(3\), 'x' \(2\), empty \(1\); .*line 3, 4, 6"
    ) as e:
        classes_of(labels("no", "Yes", "Yes", "x", "Yes", "x", ""), CLASSES, (), "t.csv, column 'outcome'")
    assert "Did you mean 'yes'?" in str(e.value)
    assert str(e.value).startswith("t.csv, column 'outcome': ")


def test_numbers_with_decimal_commas_codes_and_gaps(tmp_path: Path) -> None:
    table = one(tmp_path, "id;afp;age\na;1,5;40\nb;-9,0;-9\nc;;41\nd;12,25;7\n")
    column, values = read(table, OwnColumn("afp", unit="ng/mL", missing=("-9",)), table.lines)
    assert (column.kind, column.unit, column.source) == ("number", "ng/mL", "t.csv: afp")
    np.testing.assert_array_equal(values, [1.5, np.nan, np.nan, 12.25])
    _, ages = read(table, OwnColumn("age", missing=("-9",), low=0), table.lines)
    np.testing.assert_array_equal(ages, [40, np.nan, 41, 7])


def test_categories_are_text_and_none_where_missing(tmp_path: Path) -> None:
    table = one(tmp_path, "id,sex,na\na,F,NA\nb,,x\nc,M,y\nd,?,x\n")
    column, values = read(table, OwnColumn("sex", missing=("?",)), table.lines)
    assert column.kind == "category"
    assert values.tolist() == ["F", None, "M", None]
    _, kept = read(table, OwnColumn("na", categories=("NA", "x", "y")), table.lines)
    assert kept.tolist() == ["NA", "x", "y", "x"]  # declared, so it is no gap


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (OwnColumn("age", "number"), r"t\.csv, line 3, column 'age': '4o' is no number"),
        (
            OwnColumn("age", "category", categories=("40", "41")),
            r"1 cells are none of the categories: '4o' \(line 3\); known: 40, 41",
        ),
        (
            OwnColumn("size", "number", low=1, high=2, unit="cm"),
            r"column 'size': 2 values are outside 1 to 2 cm: 20 \(line 2\), 30",
        ),
        (OwnColumn("size", "number", high=2), r"outside any to 2:"),
    ],
)
def test_cells_that_do_not_fit_are_named_with_their_lines(tmp_path: Path, declared: OwnColumn, message: str) -> None:
    table = one(tmp_path, "id,age,size\na,40,20\nb,4o,1.5\nc,41,30\n")
    with pytest.raises(DataError, match=message):
        read(table, declared, table.lines)


def test_rows_that_are_left_out_are_not_looked_at(tmp_path: Path) -> None:
    table = one(tmp_path, "id,age\na,40\nb,bad\nc,41\n")
    _, values = read(table, OwnColumn("age", "number"), pd.Index([2, 4]))
    assert values.tolist() == [40, 41]


def test_free_text_is_no_category_unless_somebody_says_so(tmp_path: Path) -> None:
    table = one(tmp_path, "id,note\n" + "".join(f"{k},text {k}\n" for k in range(40)))
    with pytest.raises(DataError, match=r"40 different texts, such as 'text 0', 'text 1', 'text 2'"):
        read(table, OwnColumn("note"), table.lines)
    assert read(table, OwnColumn("note", "category"), table.lines)[0].kind == "category"


def test_a_column_decides_the_label_if_values_and_classes_go_together_one_to_one() -> None:
    label = pd.Series([0, 1] * 6)
    assert decides(pd.Series(["n", "y"] * 6), label)
    assert decides(pd.Series(["n", "y"] * 5 + ["", ""]), label)
    assert not decides(pd.Series(["n", "y"] * 5 + ["y", "y"]), label)
    assert not decides(pd.Series(["n", "y"] * 4 + [""] * 4), label)  # eight rows may be chance
    assert not decides(pd.Series([f"v{k}" for k in range(12)]), label)  # an id tells no class from another
    assert not decides(pd.Series(["x"] * 12), pd.Series([0] * 12))


def test_texts_that_count_as_missing_by_default_are_reported_unless_declared(tmp_path: Path) -> None:
    table = one(tmp_path, "id,group,age\n1,NA,NA\n2,EU,3\n3,NA,4\n4,n/a,5\n5,,6\n")
    findings: list[Finding] = []
    (read_,) = typed(table, OwnColumn("group"), table.lines, findings)
    assert read_[1].tolist() == [None, "EU", None, None, None]
    assert [(found.code, found.items) for found in findings] == [
        ("missing-text", ("column 'group': 'NA' in 2 rows", "column 'group': 'n/a' in 1 rows"))
    ]
    findings.clear()
    typed(table, OwnColumn("group", missing=("na", "N/A")), table.lines, findings)
    typed(table, OwnColumn("age"), table.lines, findings)  # among numbers NA can mean nothing else
    assert not findings
    (read_,) = typed(table, OwnColumn("group", "category", categories=("EU", "NA")), table.lines, findings)
    assert read_[1].tolist() == ["NA", "EU", "NA", None, None]
    assert [found.items for found in findings] == [("column 'group': 'n/a' in 1 rows",)]
