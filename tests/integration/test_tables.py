"""Tables as hospitals have them, through every way that takes one: own data, the task hmi, drafts, predictions."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pandas as pd
import pytest
from openpyxl import Workbook

from fusekit import Run
from fusekit.audit import audit_tables
from fusekit.data import Cohort
from fusekit.data.draft.draft import as_toml, draft
from fusekit.data.own.task import OwnTask
from fusekit.errors import DataError
from fusekit.progress import Quiet
from fusekit_hmi.task import HmiTask
from tests.conftest import CommandLine
from tests.data.test_identity import TWICE
from tests.plugins.fusekit_hmi.conftest import write_nifti

nibabel: Any = untyped_nibabel

TOML = """table = "{table}"
images = "scans/{{id}}.nii"
subject = "id"
label = "outcome"
classes = ["0", "1"]
{more}
columns = {columns}
"""


def own(folder: Path, rows: list[list[Any]], columns: list[str], more: str = "", name: str = "t.csv") -> OwnTask:
    """Own data with a touched image per row; the first two columns are id and outcome."""
    (folder / "scans").mkdir(exist_ok=True)
    for row in rows[1:]:
        (folder / "scans" / f"{row[0]}.nii").touch()
    write(folder / name, rows)
    text = TOML.format(table=name, more=more, columns=json.dumps(columns))
    (folder / "my.toml").write_text(text, "utf-8")
    return OwnTask(folder / "my.toml")


def write(path: Path, rows: Sequence[Any]) -> None:
    """A table by its name: .csv with semicolons, .tsv, .xlsx."""
    if path.suffix == ".xlsx":
        book = Workbook()
        sheet: Any = book.active
        for row in rows:
            sheet.append(list(row))
        book.save(path)
        return
    separator = "\t" if path.suffix == ".tsv" else ";"
    path.write_text("\n".join(separator.join(map(str, row)) for row in rows) + "\n", "utf-8")


def ages(wrong: str) -> list[list[Any]]:
    return [["id", "outcome", "age"], *([f"p{k}", k % 2, 40 + 2 * k] for k in range(23)), ["p23", 1, wrong]]


@pytest.mark.parametrize("name", ["t.csv", "t.xlsx"])
def test_one_typing_error_among_24_ages_is_named_and_makes_no_category(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError) as caught:
        own(tmp_path, ages("6O"), ["age"], name=name).scan(tmp_path, Quiet())
    where = "t.csv, line 25" if name == "t.csv" else "t.xlsx, sheet 'Sheet', cell C25"
    assert f"{where}, column 'age': '6O' is no number." in str(caught.value)
    assert 'if it is a category all the same, say kind = "category"' in str(caught.value)


def test_a_censored_value_is_its_bound_and_a_second_column_says_so(tmp_path: Path) -> None:
    cohort = own(tmp_path, ages("< 60,5"), ["age"]).scan(tmp_path, Quiet())
    assert [column.name for column in cohort.columns] == ["age", "age censored"]
    assert cohort.clinical.iloc[-1].tolist() == [60.5, -1.0]
    assert cohort.clinical["age censored"].tolist()[:-1] == [0.0] * 23


def test_thousands_with_points_where_the_file_shows_decimal_commas(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["id", "outcome", "plt", "crp"], ["a", 0, "850", "0,5"], ["b", 1, "1.250", ""],
                             ["c", 0, "12.400", "1,25"]]  # fmt: skip
    task = own(tmp_path, rows, ["plt"])
    assert task.scan(tmp_path, Quiet()).clinical["plt"].tolist() == [850, 1250, 12400]
    task = own(tmp_path, [row[:3] for row in rows], ["plt"])
    with pytest.raises(DataError, match=r"t\.csv, line 3, column 'plt': '1\.250' may be 1\.25 or 1250"):
        task.scan(tmp_path, Quiet())
    task = own(tmp_path, [row[:3] for row in rows], ["plt"], name="t.xlsx")  # there a number is a number
    assert task.scan(tmp_path, Quiet()).clinical["plt"].tolist() == [850, 1.25, 12.4]


@pytest.mark.parametrize("label", ["1_0", "1,000", "\u0661", "\uff11", "#N/A"])
def test_a_label_that_is_no_class_is_named(tmp_path: Path, label: str) -> None:
    rows: list[list[Any]] = [["id", "outcome", "x"], ["a", 0, 1], ["b", label, 2], ["c", 1, 3]]
    with pytest.raises(DataError, match=rf"1 rows have a value of no class: '{label}' \(1\); .* on line 3"):
        own(tmp_path, rows, ["x"]).scan(tmp_path, Quiet())


def test_ids_and_dates_of_a_workbook_are_those_of_the_text(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["id", "outcome", "acquired", "x"]]
    rows += [[100.0 + k, float(k % 2), datetime.datetime(2006, 10, 1 + k), 0.5 * k] for k in range(6)]
    (tmp_path / "scans").mkdir()
    for k in range(6):
        (tmp_path / "scans" / f"{100 + k}.nii").touch()
    write(tmp_path / "t.xlsx", rows)
    toml = TOML.format(table="t.xlsx", more='groups = ["acquired"]', columns='["x"]')
    (tmp_path / "my.toml").write_text(toml, "utf-8")
    cohort = OwnTask(tmp_path / "my.toml").scan(tmp_path, Quiet())
    assert cohort.scans["subject"].tolist() == [str(100 + k) for k in range(6)]
    assert cohort.scans["label"].tolist() == [0, 1] * 3
    assert cohort.scans["acquired"].tolist() == [f"2006-10-{1 + k:02}" for k in range(6)]


def test_an_error_of_a_spreadsheet_is_named_by_its_cell_wherever_it_is_used(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["id", "outcome", "site", "x", "unused"],
        ["a", 0, "s", 1, "#REF!"],
        ["b", 1, "#N/A", 2, 1],
    ]
    rows += [["#VALUE!", 0, "s", "#DIV/0!", 1]]
    with pytest.raises(DataError) as caught:
        own(tmp_path, rows, ["x"], 'groups = ["site"]', "t.xlsx").scan(tmp_path, Quiet())
    text = str(caught.value)
    for cell, column in (("A4", "id"), ("C3", "site"), ("D4", "x")):
        assert f"t.xlsx, sheet 'Sheet', cell {cell}, column '{column}': '#" in text
    assert "#REF!" not in text


def test_a_further_table_may_be_a_sheet(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["id", "outcome"], ["a", 0], ["b", 1]]
    book = Workbook()
    first: Any = book.active
    first.append(["nothing"])
    labs: Any = book.create_sheet("Labs")
    for row in (["id", "crp"], ["b", 2.5], ["a", 1.5]):
        labs.append(row)
    book.save(tmp_path / "labs.xlsx")
    task = own(tmp_path, rows, ["crp"])
    further = '\n[[tables]]\nfile = "labs.xlsx"\nkey = "id"\nsheet = "Labs"\n'
    toml = tmp_path / "my.toml"
    toml.write_text(toml.read_text("utf-8") + further, "utf-8")
    task = OwnTask(toml)
    assert task.scan(tmp_path, Quiet()).clinical["crp"].tolist() == [1.5, 2.5]
    toml.write_text(toml.read_text("utf-8").replace('sheet = "Labs"\n', ""), "utf-8")
    with pytest.raises(DataError, match="several sheets: 'Sheet', 'Labs'"):
        OwnTask(toml).scan(tmp_path, Quiet())


def people(cohort: Cohort, task: OwnTask | HmiTask) -> tuple[str, ...]:
    """Spellings that the audit warns of."""
    found = [finding for finding in audit_tables(cohort, None, task) if finding.code == "similar-subjects"]
    return found[0].items if found else ()


def test_twelve_people_in_two_spellings_are_warned_of_in_own_data_and_joined_on_request(tmp_path: Path) -> None:
    names = [text for pair in TWICE for text in pair]
    rows = [["id", "outcome", "scan", "x"], *([name, k // 2 % 2, f"s{k}", k] for k, name in enumerate(names))]
    (tmp_path / "scans").mkdir()
    for k in range(24):
        (tmp_path / "scans" / f"s{k}.nii").touch()
    write(tmp_path / "t.csv", rows)
    toml = TOML.format(table="t.csv", more='scan = "scan"', columns='["x"]').replace("{id}", "{scan}")
    (tmp_path / "my.toml").write_text(toml, "utf-8")
    task = OwnTask(tmp_path / "my.toml")
    cohort = task.scan(tmp_path, Quiet())
    assert cohort.scans["subject"].nunique() == 24
    assert len(people(cohort, task)) == 12
    (tmp_path / "my.toml").write_text('join_ids = "alike"\n' + toml, "utf-8")
    task = OwnTask(tmp_path / "my.toml")
    cohort = task.scan(tmp_path, Quiet())
    assert cohort.scans["subject"].nunique() == 12
    assert people(cohort, task) == ()
    assert {finding.code: finding.count for finding in cohort.findings}["ids-joined"] == 12


def liver(folder: Path, names: list[str], table: str = "clinical.csv") -> None:
    for k, name in enumerate(names):
        write_nifti(folder / f"images/{name}.nii.gz", seed=k)
    write(folder / table, [["patient_id", "mvi", "age"], *([name, k // 2 % 2, 50 + k] for k, name in enumerate(names))])


def test_the_task_hmi_warns_of_one_person_in_two_spellings(tmp_path: Path) -> None:
    liver(tmp_path, ["P-1", "P\u20131", "P2", "P\u200b2", "100", "100.0", "Q1", "Q2"])
    cohort = HmiTask().scan(tmp_path, Quiet())
    found = people(cohort, HmiTask())
    assert len(found) == 3
    assert found[0] == "'100' and '100.0'"


def test_the_task_hmi_reads_a_sheet_and_names_what_is_wrong_by_its_cell(tmp_path: Path) -> None:
    liver(tmp_path, ["P1", "P2", "P3", "P4"], "clinical.xlsx")
    cohort = HmiTask(sheet="Sheet").scan(tmp_path, Quiet())
    assert cohort.clinical["age"].tolist() == [50, 51, 52, 53]
    rows: list[list[Any]] = [["patient_id", "mvi", "age"], ["P1", 0, 50], ["P2", 0, "6O"], ["P3", 1, 52], ["P4", 1, 53]]
    write(tmp_path / "clinical.xlsx", rows)
    with pytest.raises(DataError, match=r"clinical\.xlsx, sheet 'Sheet', cell C3, column 'age': '6O' is no number"):
        HmiTask().scan(tmp_path, Quiet())


@pytest.mark.parametrize("task", ["hmi", "named", "pattern"])
def test_an_image_spelt_otherwise_is_warned_of_and_joined_only_on_request(tmp_path: Path, task: str) -> None:
    liver(tmp_path, ["P1", "P2", "P3", "P4"])
    (tmp_path / "images/P4.nii.gz").rename(tmp_path / "images/P\u200b04.nii.gz")
    images = {"named": '{named_after = "patient_id"}', "pattern": '"images/{patient_id}.nii.gz"'}.get(task, "")
    toml = f'table = "clinical.csv"\nimages = {images}\nsubject = "patient_id"\nlabel = "mvi"\nclasses = ["0", "1"]\n'
    toml += 'columns = ["age"]\nrows_without_image = "leave out"\n'

    def read(join: str) -> Cohort:
        if task == "hmi":
            return HmiTask(join_ids="alike" if join else "exact").scan(tmp_path, Quiet())
        (tmp_path / "my.toml").write_text(toml + (f'join_ids = "{join}"\n' if join else ""), "utf-8")
        return OwnTask(tmp_path / "my.toml").scan(tmp_path, Quiet())

    if task != "hmi":  # which refuses rows whose image is lost, by their names
        cohort = read("")
        assert sorted(cohort.scans["subject"]) == ["P1", "P2", "P3"]
        (warning,) = [finding for finding in cohort.findings if finding.code == "similar-ids"]
        assert warning.severity == "warning"
        assert "'P4' in the table" in warning.items[0]
        assert "\\u200b04" in warning.items[0]
    joined = read("alike")
    assert sorted(joined.scans["subject"]) == ["P1", "P2", "P3", "P4"]
    (note,) = [finding for finding in joined.findings if finding.code == "ids-joined"]
    assert "\\u200b04" in note.items[0]


def test_a_draft_of_a_workbook_has_units_and_limits_of_known_attributes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    head = ["id", "outcome", "age", "creatinine", "Hb (g/dL)", "PLT", "AFP", "xyz"]
    rows: list[list[Any]] = [head]
    for k in range(20):
        values = [rng.normal(60, 9), rng.uniform(0.6, 1.4), rng.uniform(9, 15), rng.uniform(100, 400)]
        rows.append([f"p{k}", k // 2 % 2, *(round(float(value), 2) for value in values), "<0.6", round(k * 1.1, 1)])
    rows[3][5] = 1e6  # which no one has
    write(tmp_path / "t.xlsx", rows)
    (tmp_path / "scans").mkdir()
    for k in range(20):
        nibabel.save(nibabel.Nifti1Image(rng.normal(size=(4, 4, 4)), np.eye(4)), tmp_path / "scans" / f"p{k}.nii")
    made = draft(tmp_path, None, "Sheet")
    by_name = {column.name: column for column in made.columns}
    assert (by_name["age"].unit, by_name["age"].limits) == ("years", ("10", "110"))
    assert (by_name["creatinine"].unit, by_name["creatinine"].limits) == ("mg/dL", ("0.1696", "22.62"))  # not umol/L
    assert (by_name["Hb (g/dL)"].unit, by_name["Hb (g/dL)"].limits) == ("g/dL", ("2.5", "25"))
    assert by_name["PLT"].limits == ()
    assert "PLT is usually 3 to 1500 10^9/L" in by_name["PLT"].seen
    assert by_name["AFP"].kind == "number"
    assert by_name["xyz"].limits == ()
    text = as_toml(made, ".")
    assert 'sheet = "Sheet"' in text
    assert 'creatinine = {kind = "number", unit = "mg/dL", low = 0.1696, high = 22.62}' in text
    (tmp_path / "my.toml").write_text(text, "utf-8")
    cohort = OwnTask(tmp_path / "my.toml").scan(tmp_path, Quiet())
    assert {column.name: column.high for column in cohort.columns}["creatinine"] == 22.62


def test_a_draft_names_the_cell_that_is_no_number(tmp_path: Path) -> None:
    own(tmp_path, ages("6O"), ["age"])
    for path in (tmp_path / "scans").iterdir():
        nibabel.save(nibabel.Nifti1Image(np.zeros((3, 3, 3)), np.eye(4)), path)
    (age,) = [column for column in draft(tmp_path).columns if column.name == "age"]
    assert (age.kind, age.reason) == ("number", "")
    assert "correct what is no number: '6O'" in age.seen


def test_a_workbook_is_predicted_as_the_text_is(
    small_run: Run, small_cohort: Cohort, tmp_path: Path, command_line: CommandLine
) -> None:
    scans = small_run.predictions["scan"].drop_duplicates().head(2)
    rows = small_cohort.clinical.loc[scans]
    rows.insert(0, "image", [str(path) for path in small_cohort.scans.loc[scans, "image"]])
    rows.to_csv(tmp_path / "p.csv", index=False)
    with pd.ExcelWriter(tmp_path / "p.xlsx", engine="openpyxl") as book:
        rows.head(0).assign(other=1).to_excel(book, sheet_name="Other", index=False)
        rows.to_excel(book, sheet_name="New", index=False)
    said = []
    for table, more in (("p.csv", []), ("p.xlsx", ["--sheet", "New"])):
        path = str(tmp_path / table)
        code, text = command_line("predict", str(small_run.folder), "--clinical", path, "--format", "csv", *more)
        assert code == 0, text
        said.append(text)
    assert said[0] == said[1]
    code, text = command_line("predict", str(small_run.folder), "--clinical", str(tmp_path / "p.xlsx"))
    assert code == 2
    assert "several sheets: 'Other', 'New'" in text
