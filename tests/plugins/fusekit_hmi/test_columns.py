"""Whom the rows are about and what their label is, read through the whole task; and which table it is."""

from pathlib import Path

import pytest

from fusekit.data.own.files import look
from fusekit.errors import DataError
from fusekit.progress import Quiet
from fusekit_hmi.columns import find_table
from fusekit_hmi.task import HmiTask
from tests.plugins.fusekit_hmi.conftest import write_nifti


def _read(
    folder: Path, header: str, *lines: str, images: str = "", **options: str
) -> tuple[dict[str, tuple[str, int]], dict[str, tuple[str, ...]]]:
    """Scan -> subject and label, and the findings, of a table to which an age is added."""
    rows = [f"{header},age", *(f"{line},{50 + n}" for n, line in enumerate(lines))]
    (folder / "t.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for image in images.split():
        write_nifti(folder / f"{image}.nii")
    cohort = HmiTask(**options).scan(folder, Quiet())
    labels = zip(cohort.scans["subject"], cohort.scans["label"], strict=True)
    found = {finding.code: finding.items for finding in cohort.findings}
    return dict(zip(cohort.scans.index, labels, strict=True)), found


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
    rows = (f"P{n},{code}" for n, code in enumerate(codes))
    read, _ = _read(tmp_path, "patient_id,mvi", *rows, images="P0 P1 P2")
    assert read == {f"P{n}": (f"P{n}", label) for n, label in enumerate(labels)}


def test_codes_of_one_and_two_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 and 2, but no 0"):
        _read(tmp_path, "id,mvi", "a,1", "b,2", images="a b")


def test_an_unknown_code_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t\.csv, column 'mvi': 1 rows .* 'perhaps' \(1\); .* line 3\..*M0, M1, M2"):
        _read(tmp_path, "id,mvi", "a,1", "b,perhaps", "c,0", images="a b c")


def test_rows_without_label_or_subject_are_left_out_and_listed(tmp_path: Path) -> None:
    read, found = _read(tmp_path, "id,mvi", "a,1", "b,", ",1", "c,0", "d,NA", "unknown,1", images="a c")
    assert read == {"a": ("a", 1), "c": ("c", 0)}
    assert found == {"row-without-subject": ("line 4", "line 7"), "label-left-out": ("b (line 3)", "d (line 6)")}


def test_the_usual_names_and_the_options(tmp_path: Path) -> None:
    header = "Patient ID,Microvascular invasion,MVI grade,Image path"
    read, found = _read(tmp_path, header, "a,1,M1,x.nii", "b,0,M0,y.nii", images="x y")
    assert read == {"a": ("a", 1), "b": ("b", 0)}
    assert found == {"never-an-input": ("MVI grade",)}  # the first name counts, and the others are no inputs
    lines = ("x,a,0,M1", "y,b,1,M0")
    read, _ = _read(tmp_path, "id,code,mvi,result", *lines, images="a b", subject="code", label="result")
    assert read == {"a": ("a", 1), "b": ("b", 0)}


@pytest.mark.parametrize(
    ("header", "message"),
    [("who,mvi", "'patient.*task.subject=COLUMN"), ("id,answer", "'mvi'.*it has 'id', 'answer'.*task.label=COL")],
)
def test_missing_columns_are_named_with_the_option(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        _read(tmp_path, header, "a,1")
    with pytest.raises(DataError, match="has no column 'nobody'"):
        _read(tmp_path, "id,mvi", "a,1", subject="nobody")


def test_several_rows_of_a_patient(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'id': 1 subjects have several rows: a \(lines 2, 4\)\..*such as 'image'"):
        _read(tmp_path, "id,mvi", "a,1", "b,0", "A,1", images="a b")
    read, _ = _read(tmp_path, "id,mvi,image", "a,1,x.nii", "b,0,y.nii", "a,1,z.nii", images="x y z")
    assert read == {"a:x.nii": ("a", 1), "a:z.nii": ("a", 1), "b": ("b", 0)}


def test_a_row_that_stands_there_twice_counts_once(tmp_path: Path) -> None:
    _read(tmp_path, "id,mvi", "a,1", "b,0", images="a b")
    text = (tmp_path / "t.csv").read_text("utf-8")
    (tmp_path / "t.csv").write_text(text + text.splitlines()[1] + "\n", "utf-8")
    cohort = HmiTask().scan(tmp_path, Quiet())
    assert cohort.scans.index.tolist() == ["a", "b"]
    assert [(finding.code, finding.items) for finding in cohort.findings] == [("repeated-row", ("line 4",))]


def test_two_labels_of_a_patient_are_refused(tmp_path: Path) -> None:
    message = r"t\.csv, column 'mvi': 1 subjects have two labels: a \(MVI\+ on line 2, MVI- on line 4\)"
    with pytest.raises(DataError, match=message):
        _read(tmp_path, "id,mvi,image", "a,1,x.nii", "b,0,y.nii", "a,0,z.nii", images="x y z")


def test_the_table_is_found(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(DataError, match="no clinical table"):
        find_table(look(tmp_path), "")
    first, second = tmp_path / "clinical.csv", tmp_path / "sub" / "other.csv"
    first.touch()
    assert find_table(look(tmp_path), "") == first
    second.touch()
    files = look(tmp_path)
    with pytest.raises(DataError, match=r"2 tables: clinical\.csv, sub/other\.csv\. .*task\.table=clinical\.csv"):
        find_table(files, "")
    assert find_table(files, "other.csv") == second
    assert find_table(files, "sub/other.csv") == second
    with pytest.raises(DataError, match=r"task\.table=third\.csv: .*no such file.*clinical\.csv"):
        find_table(files, "third.csv")
    with pytest.raises(DataError, match="leads out of the data folder"):
        find_table(files, "../x.csv")
