"""A cohort out of a TOML: joined by id, checked as a whole, everything wrong said at once. No image is opened here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from openpyxl import Workbook

from fusekit.audit import audit_tables
from fusekit.data import Cohort, Column
from fusekit.data.own.task import OwnTask, is_own, name_of
from fusekit.errors import DataError
from fusekit.progress import Quiet

TOML = """
table = "t.csv"
images = "scans/{scan}.nii"
subject = "pid"
scan = "scan"
label = "outcome"
classes = {benign = ["0"], malignant = ["1"]}
groups = ["site"]
columns = ["age", "sex"]
"""
TABLE = """pid;scan;outcome;age;sex;site
p3;s4;1;50,5;M;x
p1;s1;0;40;F;y
p1;s2;0;;F;y
p2;s3;1;60;;x
"""


def make(folder: Path, toml: str = TOML, table: str = TABLE, images: str = "s1 s2 s3 s4") -> OwnTask:
    (folder / "scans").mkdir(parents=True, exist_ok=True)
    (folder / "my.toml").write_text(toml, "utf-8")
    (folder / "t.csv").write_text(table, "utf-8")
    for name in images.split():
        (folder / "scans" / f"{name}.nii").touch()
    return OwnTask(folder / "my.toml")


def scan(folder: Path, toml: str = TOML, table: str = TABLE, images: str = "s1 s2 s3 s4") -> Cohort:
    cohort = make(folder, toml, table, images).scan(folder, Quiet())
    cohort.check()
    return cohort


def test_the_cohort_row_by_row(tmp_path: Path) -> None:
    cohort = scan(tmp_path)
    expected = pd.DataFrame(
        [
            ("s4", "p3", tmp_path / "scans/s4.nii", 1, "x"),
            ("s1", "p1", tmp_path / "scans/s1.nii", 0, "y"),
            ("s2", "p1", tmp_path / "scans/s2.nii", 0, "y"),
            ("s3", "p2", tmp_path / "scans/s3.nii", 1, "x"),
        ],
        columns=["scan", "subject", "image", "label", "site"],
    ).set_index("scan")
    pd.testing.assert_frame_equal(cohort.scans, expected, check_dtype=False, check_index_type=False)
    assert cohort.clinical["age"].tolist()[:2] == [50.5, 40.0]
    assert cohort.clinical["age"].isna().tolist() == [False, False, True, False]
    assert cohort.clinical["sex"].tolist() == ["M", "F", "F", None]
    assert cohort.columns == (Column("age", source="t.csv: age"), Column("sex", "category", source="t.csv: sex"))
    assert (cohort.classes, cohort.groups) == (("benign", "malignant"), ("site",))
    assert [(f.code, f.items) for f in cohort.findings] == [("kind-inferred", ("age: number", "sex: category"))]


def test_the_task_knows_its_folder_and_is_never_synthetic(tmp_path: Path) -> None:
    task = make(tmp_path)
    assert (task.folder, task.classes, task.title) == (tmp_path, ("benign", "malignant"), "my")
    assert task.synthetic == task.paper
    assert task.describe()["values"] == {"benign": ["0"], "malignant": ["1"]}
    assert (is_own("a/My.TOML"), is_own("adni-ad"), name_of("a/my.toml"), name_of("hmi")) == (True, False, "my", "hmi")


def test_all_that_is_wrong_in_table_and_folder_comes_at_once(tmp_path: Path) -> None:
    table = TABLE.replace("s3;1", "s33;2").replace("50,5", "old") + "p1;s5;1;1;F;y\n"
    toml = TOML.replace('["age", "sex"]', '{age = "number", sex = {categories = ["f", "m"]}, weight = {}}')
    with pytest.raises(DataError) as caught:
        scan(tmp_path, toml, table)
    text = str(caught.value)
    assert "my.toml: 5 things to put right" in text
    for part in (
        "t.csv: column missing: 'weight'",
        "t.csv, column 'outcome': 1 rows have a value of no class: '2' (1); the first is on line 5",
    ):
        assert part in text
    # A label that means nothing leaves all rows in, so that the rest is looked at too.
    assert "2 rows have no image: s33 (line 5), s5 (line 6)" in text
    assert "t.csv, line 2, column 'age': 'old' is no number" in text
    assert "column 'sex': 4 cells are none of the categories: 'M' (line 2), 'F' (line 3); did you mean 'm'" in text


def test_one_subject_with_two_labels_is_named_with_the_lines(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 subjects have two labels: p1 \(benign on line 3, malignant on line 4\)"):
        scan(tmp_path, table=TABLE.replace("s2;0", "s2;1"))


def test_ids_differing_in_spelling_are_two_subjects_unless_the_description_joins_them(tmp_path: Path) -> None:
    table = TABLE.replace("p1;s2", "P01;s2")
    cohort = scan(tmp_path, table=table)
    assert cohort.scans["subject"].tolist() == ["p3", "p1", "P01", "p2"]
    assert "ids-joined" not in {finding.code for finding in cohort.findings}
    task = make(tmp_path, 'join_ids = "alike"\n' + TOML, table)
    joined = task.scan(tmp_path, Quiet())
    assert joined.scans["subject"].tolist() == ["p3", "p1", "p1", "p2"]
    assert {finding.code: finding.items for finding in joined.findings}["ids-joined"] == ("'p1' and 'P01'",)
    assert task.describe()["join_ids"] == "alike"
    assert "join_ids" not in make(tmp_path, table=table).describe()


def test_leading_zeros_are_kept_and_never_bridged(tmp_path: Path) -> None:
    table = TABLE.replace("p1;s1", "p1;007")
    with pytest.raises(DataError, match=r"1 rows have no image: 007 \(line 3\): '007' in the table, '7' among"):
        scan(tmp_path, table=table, images="7 s2 s3 s4")
    assert "007" in scan(tmp_path, table=table, images="007").scans.index


def test_rows_are_left_out_only_when_told_and_are_listed(tmp_path: Path) -> None:
    toml = TOML.replace("groups", 'rows_without_image = "leave out"\nleave_out = ["9"]\ngroups')
    table = TABLE + "p8;none;1;1;F;x\np9;s9;9;bad;F;x\n"
    cohort = scan(tmp_path, toml, table, "s1 s2 s3 s4 s9")
    assert len(cohort.scans) == 4
    found = {finding.code: finding.items for finding in cohort.findings}
    assert found["row-without-image"] == ("p8 (line 6)",)
    assert found["label-left-out"] == ("p9 (line 7)",)
    assert found["image-without-row"] == ("scans/s9.nii",)


def test_scans_are_named_by_their_column_else_by_subject_and_what_names_the_image(tmp_path: Path) -> None:
    by_subject = TOML.replace('scan = "scan"\n', "")
    assert scan(tmp_path, by_subject).scans.index.tolist() == ["p3_s4", "p1_s1", "p1_s2", "p2_s3"]
    single = TABLE.replace("p1;s2", "p4;s2")
    assert scan(tmp_path, by_subject, single).scans.index.tolist() == ["p3", "p1", "p4", "p2"]
    visits = TOML.replace("{scan}.nii", "{pid}_{scan}.nii")
    table = TABLE.replace("s4", "v1").replace("s1", "v1").replace("s2", "v2").replace("s3", "v1")
    cohort = scan(tmp_path, visits, table, "p3_v1 p1_v1 p1_v2 p2_v1")
    assert cohort.scans.index.tolist() == ["p3_v1", "p1_v1", "p1_v2", "p2_v1"]
    with pytest.raises(DataError, match=r"1 subjects are in several rows: subject 'p1' on lines 3, 4\. Name the scan"):
        scan(tmp_path, by_subject.replace("{scan}", "{pid}"))
    with pytest.raises(DataError, match=r"1 scans are in several rows: scan 'p1_s1' on lines 3, 4\. Correct them"):
        scan(tmp_path, table=TABLE.replace("p1;s2", "p1;s1"))


def test_masks_may_be_absent_and_are_listed(tmp_path: Path) -> None:
    toml = TOML.replace("subject", 'masks = "scans/{scan}_mask.nii"\nsubject')
    cohort = scan(tmp_path, toml, images="s1 s2 s3 s4 s1_mask s7_mask")
    assert cohort.scans["mask"].tolist() == [None, tmp_path / "scans/s1_mask.nii", None, None]
    found = {finding.code: finding.items for finding in cohort.findings}
    assert found["scan-without-mask"] == ("s4", "s2", "s3")
    assert found["mask-without-row"] == ("scans/s7_mask.nii",)
    assert "image-without-row" not in found  # a mask is no image left over


def test_further_tables_bring_columns_and_even_the_label(tmp_path: Path) -> None:
    (tmp_path / "labs.csv").write_text("who,afp,truth\np1,5,n\np2,7,y\np3,,y\np4,1,n\n", "utf-8")
    toml = TOML.replace('"outcome"', '"truth"').replace('["0"]', '["n"]').replace('["1"]', '["y"]')
    toml = toml.replace('["age", "sex"]', '["afp"]') + '[[tables]]\nfile = "labs.csv"\nkey = "who"\nto = "pid"\n'
    cohort = scan(tmp_path, toml)
    assert cohort.clinical["afp"].tolist()[1:] == [5, 5, 7]
    assert cohort.scans["label"].tolist() == [1, 0, 0, 1]
    assert cohort.columns[0].source == "labs.csv: afp"
    assert ("row-never-used", ("p4",)) in [(finding.code, finding.items) for finding in cohort.findings]


def test_columns_that_are_the_label_in_other_words_have_a_reason_to_be_left_out(tmp_path: Path) -> None:
    rows = "".join(f"p{k};s{k};{k % 2};{'ny'[k % 2]};{k}\n" for k in range(12))
    toml = TOML.replace('["age", "sex"]', '["twin", "age"]').replace('groups = ["site"]\n', "")
    task = make(tmp_path, toml, "pid;scan;outcome;twin;age\n" + rows, " ".join(f"s{k}" for k in range(12)))
    assert task.reason_to_leave_out("twin") is None  # not known before the table was read
    task.scan(tmp_path, Quiet())
    assert task.reason_to_leave_out("twin") == "each of its values goes with one class"
    assert task.reason_to_leave_out("age") is None
    assert task.reason_to_leave_out("outcome") == "the label"
    assert task.reason_to_leave_out("pid") == task.reason_to_leave_out("scan") == "an identifier"


def test_a_column_without_values_is_left_out_and_said(tmp_path: Path) -> None:
    table = "\n".join(f"{line};" for line in TABLE.strip().splitlines()).replace("site;", "site;empty", 1)
    cohort = scan(tmp_path, TOML.replace('"sex"]', '"empty"]'), table)
    assert [column.name for column in cohort.columns] == ["age"]
    assert ("column-without-values", ("empty",)) in [(f.code, f.items) for f in cohort.findings]


@pytest.mark.parametrize(
    ("toml", "table", "message"),
    [
        (TOML, TABLE.replace("p2;", ";"), r"t\.csv, line 5, column 'pid': 1 rows name no subject"),
        (TOML.replace('"pid"', '"PID"'), TABLE, r"column missing: 'PID' \(renamed to 'pid'\?\)"),
        (TOML.replace("t.csv", "u.csv"), TABLE, r"u\.csv: there is no such file; did you mean 't\.csv'"),
        (TOML.replace("{scan}", "{scam}"), TABLE, r"column missing: 'scam' \(renamed to 'scan'\?\)"),
        (
            TOML,
            TABLE.replace("s1", "../s1"),
            r"line 3, column 'scan': '\.\./s1' is a path, and a brace holds a name",
        ),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, toml: str, table: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        scan(tmp_path, toml, table)


def test_another_folder_may_hold_the_data(tmp_path: Path) -> None:
    make(tmp_path / "data")
    task = make(tmp_path / "toml", images="")
    assert len(task.scan(tmp_path / "data", Quiet()).scans) == 4
    with pytest.raises(DataError, match="there is no data folder"):
        task.scan(tmp_path / "nowhere", Quiet())


LABS = """pid;outcome;AFP (IU/mL);Kreatinin;HBs;CRP
p1;0;100;0,9;neg;<0,5
p2;1;>1000;1,1;+;12
p3;0;;-9;-;3,5
"""
NAMED = """
table = "t.csv"
images = {named_after = "pid"}
masks = {named_after = "pid"}
subject = "pid"
label = "outcome"
classes = ["0", "1"]
columns."AFP (IU/mL)" = {attribute = "AFP"}
columns.Kreatinin = {attribute = "creatinine", unit = "mg/dL"}
columns.HBs = {attribute = "HBsAg"}
columns.CRP = {unit = "mg/L"}
"""


def test_attributes_are_named_and_bring_unit_limits_and_words(tmp_path: Path) -> None:
    (tmp_path / "scans" / "p3").mkdir(parents=True)
    (tmp_path / "scans" / "p3" / "x.nii").touch()
    cohort = scan(tmp_path, NAMED, LABS, "ct_P1 p2 p2_mask p1_seg stranger")
    names = ["AFP", "AFP censored", "creatinine", "HBsAg", "CRP", "CRP censored"]
    assert [column.name for column in cohort.columns] == names
    got = cohort.clinical.loc[["p1", "p2", "p3"]]
    log = [np.log10(1 + 100 * 1.21), np.log10(1 + 1000 * 1.21), np.nan]
    np.testing.assert_allclose(got["AFP"], log, atol=1e-6)
    np.testing.assert_array_equal(got["AFP censored"], [0, 1, np.nan])
    np.testing.assert_allclose(got["creatinine"], [0.9 * 88.42, 1.1 * 88.42, np.nan])
    assert got["HBsAg"].tolist() == ["absent", "present", "absent"]
    np.testing.assert_array_equal(got["CRP"], [0.5, 12, 3.5])  # a bound is a number, and a column says which are bounds
    np.testing.assert_array_equal(got["CRP censored"], [-1, 0, 0])
    assert cohort.columns[2] == Column("creatinine", unit="umol/L", low=15, high=2000, source="t.csv: Kreatinin")
    found = {finding.code: finding.items for finding in cohort.findings}
    assert found["converted"] == (
        "column 'AFP (IU/mL)': IU/mL to ng/mL, times 1.21",
        "column 'Kreatinin': mg/dL to umol/L, times 88.42",
    )
    assert found["missing-code"] == ("line 4, column 'Kreatinin': -9",)
    assert found["image-without-row"] == ("scans/stranger.nii",)


def test_images_named_after_an_id_and_masks(tmp_path: Path) -> None:
    cohort = scan(tmp_path, NAMED, LABS, "ct_P1 p2 p3 p2_mask")
    images = {who: path.name for who, path in cohort.scans["image"].items()}
    assert images == {"p1": "ct_P1.nii", "p2": "p2.nii", "p3": "p3.nii"}
    assert cohort.scans["mask"].to_dict() == {"p1": None, "p2": tmp_path / "scans" / "p2_mask.nii", "p3": None}
    with pytest.raises(DataError, match=r"1 rows have no image: p3 \(line 4\)"):
        scan(tmp_path / "less", NAMED, LABS, "p1 p2")
    series = NAMED.replace("table", 'series = "late"\ntable', 1)
    found = scan(tmp_path / "two", series, LABS, "p1_late p1_early p2_late p3_late")
    assert [path.name for path in found.scans["image"]] == ["p1_late.nii", "p2_late.nii", "p3_late.nii"]
    with pytest.raises(DataError, match=r"1 subjects have several volumes: p1 \(line 2\): .*series = "):
        scan(tmp_path / "two", NAMED, LABS, "")


def test_empty_cells_may_be_left_out_and_wrong_paths_not(tmp_path: Path) -> None:
    toml = TOML.replace('"scans/{scan}.nii"', '{column = "file"}').replace('scan = "scan"\n', "")
    toml = 'rows_without_image = "leave out empty"\nrows_without_subject = "leave out"\n' + toml
    rows = ["p1;0;1;F;x;scans/s1.nii", "p1;0;2;F;x;scans/s2.nii", "p2;1;3;M;x;scans/s3.nii"]
    more = ["p3;1;4;M;x;", ";1;4;M;x;scans/s4.nii"]
    table = "\n".join(["pid;outcome;age;sex;site;file", *rows, *more, rows[0]])
    cohort = scan(tmp_path, toml, table)
    assert cohort.scans.index.tolist() == ["p1:scans/s1.nii", "p1:scans/s2.nii", "p2"]
    found = {finding.code: finding.items for finding in cohort.findings}
    assert found["row-without-image"] == ("p3 (line 5)",)
    assert found["row-without-subject"] == ("line 6",)
    assert found["repeated-row"] == ("line 7",)
    with pytest.raises(DataError, match=r"t\.csv, column 'file': 1 rows have no image: 'scans/lost\.nii' \(line 4\)"):
        scan(tmp_path, toml, table.replace("s3.nii", "lost.nii"))
    with pytest.raises(DataError, match=r"line 4, column 'file': .*cannot be looked at"):
        scan(tmp_path, toml, table.replace("s3.nii", "x" * 300))


def workbook(folder: Path, ids: list[object]) -> OwnTask:
    task = make(folder, TOML.replace("t.csv", "t.xlsx"), images="")
    book = Workbook()
    sheet: Any = book.active
    sheet.append(["pid", "scan", "outcome", "age", "sex", "site"])
    for number, pid in enumerate(ids):
        sheet.append([pid, f"s{number}", number % 2, 0.25 * (number + 1), "F", "x"])
        sheet.cell(number + 2, 4).number_format = "0%"
        (folder / "scans" / f"s{number}.nii").touch()
    book.save(folder / "t.xlsx")
    return task


def test_percentages_of_a_workbook_are_those_of_its_csv_and_noted(tmp_path: Path) -> None:
    cohort = workbook(tmp_path, ["p1", "p2"]).scan(tmp_path, Quiet())
    assert cohort.clinical["age"].tolist() == [25, 50]
    assert ("percentages", ("column 'age'",)) in [(f.code, f.items) for f in cohort.findings]
    table = "pid;scan;outcome;age;sex;site\np1;s0;0;25%;F;x\np2;s1;1;50 %;F;x\n"
    text = scan(tmp_path / "text", table=table, images="s0 s1")
    assert text.clinical["age"].tolist() == [25, 50]


def test_subjects_that_a_workbook_rounds_are_refused_by_their_cell(tmp_path: Path) -> None:
    task = workbook(tmp_path, ["p1", 1234567890123456])
    with pytest.raises(DataError, match=r"sheet 'Sheet', cell A3, column 'pid': .* Format the column as text"):
        task.scan(tmp_path, Quiet())


def test_masks_that_nobody_asked_for_are_no_images_without_a_row(tmp_path: Path) -> None:
    cohort = scan(tmp_path, TOML, images="s1 s2 s3 s4 s1_mask s9")
    found = {finding.code: finding.items for finding in cohort.findings}
    assert found["mask-without-row"] == ("scans/s1_mask.nii",)
    assert found["image-without-row"] == ("scans/s9.nii",)


def test_a_column_whose_name_ends_in_a_point_is_an_input_like_others(tmp_path: Path) -> None:
    toml = TOML.replace('"age"', '"Gew."').replace('scan = "scan"\n', "").replace("{scan}", "{pid}")
    table = "pid;outcome;Gew.;sex;site\np1;0;40;F;y\np2;1;60;M;x\np3;1;70;M;x\n"
    task = make(tmp_path, toml, table, "p1 p2 p3")
    found = audit_tables(task.scan(tmp_path, Quiet()), None, task)
    assert [finding.code for finding in found if finding.severity == "refusal"] == []


def test_rows_without_an_image_or_a_table_are_kept_on_request(tmp_path: Path) -> None:
    toml = TOML + 'rows_without_image = "keep"\nrows_without_table = "keep"\n'
    table = TABLE + "p4;s5;0;;;x\np5;s6;1;;NA;y\n"
    task = make(tmp_path, toml, table, "s1 s3 s4 s5")
    assert task.absent == ("image", "table")
    cohort = task.scan(tmp_path, Quiet())
    cohort.check()
    assert cohort.absent == ("image", "table")
    present = cohort.present
    assert present.index[~present["image"]].tolist() == ["s2"]
    assert present.index[~present["table"]].tolist() == ["s5"]
    assert cohort.scans.loc["s2", "image"] is None
    found = {finding.code: finding.items for finding in cohort.findings}
    assert found["row-without-image"] == ("s2 (line 4)", "s6 (line 7)")
    assert found["row-without-table"] == ("p4 (line 6)",)
    assert found["row-with-nothing"] == ("p5 (line 7)",)  # neither: nothing is left to go by


def test_a_path_that_leads_nowhere_is_no_absent_image(tmp_path: Path) -> None:
    toml = TOML.replace('"scans/{scan}.nii"', '{column = "file"}') + 'rows_without_image = "keep"\n'
    table = "pid;scan;outcome;age;sex;site;file\np1;s1;0;40;F;y;scans/s1.nii\np2;s2;1;50;F;y;\n"
    cohort = scan(tmp_path, toml, table, "s1")
    assert cohort.present["image"].tolist() == [True, False]
    with pytest.raises(DataError, match=r"1 rows have no image: 'scans/s9.nii' \(line 3\)"):
        scan(tmp_path, toml, table.replace("y;\n", "y;scans/s9.nii\n"), "s1")


def test_a_row_that_is_kept_has_all_of_its_images_or_none(tmp_path: Path) -> None:
    images = '{t1 = "scans/{scan}_t1.nii", flair = "scans/{scan}_flair.nii"}'
    toml = TOML.replace('"scans/{scan}.nii"', images) + 'rows_without_image = "keep"\n'
    whole = "s1_t1 s1_flair s3_t1 s3_flair s4_t1 s4_flair"
    cohort = scan(tmp_path, toml, images=whole)
    assert cohort.scans.loc["s2", ["image", "image:flair"]].isna().all()
    with pytest.raises(DataError, match=r"1 rows have no image: flair of s2.*has all of its images, or none"):
        scan(tmp_path, toml, images=whole + " s2_t1")


def test_subjects_whose_images_are_found_by_name_are_kept_without_one(tmp_path: Path) -> None:
    toml = TOML.replace('"scans/{scan}.nii"', '{named_after = "pid"}').replace('scan = "scan"\n', "")
    table = "pid;outcome;age;sex;site\np1;0;40;F;y\np2;1;50;F;y\np3;1;60;M;y\n"
    cohort = scan(tmp_path, toml + 'rows_without_image = "keep"\n', table, "p1 p3")
    assert cohort.present["image"].to_dict() == {"p1": True, "p2": False, "p3": True}
