"""``fusekit explain`` as a person uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fusekit import Run
from fusekit.data import Cohort
from tests.conftest import CommandLine


@pytest.fixture
def patient(small_run: Run, small_cohort: Cohort, tmp_path: Path) -> list[str]:
    scan = small_run.predictions["scan"].iloc[0]
    small_cohort.clinical.loc[[scan]].to_csv(tmp_path / "patient.csv", index=False)
    return ["--image", str(small_cohort.scans.loc[scan, "image"]), "--clinical", str(tmp_path / "patient.csv")]


def test_a_patient_is_explained(small_run: Run, patient: list[str], tmp_path: Path, command_line: CommandLine) -> None:
    out = tmp_path / "out"
    asked = ["--what-if", "AGE=60", "--what-if", "AGE=85", "--what-if", "PTGENDER"]
    code, said = command_line("explain", str(small_run.folder), *patient, *asked, "--out", str(out))
    assert code == 0, said
    assert "SYNTHETIC" in said
    names = {path.name for path in out.iterdir()}
    assert names == {
        "explanation.png", "explanation.svg", "attributions.csv", "what_if.csv", "gates.csv", "image.npy", "map.npy",
        "what_if.npy"
    }  # fmt: skip
    gates = pd.read_csv(out / "gates.csv")
    assert set(gates["part"]) == {"injector"}
    assert gates["low"].min() >= 0.5  # RBCA's
    with Image.open(out / "explanation.png") as picture:
        assert picture.size[0] > 1000
    drawn = (out / "explanation.svg").read_text()
    assert "SYNTHETIC" in drawn
    assert ">R<" in drawn  # the patient's right is marked
    answers = pd.read_csv(out / "what_if.csv")
    assert answers["column"].value_counts().to_dict() == {"AGE": 3, "PTGENDER": 2}
    assert np.load(out / "what_if.npy").shape == (5, 32, 32)
    first = small_run.predictions[small_run.predictions["scan"] == small_run.predictions["scan"].iloc[0]]
    own = answers[answers["is_original"]]["p_1"]
    assert np.abs(first["p_1"].to_numpy()[:, None] - own.to_numpy()[None]).min() < 1e-6
    assert len(pd.read_csv(out / "attributions.csv")) == 241


def test_no_side_is_named_where_the_file_has_no_orientation(
    small_run: Run, patient: list[str], tmp_path: Path, command_line: CommandLine
) -> None:
    image: Any = nibabel.load(patient[1])
    image.set_sform(None, code=0)
    image.set_qform(None, code=0)
    nibabel.save(image, tmp_path / "bare.nii")
    out = tmp_path / "out"
    code, said = command_line(
        "explain", str(small_run.folder), "--image", str(tmp_path / "bare.nii"), *patient[2:], "--out", str(out)
    )
    assert code == 0, said
    drawn = (out / "explanation.svg").read_text()
    assert not any(f">{letter}<" in drawn for letter in "RLAPSI")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--what-if", "AGEE=60"], "--what-if AGEE=60: this model reads no column 'AGEE'; did you mean 'AGE'"),
        (["--what-if", "AGE=old"], "'old' is no number"),
        (["--what-if", "AGE=7210"], "7210 years is outside"),
        (["--what-if", "PTGENDER=Femme"], "the model knows no category 'Femme'"),
    ],
)
def test_what_does_not_fit_is_named(
    small_run: Run, patient: list[str], tmp_path: Path, command_line: CommandLine, arguments: list[str], message: str
) -> None:
    out = tmp_path / "out"
    code, said = command_line("explain", str(small_run.folder), *patient, *arguments, "--out", str(out))
    assert code == 2
    assert message in said
    assert not out.exists()


def test_a_patient_must_be_given(small_run: Run, command_line: CommandLine) -> None:
    code, said = command_line("explain", str(small_run.folder))
    assert code == 2
    assert "give a patient" in said
