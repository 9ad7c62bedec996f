"""Workbooks against what openpyxl and odfpy write, and what no table may be made of."""

from __future__ import annotations

import datetime
import io
import re
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odf.office import Annotation
from odf.opendocument import OpenDocumentSpreadsheet
from odf.style import Style, TableProperties
from odf.table import CoveredTableCell, Table, TableCell, TableRow
from odf.text import P
from openpyxl import Workbook

from fusekit.data.clinical.numbers import to_number
from fusekit.data.clinical.tables import read_table, refuse_errors, refuse_rounded
from fusekit.data.clinical.workbook import sheet, survey
from fusekit.data.clinical.workbook.survey import column_letters
from fusekit.errors import DataError

ROWS: list[list[Any]] = [
    ["id", "age", "born", "smoker", "note"],
    [100.0, 61.5, datetime.date(1950, 10, 13), True, " x\u00a0"],
    ["007", 3, datetime.datetime(1950, 3, 10, 8, 30), False, None],
    [1e21, -0.1, datetime.time(8, 30), None, "1,5"],
]
TEXT = [
    ["100", "61.5", "1950-10-13", "TRUE", "x"],
    ["007", "3", "1950-03-10 08:30:00", "FALSE", ""],
    ["1e+21", "-0.1", "08:30:00", "", "1,5"],
]


def excel(path: Path, rows: Sequence[Any] = ROWS, change: Callable[[Any, Any], None] | None = None) -> Path:
    """Write a sheet ``Data``, after some changes to book and sheet."""
    book = Workbook()
    sheet: Any = book.active
    sheet.title = "Data"
    for row in rows:
        sheet.append(list(row))
    if change:
        change(book, sheet)
    book.save(path)
    return path


def cell(value: Any = None, **attributes: Any) -> Any:
    """A cell of an OpenDocument sheet as LibreOffice writes it."""
    if isinstance(value, bool):
        return TableCell(valuetype="boolean", booleanvalue=str(value).lower(), **attributes)
    if isinstance(value, float | int):
        return TableCell(valuetype="float", value=str(value), **attributes)
    if isinstance(value, datetime.date):
        return TableCell(valuetype="date", datevalue=value.isoformat(), **attributes)
    if value is None:
        return TableCell(**attributes)
    made = TableCell(valuetype="string", **attributes)
    made.addElement(P(text=value))
    return made


def opendocument(path: Path, *sheets: tuple[str, list[Any]], hidden: tuple[str, ...] = ()) -> Path:
    """Write sheets of rows, each of cells or of values."""
    book = OpenDocumentSpreadsheet()
    style = Style(name="off", family="table")
    style.addElement(TableProperties(display="false"))
    book.automaticstyles.addElement(style)
    for name, rows in sheets:
        table = Table(name=name, **({"stylename": style} if name in hidden else {}))
        for row in rows:
            made = row
            if isinstance(row, list):
                made = TableRow()
                for each in row:
                    made.addElement(each if hasattr(each, "qname") else cell(each))
            table.addElement(made)
        book.spreadsheet.addElement(table)
    book.save(path)
    return path


def test_cells_of_every_kind_are_text_as_people_write_it(tmp_path: Path) -> None:
    table = read_table(excel(tmp_path / "t.xlsx"))
    assert table.columns.to_list() == ROWS[0]
    assert table.to_numpy().tolist() == TEXT
    assert (table.index.name, table.index.tolist()) == ("row", [2, 3, 4])
    plain: list[Any] = [[100, 61.5, datetime.date(1950, 10, 13), True, " x "], ["007", 3.0, None, False, None]]
    made = read_table(opendocument(tmp_path / "t.ods", ("Data", [ROWS[0], *plain])))
    assert made.to_numpy().tolist() == [TEXT[0], ["007", "3", "", "FALSE", ""]]


def test_the_table_may_begin_below_and_beside_the_first_cell_and_rows_keep_their_numbers(tmp_path: Path) -> None:
    rows = [[], [None, None, "id", "age"], [], [None, None, "a", 5], [], [None, None, "b", 6]]
    table = read_table(excel(tmp_path / "t.xlsx", rows))
    assert table.to_dict("list") == {"id": ["a", "b"], "age": ["5", "6"]}
    assert table.index.tolist() == [4, 6]
    far = TableRow(numberrowsrepeated=1_048_000)
    far.addElement(TableCell(numbercolumnsrepeated=16_000))  # as LibreOffice ends every sheet
    same = read_table(
        opendocument(tmp_path / "t.ods", ("Data", [[None, None, "id", "age"], [None, None, "a", 5], far]))
    )
    assert same.to_dict("list") == {"id": ["a"], "age": ["5"]}


