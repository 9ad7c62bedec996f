"""``fusekit predict`` as a person uses it."""

from __future__ import annotations

import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from fusekit import Run
from fusekit.cli import program
from fusekit.data import Cohort, read
from fusekit.disk import signed
from fusekit.evaluation import Rule
from fusekit.extension import catalog
from tests.conftest import CommandLine

nibabel: Any = untyped_nibabel
runner, app = CliRunner(), program(catalog())


@pytest.fixture(scope="module")
def table(small_run: Run, small_cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of three test patients whose image paths are relative to it."""
    folder = tmp_path_factory.mktemp("patients")
    scans = small_run.predictions["scan"].drop_duplicates().head(3)
    rows = small_cohort.clinical.loc[scans]
    rows.insert(0, "image", [os.path.relpath(path, folder) for path in small_cohort.scans.loc[scans, "image"]])
    rows.insert(0, "subject", small_cohort.scans.loc[scans, "subject"])
    rows.to_csv(folder / "patients.csv", index=False)
    return folder / "patients.csv"


def test_several_patients_as_csv_and_json(small_run: Run, table: Path) -> None:
    expected = Rule().subjects(small_run.predictions).set_index("subject")["p_1"]
    arguments = ["predict", str(small_run.folder), "--clinical", str(table)]

    shown = runner.invoke(app, [*arguments, "--format", "csv"])
    predicted = pd.read_csv(StringIO(shown.stdout), dtype={"subject": str}).set_index("subject")
    assert len(predicted) == 3
    np.testing.assert_allclose(predicted["p_AD"], expected[predicted.index], atol=1e-6)

    shown = runner.invoke(app, [*arguments, "--format", "json", "--level", "slice"])
    rows = json.loads(shown.stdout)
    of_run = small_run.predictions[small_run.predictions["subject"].isin(predicted.index)]
    assert sorted(row["p_AD"] for row in rows) == pytest.approx(sorted(of_run["p_1"]), abs=1e-6)


def test_rows_without_a_name_are_numbered_and_it_is_said_how_to_name_them(small_run: Run, table: Path) -> None:
    unnamed = table.with_name("unnamed.csv")
    pd.read_csv(table, dtype=str).drop(columns="subject").assign(id="p7").to_csv(unnamed, index=False)
    said = "Subjects are the rows of unnamed.csv, numbered; a column `subject` names them."
    for path, expected in ((unnamed, True), (table, False)):
        shown = runner.invoke(app, ["predict", str(small_run.folder), "--clinical", str(path)])
        assert shown.exit_code == 0
        assert (said in " ".join(shown.stdout.split())) is expected


def test_one_patient_is_shown_with_slices_and_the_word_synthetic(small_run: Run, table: Path, tmp_path: Path) -> None:
    patient = pd.read_csv(table, dtype=str).head(1)
    patient.drop(columns="image").to_csv(tmp_path / "patient.csv", index=False)
    image = table.parent / patient["image"].iloc[0]
    shown = runner.invoke(
        app, ["predict", str(small_run.folder), "--image", str(image), "--clinical", str(tmp_path / "patient.csv")]
    )
    assert shown.exit_code == 0
    assert "SYNTHETIC" in shown.stdout
    subject = patient["subject"].iloc[0]
    p = Rule().subjects(small_run.predictions).set_index("subject").loc[subject, "p_1"]
    assert subject in shown.stdout
    assert f"{p:.4f}" in shown.stdout


def test_masks_lie_beside_the_table_or_behind_an_option(
    small_run: Run, table: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    bundle = tmp_path / "bundle"
    small_run.bundle.save(bundle)
    description = json.loads((bundle / "bundle.json").read_text())
    description["slices"]["largest"] = 2
    (bundle / "bundle.json").write_text(json.dumps(signed(description)))
    patients = pd.read_csv(table, dtype=str).head(2)
    volume = read(table.parent / patients["image"].iloc[0])
    marked = np.zeros(volume.data.shape, np.uint8)
    marked[5:9, [20, 31], 5:9] = 1
    nibabel.save(nibabel.Nifti1Image(marked, volume.affine), tmp_path / "mask.nii")
    patients["image"] = [os.path.relpath(table.parent / path, tmp_path) for path in patients["image"]]
    patients.assign(mask=["mask.nii", ""]).to_csv(tmp_path / "patients.csv", index=False)
    patients.head(1).drop(columns="image").to_csv(tmp_path / "one.csv", index=False)

    arguments = ["--level", "slice", "--format", "csv"]
    shown = runner.invoke(app, ["predict", str(bundle), "--clinical", str(tmp_path / "patients.csv"), *arguments])
    rows = pd.read_csv(StringIO(shown.stdout), dtype={"scan": str})
    assert rows.loc[rows["scan"] == "1", "slice"].tolist() == [20, 31]
    of_run = small_run.predictions[small_run.predictions["subject"] == patients["subject"].iloc[1]]
    assert rows.loc[rows["scan"] == "2", "slice"].tolist() == of_run["slice"].tolist()  # no mask: the range

    one = ["--image", str(tmp_path / patients["image"].iloc[0]), "--clinical", str(tmp_path / "one.csv")]
    mask = ["--mask", str(tmp_path / "mask.nii")]
    shown = runner.invoke(app, ["predict", str(bundle), *one, *mask, *arguments])
    alone = pd.read_csv(StringIO(shown.stdout))
    np.testing.assert_allclose(alone["p_AD"], rows.loc[rows["scan"] == "1", "p_AD"], atol=1e-6)

    code, said = command_line("predict", str(small_run.folder), *one, *mask)
    assert code == 2
    assert "slices are not chosen by a mask" in said
    code, said = command_line("predict", str(bundle), "--clinical", str(table), *mask)
    assert code == 2
    assert "--mask goes with --image" in said


def test_output_that_cannot_be_written_is_said_and_leaves_nothing(
    small_run: Run, table: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "p.csv"
    code, said = command_line("predict", str(small_run.folder), "--clinical", str(table), "--out", str(out))
    assert code == 2
    assert f"--out {out} cannot be written: Not a directory" in said
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_output_goes_to_a_file_whole(small_run: Run, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "predictions.csv"
    shown = runner.invoke(
        app, ["predict", str(small_run.folder), "--clinical", str(table), "--format", "csv", "--out", str(out)]
    )
    assert shown.exit_code == 0
    assert len(pd.read_csv(out)) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a patient"),
        (["--level", "patient"], "--level takes subject or slice"),
        (["--image", "x.nii"], "the patient has none of the 241 clinical columns that this model reads: AGE, PTGENDER"),
    ],
)
def test_what_is_missing_is_said(small_run: Run, arguments: list[str], message: str) -> None:
    shown = runner.invoke(app, ["predict", str(small_run.folder), *arguments])
    assert shown.exit_code != 0
    assert message in str(shown.exception) + shown.output
