"""The table of who is who: one row a scan, and never the label in other words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusekit.data import Cohort, Column, Task, assign_folds
from fusekit.data.own.task import OwnTask
from fusekit.experiment.run.groups import subgroup_table
from fusekit.progress import Progress, Quiet
from fusekit_adni.task import AdniAdTask
from fusekit_hmi.task import HmiTask


class Asked(Task):
    """Of twelve subjects, the first with two scans."""

    title = "Is it so?"
    classes: tuple[str, ...] = ("no", "yes")
    subgroups: tuple[str, ...] = ("Sex", "gender", "AGE", "site", "verdict", "weight", "stage", "fold", "nowhere")

    def scan(self, folder: Path, progress: Progress) -> Cohort:
        subjects = ["s00", *(f"s{n:02d}" for n in range(12))]
        index = pd.Index([f"scan{n}" for n in range(13)], name="scan")
        label = np.array([int(subject[1:]) % 2 for subject in subjects])
        site = ["x", "y", None, *["x", "y"] * 5]
        groups = {"sex": ["F", "", *["F", "M", "M"] * 4][:13], "site": site, "fold": [7] * 13}
        verdict = np.where(label == 1, "ill", "well")
        scans = pd.DataFrame({"subject": subjects, "image": "-", "label": label, **groups, "verdict": verdict}, index)
        clinical = pd.DataFrame(
            {"SEX": ["other"] * 13, "Age": np.r_[np.nan, np.arange(12.0)], "stage": label * 2.0, "weight": 80.0}, index
        )
        columns = (Column("SEX", "category"), Column("Age"), Column("stage"), Column("weight"))
        return Cohort(scans, clinical, columns, self.target, (*groups, "verdict"))

    def reason_to_leave_out(self, column: str) -> str | None:
        return "what the label is made of" if column == "weight" else None


def table_of(task: Task, cohort: Cohort) -> pd.DataFrame:
    return subgroup_table(cohort, task, assign_folds(cohort.subjects, 2, seed=0))


def test_groups_come_before_columns_and_the_label_in_other_words_stays_out(tmp_path: Path) -> None:
    task = Asked()
    cohort = task.scan(tmp_path, Quiet())
    table = table_of(task, cohort)
    # Not: SEX (the group stands for it), verdict and stage (the label), weight (the task says so), fold (taken).
    assert list(table) == ["scan", "subject", "label", "fold", "sex", "Age", "site"]
    assert table["scan"].tolist() == [f"scan{n}" for n in range(13)]
    assert table["sex"].tolist() == cohort.scans["sex"].tolist()
    assert table["Age"].tolist()[1:] == list(np.arange(12.0))
    assert np.isnan(table["Age"][0])
    folds = assign_folds(cohort.subjects, 2, seed=0)
    assert table["fold"].tolist() == [folds[subject] for subject in cohort.scans["subject"]]
    assert table.groupby("subject")["fold"].nunique().eq(1).all()


def test_adni_by_sex_age_site_and_field_strength(small_cohort: Cohort, small_folder: Path) -> None:
    table = table_of(AdniAdTask(), small_cohort)
    assert list(table)[4:] == ["sex", "age", "site", "field_strength"]
    merged = pd.read_csv(next(small_folder.rglob("ADNIMERGE*.csv")), dtype=str)
    of_subject = merged.drop_duplicates("PTID").set_index("PTID")
    assert table["sex"].tolist() == of_subject.loc[table["subject"], "PTGENDER"].tolist()
    assert table["site"].tolist() == of_subject.loc[table["subject"], "SITE"].tolist()
    assert table["age"].between(50, 100).all()


def test_adni_blocks_are_its_tables(small_cohort: Cohort, small_folder: Path) -> None:
    blocks = {column.block for column in small_cohort.columns}
    assert {"ADNIMERGE", "APOERES", "UPENNBIOMK_MASTER", "LABDATA"} <= blocks
    files = [path.name for path in small_folder.rglob("*.csv")]
    assert all(any(name.startswith(block) for name in files) for block in blocks)


def test_hmi_by_its_own_names(tmp_path: Path) -> None:
    task = HmiTask()
    task.synthesize(tmp_path, Quiet(), seed=1, subjects=8)
    cohort = task.scan(tmp_path, Quiet())
    table = table_of(task, cohort)
    assert list(table)[4:] == [name for name in ("sex", "age", "site", "scanner") if name in cohort.groups]
    assert {"sex", "age", "scanner"} <= set(table)
    assert set(table["sex"]) <= {"Male", "Female", ""}
    assert table["age"].tolist() == cohort.clinical["age"].tolist()
    assert {column.block for column in cohort.columns} == {"clinical"}


TOML = """
table = "t.csv"
images = "scans/{pid}.nii"
subject = "pid"
label = "outcome"
classes = {benign = ["0"], malignant = ["1"]}
columns = ["age", "afp", "height"]
groups = ["centre", "outcome"]
[[tables]]
file = "labs.csv"
key = "pid"
"""


def own(folder: Path, more: str = "") -> tuple[OwnTask, Cohort]:
    rows = [f"p{n},{n % 2},{40 + n},{'ab'[n // 6]},{'left' if n < 5 else 'right'}" for n in range(12)]
    (folder / "t.csv").write_text("pid,outcome,age,centre,side\n" + "\n".join(rows) + "\n", "utf-8")
    labs = [f"p{n},{n * 1.5},{150 + n}" for n in range(12)]
    (folder / "labs.csv").write_text("pid,afp,height\n" + "\n".join(labs) + "\n", "utf-8")
    (folder / "my.toml").write_text(more + TOML, "utf-8")
    (folder / "scans").mkdir()
    for n in range(12):
        (folder / "scans" / f"p{n}.nii").touch()
    task = OwnTask(folder / "my.toml")
    return task, task.scan(folder, Quiet())


def test_own_data_by_their_groups_and_the_usual_names(tmp_path: Path) -> None:
    task, cohort = own(tmp_path)
    table = table_of(task, cohort)
    assert list(table)[4:] == ["centre", "age"]
    assert table["centre"].tolist() == ["a"] * 6 + ["b"] * 6
    assert {column.name: column.block for column in cohort.columns} == {"age": "t", "afp": "labs", "height": "labs"}


@pytest.mark.parametrize("named", ['["side", "height"]', '"side"'])
def test_own_data_by_what_the_toml_names(tmp_path: Path, named: str) -> None:
    task, cohort = own(tmp_path, f"subgroups = {named}\n")
    table = table_of(task, cohort)
    assert list(table)[4:] == ["side", "height"][: len(list(table)) - 4]
    assert ("height" in table) == ("height" in named)
    assert table["side"].tolist() == ["left"] * 5 + ["right"] * 7
    assert cohort.groups == ("centre", "outcome", "side")
