"""Which table it is, whom its rows are about, their label and clinical values, read through the whole task."""

from collections.abc import Callable, Sequence
from math import log10
from pathlib import Path

import numpy as np
import pytest

from fusekit.data import Cohort
from fusekit.data.own.files import look
from fusekit.errors import DataError
from fusekit.progress import Quiet
from fusekit_hmi.columns import find_table
from fusekit_hmi.task import HmiTask
from tests.plugins.fusekit_hmi.conftest import write_nifti


def _read(
    folder: Path, header: str, *lines: str, images: str = "", subject: str = "", label: str = ""
) -> tuple[dict[str, tuple[str, int]], dict[str, tuple[str, ...]]]:
    """Scan -> subject and label, and the findings, of a table to which an age is added."""
    rows = [f"{header},age", *(f"{line},{50 + n}" for n, line in enumerate(lines))]
    (folder / "t.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for image in images.split():
        write_nifti(folder / f"{image}.nii")
    cohort = HmiTask(subject=subject, label=label).scan(folder, Quiet())
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


#: Lines of a table -> what is read of it.
Read = Callable[..., tuple[Cohort, dict[str, tuple[str, ...]]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def call(*lines: str, extra: Sequence[str] = ()) -> tuple[Cohort, dict[str, tuple[str, ...]]]:
        sign = ";" if ";" in lines[0] else ","
        rows = [line + sign + ("mvi" if not n else str(n % 2)) for n, line in enumerate(lines)]
        (tmp_path / "t.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        for line in lines[1:]:
            write_nifti(tmp_path / f"{line.split(sign)[0]}.nii")
        cohort = HmiTask(extra=tuple(extra)).scan(tmp_path, Quiet())
        assert [column.name for column in cohort.columns] == list(cohort.clinical.columns)
        found: dict[str, tuple[str, ...]] = {}
        for finding in cohort.findings:
            found[finding.code] = found.get(finding.code, ()) + finding.items
        return cohort, found

    return call


def _values(clinical: Cohort, name: str) -> list[float]:
    return [float(value) for value in clinical.clinical[name]]


def test_bounds_are_kept_with_a_flag(read: Read) -> None:
    clinical, _ = read("id,AFP", "a,>1210", "b,<0.61", "c,20", "d,", "e,>= 400", "f,\u22642", "g,undetectable")
    nan = float("nan")
    amounts = [1210, 0.61, 20, nan, 400, 2, 0]
    np.testing.assert_allclose(_values(clinical, "AFP"), np.log10(1 + np.array(amounts)), atol=1e-5)
    np.testing.assert_equal(_values(clinical, "AFP censored"), [1, -1, 0, nan, 1, -1, -1])
    assert clinical.columns[0].unit == "log10(1 + ng/mL)"


def test_afp_always_has_the_flag_and_others_only_if_needed(read: Read) -> None:
    clinical, _ = read("id,AFP,CEA,CA19-9", "a,7,2,>1000", "b,9,3,20")
    assert list(clinical.clinical) == ["AFP", "AFP censored", "CEA", "CA19_9", "CA19_9 censored"]
    assert _values(clinical, "CA19_9") == [1000, 20]


@pytest.mark.parametrize(
    ("column", "name", "cell", "expected"),
    [
        ("creatinine (mg/dL)", "creatinine", "0.9", 0.9 * 88.42),
        ("creatinine", "creatinine", "80", 80),
        ("TBIL mg/dL", "TBIL", "1.2", 1.2 * 17.1),
        ("Hb (g/dL)", "Hb", "14.2", 142),
        ("glucose (mg/dL)", "glucose", "90", 90 / 18.016),
        ("tumor diameter (mm)", "tumour_diameter", "43", 4.3),
        ("AFP (IU/mL)", "AFP", "100", log10(122)),
        ("log10 AFP", "AFP", "2", log10(101)),
        ("HBV-DNA (log10 IU/mL)", "HBV_DNA", "4", log10(10001)),
        ("HBV-DNA (log10 IU/mL)", "HBV_DNA", "0", 0),
        ("HBV-DNA (IU/mL)", "HBV_DNA", "12000", log10(12001)),
        ("HBV-DNA (copies/mL)", "HBV_DNA", "56000", log10(10001)),
    ],
)
def test_units_in_names_are_converted(read: Read, column: str, name: str, cell: str, expected: float) -> None:
    clinical, found = read(f"id,{column},age", f"a,{cell},50", "b,NA,51")
    assert _values(clinical, name)[0] == pytest.approx(expected, abs=1e-5)
    assert np.isnan(_values(clinical, name)[1])
    own = ("creatinine", "log10 AFP", "HBV-DNA (log10 IU/mL)", "HBV-DNA (IU/mL)")  # already in the cohort's unit
    assert ("converted" in found) == (column not in own)


def test_a_viral_load_without_unit_is_told_by_its_numbers(read: Read) -> None:
    logarithms, found = read("id,HBV-DNA", "a,0", "b,4.5", "c,7.9")
    assert found["assumed-scale"] == ("column 'HBV-DNA': logarithms",)
    amounts, found = read("id,HBV-DNA", "a,0", "b,31622", "c,<20")
    assert found["assumed-scale"] == ("column 'HBV-DNA': IU/mL",)
    np.testing.assert_allclose(_values(logarithms, "HBV_DNA"), [0, 4.5, 7.9], atol=2e-5)
    np.testing.assert_allclose(_values(amounts, "HBV_DNA"), [0, 4.5, log10(21)], atol=2e-5)


def test_a_forgotten_unit_is_refused_with_lines_and_the_way_out(read: Read) -> None:
    with pytest.raises(
        DataError, match=r"column 'creatinine': 3 .*15 to 2000 umol/L: 0\.9 \(line 2\), .*'creatinine \(mg/dL\)'"
    ):
        read("id,creatinine", "a,0.9", "b,1.1", "c,1.4")
    with pytest.raises(DataError, match=r"column 'ALB': 1 .* 4\.1 \(line 3\)"):
        read("id,ALB", "a,41", "b,4.1", "c,39")


def test_words_of_absence_and_presence(read: Read) -> None:
    clinical, _ = read(
        "id,HBsAg,HBeAg,HCV-Ab,cirrhosis,sex,Child-Pugh",
        "a,positive,+,1,yes,M,A",
        "b,Negative,-,0,no,female,Class B",
        "c,NA,,unknown,-9,F,c",
        "d,pos,neg,1.0,present,Male,7",
        "e,0,1,0,1,f,A5",
    )
    expected = {
        "HBsAg": ["present", "absent", None, "present", "absent"],
        "HBeAg": ["present", "absent", None, "absent", "present"],
        "HCV_Ab": ["present", "absent", None, "present", "absent"],
        "cirrhosis": ["present", "absent", None, "present", "present"],
        "sex": ["Male", "Female", "Female", "Male", "Female"],
        "Child_Pugh": ["A", "B", "C", "B", "A"],
    }
    assert {name: clinical.clinical[name].tolist() for name in clinical.clinical} == expected


def test_a_column_called_male_is_the_sex(read: Read) -> None:
    clinical, _ = read("id,male", "a,1", "b,0")
    assert clinical.clinical["sex"].tolist() == ["Male", "Female"]


@pytest.mark.parametrize(
    ("column", "cell", "advice"),
    [("sex", "1", "called 'male'"), ("HBsAg", "250.1", "Write 0 or 1"), ("Child-Pugh", "2", "points from 5 to 15")],
)
def test_codes_that_could_mean_anything_are_refused(read: Read, column: str, cell: str, advice: str) -> None:
    with pytest.raises(DataError, match=rf"column '{column}': 1 cells .*'{cell}' \(line 3\).*{advice}"):
        read(f"id,{column}", "a,", f"b,{cell}")


def test_missing_values_and_their_codes(read: Read) -> None:
    clinical, found = read("id,ALT,AST", "a,-99,30", "b,-,31", "c,20,-9", "d,NA,unknown", "e,.,")
    np.testing.assert_equal(_values(clinical, "ALT"), [np.nan, np.nan, 20, np.nan, np.nan])
    assert found["missing-code"] == ("line 2, column 'ALT': -99", "line 4, column 'AST': -9")
    assert _values(clinical, "AST")[:2] == [30, 31]


def test_decimal_commas(read: Read) -> None:
    clinical, _ = read("id;TBIL;AFP", "a;12,5;<0,61", "b;7,25;1210,5")
    assert _values(clinical, "TBIL") == [12.5, 7.25]
    np.testing.assert_allclose(_values(clinical, "AFP"), [log10(1.61), log10(1211.5)], atol=1e-5)


def test_text_among_numbers_is_refused_by_line(read: Read) -> None:
    with pytest.raises(DataError, match=r"t\.csv, line 3, column 'ALT': 'haemolysed' is no number"):
        read("id,ALT", "a,20", "b,haemolysed")


def test_two_columns_for_one_attribute_are_refused(read: Read) -> None:
    with pytest.raises(DataError, match=r"t\.csv: afp \(ng/mL\): another column, t\.csv: AFP, holds AFP too"):
        read("id,AFP,afp (ng/mL)", "a,1,2")


def test_what_is_left_out_is_said_and_extras_are_read(read: Read) -> None:
    lines = ["id,age,smoking,NLR,MVI grade,recurrence", "a,50,never,2.5,M0,1", "b,51,current,NA,M1,0"]
    clinical, found = read(*lines)
    assert list(clinical.clinical) == ["age"]
    assert found["unknown-column"] == ("smoking", "NLR")
    assert found["never-an-input"] == ("MVI grade", "recurrence")
    clinical, found = read(*lines, extra=("NLR", "smoking", "age"))
    assert clinical.clinical["smoking"].tolist() == ["never", "current"]
    np.testing.assert_equal(_values(clinical, "NLR"), [2.5, np.nan])
    assert "unknown-column" not in found
    with pytest.raises(DataError, match=r"task\.extra=recurrence must not be an input: it is the future"):
        read(*lines, extra=("recurrence",))
    with pytest.raises(DataError, match=r"lacks: BCLC"):
        read(*lines, extra=("BCLC",))


def test_an_empty_column_is_left_out(read: Read) -> None:
    clinical, found = read("id,age,ALT", "a,50,", "b,51,NA")
    assert list(clinical.clinical) == ["age"]
    assert found["column-without-values"] == ("ALT",)