def test_the_sheet_is_the_only_one_with_values_or_named(tmp_path: Path) -> None:
    def more(book: Any, _: Any) -> None:
        book.create_sheet("Empty")
        book.create_sheet("Lists").append(["a", "b"])
        book["Lists"].sheet_state = "hidden"

    path = excel(tmp_path / "t.xlsx", change=more)
    assert read_table(path).shape == (3, 5)
    assert read_table(path, sheet="Lists").columns.to_list() == ["a", "b"]
    with pytest.raises(DataError, match=r"t\.xlsx has no sheet 'data'; it has 'Data', 'Empty', 'Lists'\."):
        read_table(path, sheet="data")
    two = excel(tmp_path / "2.xlsx", change=lambda book, _: book.create_sheet("Labs").append(["a"]))
    with pytest.raises(DataError, match=r"several sheets: 'Data', 'Labs'\. Name the one to read: sheet = \"Data\" in"):
        read_table(two)
    made = opendocument(tmp_path / "t.ods", ("Data", [["a"], [1]]), ("Old", [["b"], [2]]), hidden=("Old",))
    assert read_table(made).columns.to_list() == ["a"]
    (tmp_path / "t.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match="no workbook and has no sheet 'Data'"):
        read_table(tmp_path / "t.csv", sheet="Data")


def test_errors_and_formulas_without_a_value_are_named_as_the_spreadsheet_does(tmp_path: Path) -> None:
    path = excel(tmp_path / "t.xlsx", [["id", "crp"], ["a", 5], ["b", "#DIV/0!"], ["c", "=1+1"], ["d", "#N/A"]])
    table = read_table(path)
    assert table["crp"].tolist() == ["5", "#DIV/0!", survey.UNSAVED, "#N/A"]
    with pytest.raises(DataError, match=r"t, sheet 'Data', cell B3, column 'crp': '#DIV/0!' is an error .*and 2"):
        refuse_errors(table["crp"], "t")
    with pytest.raises(DataError, match=r"cell B4, column 'crp': a formula whose value was not saved, and 1 more"):
        refuse_errors(table["crp"].iloc[2:], "t")
    refuse_errors(table["id"], "t")
    error = cell("#DIV/0!", formula="of:=1/0")
    rows = [["id", "crp"], ["a", cell(2.0, formula="of:=1+1")], ["b", error], ["c", cell(formula="of:=1+1")]]
    rows += [["d", cell("Err:502", formula="of:=x")], ["e", "#REF!"]]  # the last is a text
    made = read_table(opendocument(tmp_path / "t.ods", ("Data", rows)))
    assert made["crp"].tolist() == ["2", "#DIV/0!", survey.UNSAVED, survey.OTHER, "#REF!"]


def test_a_formula_that_gives_an_empty_text_has_a_value(tmp_path: Path) -> None:
    path = excel(tmp_path / "t.xlsx", [["id", "x"], ["a", '=IF(1,"","b")']])
    changed = repacked(
        path, {"xl/worksheets/sheet1.xml": lambda xml: xml.replace(b'<c r="B2">', b'<c r="B2" t="str">')}
    )
    assert read_table(changed)["x"].tolist() == [""]


def repacked(path: Path, changes: dict[str, Callable[[bytes], bytes]]) -> Path:
    """The same workbook with some of its files changed."""
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in members.items():
            new.writestr(name, changes.get(name, bytes)(content))
    return path


def test_hidden_rows_are_refused_wherever_they_are(tmp_path: Path) -> None:
    def hide(row: int) -> Callable[[Any, Any], None]:
        def change(_: Any, sheet: Any) -> None:
            sheet.row_dimensions[row].hidden = True

        return change

    for row in (1, 3):
        path = excel(tmp_path / f"{row}.xlsx", change=hide(row))
        with pytest.raises(DataError, match=rf"sheet 'Data': rows with values are hidden, .* filter: {row}\."):
            read_table(path)
    assert len(read_table(excel(tmp_path / "t.xlsx", change=hide(9)))) == 3  # nothing is in it
    filtered = TableRow(visibility="filter")
    filtered.addElement(cell("b"))
    with pytest.raises(DataError, match="by a filter: 2"):
        read_table(opendocument(tmp_path / "t.ods", ("Data", [["id"], filtered, ["c"]])))


def test_a_value_merged_over_rows_is_that_of_each_and_other_merged_cells_are_refused(tmp_path: Path) -> None:
    rows = [["id", "visit", "x"], ["a", 1, 5], [None, 2, 6], ["b", 1, 7]]
    merge: Callable[[str], Callable[[Any, Any], None]] = lambda span: lambda _, sheet: sheet.merge_cells(span)  # noqa: E731
    table = read_table(excel(tmp_path / "t.xlsx", rows, merge("A2:A3")))
    assert table["id"].tolist() == ["a", "a", "b"]
    made = TableCell(valuetype="string", numberrowsspanned=2, numbercolumnsspanned=1)
    made.addElement(P(text="a"))
    made = read_table(opendocument(tmp_path / "t.ods", ("D", [["id", "x"], [made, 5], [CoveredTableCell(), 6]])))
    assert made["id"].tolist() == ["a", "a"]
    for span in ("A1:C1", "A1:A2", "B2:C2"):
        path = excel(tmp_path / f"{span[:2]}{span[3:]}.xlsx", rows, merge(span))
        with pytest.raises(DataError, match=f"sheet 'Data': the cells {span} are merged"):
            read_table(path)
    assert len(read_table(excel(tmp_path / "e.xlsx", rows, merge("E2:F3")))) == 3


def test_a_comment_is_no_value(tmp_path: Path) -> None:
    commented = cell("a")
    note = Annotation()
    note.addElement(P(text="ask again"))
    commented.addElement(note)
    empty = TableCell()
    empty.addElement(note)
    table = read_table(opendocument(tmp_path / "t.ods", ("Data", [["id", "x"], [commented, 1], [empty]])))
    assert len(table) == 1


def test_a_sheet_that_reaches_too_far_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = excel(tmp_path / "t.xlsx", change=lambda _, sheet: sheet.cell(1_048_576, 16_384, "x"))
    with pytest.raises(DataError, match=r"sheet 'Data', cell XFD1048576: the sheet is larger than 5,000,000 cells"):
        read_table(path)
    many = TableRow(numberrowsrepeated=1_000_000)
    many.addElement(cell("x", numbercolumnsrepeated=1000))
    with pytest.raises(DataError, match=r"sheet 'Data', cell A2: the sheet is larger"):
        read_table(opendocument(tmp_path / "t.ods", ("Data", [["id"], many])))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "LARGEST", 2**20)
    path = repacked(excel(tmp_path / "t.xlsx"), {"xl/worksheets/sheet1.xml": lambda xml: xml + b" " * 2**21})
    assert path.stat().st_size < 2**15
    with pytest.raises(DataError, match="over 1 MiB once it is unpacked"):
        read_table(path)
    data = bytearray(path.read_bytes())  # and one that gives its size as 100 bytes
    with zipfile.ZipFile(path) as packed:
        size = packed.getinfo("xl/worksheets/sheet1.xml").file_size
    lying = bytes(data).replace(size.to_bytes(4, "little"), (100).to_bytes(4, "little"))
    path.write_bytes(lying)
    with pytest.raises(DataError, match=r"t\.xlsx"):
        read_table(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xlsx", b"id,age\n1,2\n", r"the file is no workbook\. If it is text, name it \.csv"),
        ("t.xlsx", b"", "no workbook"),
        ("t.xlsx", b"PK\x03\x04broken", "the workbook is damaged or protected"),
        ("t.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"protected by a password, or in the old format \.xls"),
        ("t.ods", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "password"),
    ],
)
def test_what_is_no_workbook_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / name)


