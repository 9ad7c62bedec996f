import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fusekit.data.clinical.tables import is_missing, read_table, require_columns
from fusekit.errors import DataError


def _file(folder: Path, content: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def test_cells_are_stripped_text_and_rows_know_their_line(tmp_path: Path) -> None:
    table = read_table(_file(tmp_path, 'RID , AGE\n\n2,  71.0 \n,\n"3",\n'))
    assert list(table.columns) == ["RID", "AGE"]
    assert table.to_dict("split")["data"] == [["2", "71.0"], ["3", ""]]
    assert list(table.index) == [3, 5]
    assert table.index.name == "line"


def test_a_line_number_is_where_the_record_starts_even_after_breaks_inside_quotes(tmp_path: Path) -> None:
    table = read_table(_file(tmp_path, 'id,note\r\n1,"two\r\nlines"\r\n2,plain\r\n'))
    assert list(table.index) == [2, 4]
    assert table.loc[2, "note"] == "two\r\nlines"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_every_encoding_and_separator_gives_the_same_table(tmp_path: Path, encoding: str, separator: str) -> None:
    rows = [["Größe", "côté"], ["1", "gauche"], ["2", "müde"]]
    text = "\n".join(separator.join(row) for row in rows)
    table = read_table(_file(tmp_path, text.encode(encoding)))
    assert [list(table.columns), *table.to_numpy().tolist()] == rows


def test_utf16_big_endian_is_read(tmp_path: Path) -> None:
    table = read_table(_file(tmp_path, b"\xfe\xff" + "id,né\n1,à\n".encode("utf-16-be")))
    assert table.loc[2, "né"] == "à"


def test_a_comma_inside_a_name_does_not_make_it_the_separator(tmp_path: Path) -> None:
    assert list(read_table(_file(tmp_path, "Weight, kg;Age\n80,5;71\n")).columns) == ["Weight, kg", "Age"]
    assert list(read_table(_file(tmp_path, '"a;b;c",d\n1,2\n')).columns) == ["a;b;c", "d"]


def test_a_single_column_has_no_separator(tmp_path: Path) -> None:
    assert read_table(_file(tmp_path, "PTID\n002_S_0413\n"))["PTID"].tolist() == ["002_S_0413"]


def test_a_nameless_column_without_values_is_skipped_and_one_with_values_kept(tmp_path: Path) -> None:
    assert list(read_table(_file(tmp_path, "a,b,\n1,2,\n")).columns) == ["a", "b"]
    assert list(read_table(_file(tmp_path, ",a\n1,2\n")).columns) == ["", "a"]


def test_a_header_without_rows_is_an_empty_table(tmp_path: Path) -> None:
    table = read_table(_file(tmp_path, "a,b\n"), required=["a"])
    assert list(table.columns) == ["a", "b"]
    assert len(table) == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "file is empty"),
        ("\n \n,,\n", "file is empty"),
        ("1,2\n3,4\n", r"line 1: no header.*1, 2"),
        ("a,b\n1,2\n1\n", r"line 3: 1 cells, but the header has 2"),
        ("a,b\n1,2,3\n", r"line 2: 3 cells, but the header has 2"),
        ("MS 2021\n\nid;age;sex\n1;2,5;m\n", r"line 1: the first line holds 'MS 2021' alone, and line 3 has 3 cells"),
        ("MS 2021;;\nid;age;sex\n1;2,5;m\n", r"line 1: .* If the first is a title, delete what lies above the names"),
        ("a,b, a\n1,2,3\n", r"line 1: column names are repeated: 'a'"),
        ("a,b\n1,2\n3,\0\n", r"line 3: the file holds NUL"),
        (b"PK\x03\x04\x00\x00", "Excel workbook"),
        ("a,b\n", r"'PTID'.*The file has 'a', 'b'"),
        ('a,b\n1,"2\n3,4\n', r"line 2: the quotes.*quotation mark"),
        ("a,b\n1," + "x" * 200_000, r"line 2: the quotes or separators"),
        (b"\xff\xfea\x00b", "begins as UTF-16"),
    ],
)
def test_what_is_no_table_is_refused_by_file_and_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = _file(tmp_path, content)
    with pytest.raises(DataError, match=message) as caught:
        read_table(path, required=["PTID"])
    assert str(path) in str(caught.value)


def test_a_missing_file_suggests_the_one_beside_it(tmp_path: Path) -> None:
    _file(tmp_path, "a\n1\n", "ADNIMERGE_01Jan2024.csv")
    with pytest.raises(DataError, match=r"no such file; did you mean 'ADNIMERGE_01Jan2024.csv'"):
        read_table(tmp_path / "ADNIMERGE_02Jan2024.csv")
    with pytest.raises(DataError, match=r"no such file\.$"):
        read_table(tmp_path / "nowhere" / "x.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path)


def test_a_renamed_column_is_recognised() -> None:
    table = pd.DataFrame(columns=["ptid", "EXAM_DATE", "AGE"])
    with pytest.raises(
        DataError, match=r"t.csv: columns missing: 'PTID' \(renamed to 'ptid'\?\), 'EXAMDATE' \(renamed"
    ):
        require_columns(table, ["PTID", "EXAMDATE", "AGE"], "t.csv")
    both = pd.DataFrame(columns=["Age", "RAGE", "image"])  # the same name in another case leaves no doubt
    with pytest.raises(DataError, match=r"'AGE' \(renamed to 'Age'\?\)"):
        require_columns(both, ["AGE"], "t.csv")


_cell = st.text(st.characters(exclude_characters="\0\ufeff", exclude_categories=["Cs"]), max_size=6)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(_cell, _cell, _cell).filter(lambda row: any(cell.strip() for cell in row)), max_size=6),
    separator=st.sampled_from(",;\t"),
)
def test_what_csv_writes_is_read_back(tmp_path: Path, rows: list[tuple[str, ...]], separator: str) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *rows])
    table = read_table(_file(tmp_path, buffer.getvalue()))
    assert table.to_numpy().tolist() == [[cell.strip() for cell in row] for row in rows]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60) | st.text('ab1,;\t"\n\r\0 ', max_size=40).map(str.encode))
def test_any_bytes_give_a_table_or_a_data_error(tmp_path: Path, content: bytes) -> None:
    try:
        table = read_table(_file(tmp_path, content))
    except DataError:
        return
    assert all(isinstance(cell, str) for cell in table.to_numpy().ravel())
    assert table.columns.is_unique


def test_missing_codes_in_any_case() -> None:
    cells = pd.Series(["", " ", "NA", "n/a", "NaN", ".", "0", "-4", "none"])
    assert is_missing(cells).tolist() == [True] * 6 + [False] * 3
