from pathlib import Path

import pytest

from fusekit.data import Finding
from fusekit.errors import DataError
from fusekit_hmi.table import Table, find_table, read_people


def _read(folder: Path, *lines: str, subject: str = "", label: str = "") -> tuple[Table, dict[str, tuple[str, ...]]]:
    path = folder / "t.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    findings: list[Finding] = []
    table = read_people(path, subject, label, findings)
    return table, {finding.code: finding.items for finding in findings}


@pytest.mark.parametrize(
    ("codes", "labels"),
    [
        (["0", "1", "1"], [0, 1, 1]),
        (["absent", "Present", "present"], [0, 1, 1]),
        (["M0", "M1", "M2"], [0, 1, 1]),
        (["0", "1", "2"], [0, 1, 1]),
        (["-", "+", "+"], [0, 1, 1]),
        (["no", "yes", "YES"], [0, 1, 1]),
        (["MVI-", "MVI+", "mvi+"], [0, 1, 1]),
        (["1.0", "0.0", "0.0"], [1, 0, 0]),
    ],
)
def test_codes_of_invasion(tmp_path: Path, codes: list[str], labels: list[int]) -> None:
    table, _ = _read(tmp_path, "patient_id,mvi", *(f"P{n},{code}" for n, code in enumerate(codes)))
    assert table.label.tolist() == labels
    assert table.subject.tolist() == ["P0", "P1", "P2"]


def test_codes_of_one_and_two_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 and 2, but no 0"):
        _read(tmp_path, "id,mvi", "a,1", "b,2")


def test_an_unknown_code_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t\.csv, column 'mvi': 1 cells .*line 3: 'perhaps'"):
        _read(tmp_path, "id,mvi", "a,1", "b,perhaps", "c,0")


def test_rows_without_label_or_subject_are_left_out_and_listed(tmp_path: Path) -> None:
    table, found = _read(tmp_path, "id,mvi", "a,1", "b,", ",1", "c,0", "d,NA")
    assert table.subject.to_dict() == {2: "a", 5: "c"}
    assert found == {"row-without-subject": ("line 4",), "no-label": ("b (line 3)", "d (line 6)")}


def test_the_usual_names_and_the_options(tmp_path: Path) -> None:
    table, _ = _read(tmp_path, "Patient ID,Microvascular invasion,MVI grade,Image path", "a,1,M1,x", "b,0,M0,y")
    assert table.keys == ("Patient ID", "Microvascular invasion", "Image path")
    assert table.image == "Image path"
    table, _ = _read(tmp_path, "id,code,mvi,result", "x,a,0,M1", "y,b,1,M0", subject="code", label="result")
    assert table.subject.tolist() == ["a", "b"]
    assert table.label.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("header", "message"),
    [("who,mvi", "'patient_id'.*task.subject=COLUMN"), ("id,answer", "'mvi'.*it has 'id', 'answer'.*task.label=COL")],
)
def test_missing_columns_are_named_with_the_option(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        _read(tmp_path, header, "a,1")
    with pytest.raises(DataError, match="has no column 'nobody'"):
        _read(tmp_path, "id,mvi", "a,1", subject="nobody")


def test_several_rows_of_a_patient(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 patients have several rows: a \(lines 2, 4\)\..*column 'image'"):
        _read(tmp_path, "id,mvi,age", "a,1,50", "b,0,51", "A,1,52")
    table, found = _read(tmp_path, "id,mvi,age", "a,1,50", "b,0,51", "a,1,50")  # the same row, twice
    assert table.subject.tolist() == ["a", "b"]
    assert found["repeated-row"] == ("line 4",)
    table, _ = _read(tmp_path, "id,mvi,image", "a,1,x.png", "b,0,y.png", "a,1,z.png")
    assert table.subject.tolist() == ["a", "b", "a"]


def test_two_labels_of_a_patient_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 patients are said .* a \(lines 2, 4\)"):
        _read(tmp_path, "id,mvi,image", "a,1,x.png", "b,0,y.png", "a,0,z.png")


def test_the_table_is_found(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    first, second = tmp_path / "clinical.csv", tmp_path / "sub" / "other.csv"
    first.touch()
    assert find_table(tmp_path, [first], "") == first
    second.touch()
    with pytest.raises(DataError, match=r"2 tables: clinical\.csv, sub/other\.csv\. .*task\.table=clinical\.csv"):
        find_table(tmp_path, [first, second], "")
    assert find_table(tmp_path, [first, second], "other.csv") == second
    assert find_table(tmp_path, [first, second], "sub/other.csv") == second
    with pytest.raises(DataError, match=r"no such table.*clinical\.csv"):
        find_table(tmp_path, [first, second], "third.csv")
    with pytest.raises(DataError, match="is not below"):
        find_table(tmp_path, [first, second], "../x.csv")
    with pytest.raises(DataError, match="no clinical table"):
        find_table(tmp_path, [], "")