def test_another_zip_file_and_damaged_xml_are_no_workbooks(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w") as packed:
        packed.writestr("letter.txt", "x")
    with pytest.raises(DataError, match="the file is no workbook: it lacks"):
        read_table(tmp_path / "t.xlsx")
    sheet = "xl/worksheets/sheet1.xml"
    for number, change in enumerate(
        [
            lambda xml: xml[:-30],
            lambda xml: xml.replace(b'r="2"', b'r="x"'),
            lambda xml: xml.replace(b'r="A2"', b'r="2A"'),
            lambda xml: b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + xml,
            lambda xml: xml.replace(b'r="2"', b'r="-7"'),
        ]
    ):
        with pytest.raises(DataError, match="damaged"):
            read_table(repacked(excel(tmp_path / f"{number}.xlsx"), {sheet: change}))
    with pytest.raises(DataError, match="damaged"):
        read_table(repacked(excel(tmp_path / "m.xlsx", change=lambda _, s: s.merge_cells("A1:B1")),
                            {sheet: lambda xml: xml.replace(b"A1:B1", b"A1:B")}))  # fmt: skip


def test_without_the_library_the_way_to_get_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(DataError, match=re.escape("pip install 'fusekit[excel]'")):
        read_table(excel(tmp_path / "t.xlsx"))


def test_a_header_without_names_is_refused_as_in_a_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"sheet 'Data', row 1: column names are repeated: '' \(no name over values\)"):
        read_table(excel(tmp_path / "t.xlsx", [["id", "x", None, None], ["a", 0, 1, 2]]))
    with pytest.raises(DataError, match=r"sheet 'Data', row 1: no header: the first row holds .* but 1, 2"):
        read_table(excel(tmp_path / "n.xlsx", [[1, 2], [3, 4]]))
    with pytest.raises(DataError, match="the file is empty"):
        read_table(excel(tmp_path / "e.xlsx", []))
    with pytest.raises(DataError, match=r"sheet 'Data', row 1: the first row holds 'Cohort' alone, and row 3 has 3"):
        read_table(excel(tmp_path / "t.xlsx", [["Cohort"], [], ["id", "age", "sex"], ["a", 1, "m"]]))


def test_columns_have_the_letters_of_the_spreadsheet() -> None:
    assert [column_letters(k) for k in (0, 25, 26, 701, 702, 16_383)] == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]


def test_pictures_in_a_workbook_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = excel(tmp_path / "t.xlsx")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/media/image1.png", io.BytesIO(b"\0" * 2**21).getvalue())
    monkeypatch.setattr(sheet, "LARGEST", 2**20)
    assert len(read_table(path)) == 3


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from([f"xl/{part}" for part in ("worksheets/sheet1.xml", "workbook.xml", "styles.xml")]),
    at=st.integers(0, 4000),
    length=st.integers(0, 20),
    put=st.binary(max_size=6) | st.sampled_from([b"-1", b"99999999999", b"1e400", b"#N/A", b"UTB", b'"']),
)
def test_a_damaged_workbook_is_a_table_or_an_error(tmp_path: Path, name: str, at: int, length: int, put: bytes) -> None:
    path = excel(tmp_path / "t.xlsx")
    repacked(path, {name: lambda xml: xml[: at % len(xml)] + put + xml[at % len(xml) + length :]})
    try:
        table = read_table(path)
    except DataError:
        return
    assert all(isinstance(each, str) for each in table.to_numpy().ravel())


def test_percentages_are_those_that_the_spreadsheet_shows(tmp_path: Path) -> None:
    formats = {"B2": "0%", "B3": "0.00%", "B4": "[Red]0.0 %;-0%", "B5": '0.0" %"', "B6": "0.0\\%", "B7": "General"}

    def change(_: Any, data: Any) -> None:
        for name, code in formats.items():
            data[name].number_format = code
        data["A2"].number_format = "0%"  # of a text, which has none

    path = excel(tmp_path / "t.xlsx", [["id", "x"], *([f"P{k}", 0.07] for k in range(6))], change)
    table = read_table(path)
    assert table["x"].tolist() == ["7%", "7%", "7%", "0.07", "0.07", "0.07"]
    assert table["id"].tolist()[0] == "P0"
    made = TableCell(valuetype="percentage", value="0.285")
    again = TableCell(valuetype="percentage", value="0.5", numbercolumnsrepeated=2)
    rows = [["id", "x", "y"], ["a", made, 0.285], ["b", again]]
    table = read_table(opendocument(tmp_path / "t.ods", ("Data", rows)))
    assert table.to_dict("list") == {"id": ["a", "b"], "x": ["28.5%", "50%"], "y": ["0.285", "50%"]}


def test_a_column_of_percentages_is_read_as_their_numbers_and_fractions_among_them_are_refused(tmp_path: Path) -> None:
    def change(_: Any, data: Any) -> None:
        for row in (2, 4):
            data.cell(row, 2).number_format = "0%"

    table = read_table(excel(tmp_path / "t.xlsx", [["id", "x"], ["a", 0.05], ["b", 0], ["c", 1.5]], change))
    assert to_number(table["x"], "t").tolist() == [5, 0, 150]  # 0 is 0 either way
    mixed = read_table(excel(tmp_path / "m.xlsx", [["id", "x"], ["a", 0.05], ["b", 5], ["c", 0.5]], change))
    message = r"t, sheet 'Data', cell B2, column 'x': '5%' is a percentage, and '5' \(t, sheet 'Data', cell B3\) is not"
    with pytest.raises(DataError, match=message):
        to_number(mixed["x"], "t")


def test_ids_of_more_digits_than_a_spreadsheet_keeps_are_refused(tmp_path: Path) -> None:
    long = "1234567890123456"
    rows = [["id", "x"], [long, 123456789012345], ["b", 1234567890123450], ["c", 1e300]]
    path = excel(tmp_path / "t.xlsx", rows)
    with zipfile.ZipFile(path) as packed:
        assert b"<v>1234567890123450</v>" in packed.read("xl/worksheets/sheet1.xml")
    table = read_table(path)
    refuse_rounded(table["id"], "t")  # a text
    refuse_rounded(table["x"].iloc[:1], "t")  # fifteen digits
    with pytest.raises(DataError, match=r"t, sheet 'Data', cell B3, column 'x': '1234567890123450' .*, and 1 more"):
        refuse_rounded(table["x"], "t")
    made = read_table(opendocument(tmp_path / "t.ods", ("Data", [["id"], [1e15]])))
    with pytest.raises(DataError, match=r"cell A2, column 'id': .* Format the column as text"):
        refuse_rounded(made["id"], "t")
