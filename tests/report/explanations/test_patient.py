"""One patient explained from Python: what the command writes, and nothing else."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import fusekit
from fusekit import Bundle, Run
from fusekit.bundle.average import AverageBundle
from fusekit.data import Cohort
from fusekit.errors import DataError, OptionError
from tests.conftest import CommandLine


@pytest.fixture(scope="module")
def bundle(small_run: Run) -> Bundle:
    return fusekit.load(small_run.folder)


@pytest.fixture
def patient(small_run: Run, small_cohort: Cohort, tmp_path: Path) -> tuple[Path, Path]:
    scan = small_run.predictions["scan"].iloc[0]
    small_cohort.clinical.loc[[scan]].to_csv(tmp_path / "patient.csv", index=False)
    return Path(small_cohort.scans.loc[scan, "image"]), tmp_path / "patient.csv"


def test_a_bundle_explains_as_the_command_does(
    bundle: Bundle, small_run: Run, patient: tuple[Path, Path], tmp_path: Path, command_line: CommandLine
) -> None:
    image, clinical = patient
    found = bundle.explain(image, clinical, what_if={"AGE": [60, 85], "PTGENDER": []})
    asked = ["--what-if", "AGE=60", "--what-if", "AGE=85", "--what-if", "PTGENDER"]
    given = ["--image", str(image), "--clinical", str(clinical), *asked, "--out", str(tmp_path / "out")]
    code, _ = command_line("explain", str(small_run.folder), *given)
    assert code == 0
    written = pd.read_csv(tmp_path / "out" / "attributions.csv")
    np.testing.assert_allclose(found.attributions["attribution"], written["attribution"], atol=1e-6)
    answers = pd.read_csv(tmp_path / "out" / "what_if.csv")
    np.testing.assert_allclose(found.answers["p_1"], answers["p_1"], atol=1e-6)
    assert found._repr_png_() == (tmp_path / "out" / "explanation.png").read_bytes()
    assert repr(found).startswith("Explained(p(AD) = 0.")
    assert repr(found).endswith("model of a SYNTHETIC cohort)")


def test_of_an_average_the_first_model_is_explained(bundle: Bundle, patient: tuple[Path, Path]) -> None:
    other = deepcopy(bundle.model)
    with torch.no_grad():
        for weights in other.parameters():
            weights.mul_(0.5)
    average = AverageBundle.of([bundle, replace(bundle, model=other)])
    found, alone = average.explain(*patient, what_if="AGE=60"), bundle.explain(*patient, what_if="AGE=60")
    assert found.attributions.equals(alone.attributions)
    assert found.answers.equals(alone.answers)
    assert found.predicted == alone.predicted
    np.testing.assert_array_equal(found.map, alone.map)
    assert "(the first of 2 models)" in repr(found)
    assert "the first of" not in repr(alone)


def test_questions_may_be_text_and_wrong_ones_are_refused_by_name(bundle: Bundle, patient: tuple[Path, Path]) -> None:
    assert set(bundle.explain(*patient, what_if="AGE=60").answers["column"]) == {"AGE"}
    with pytest.raises(DataError, match="this model reads no column 'AGEE'; did you mean 'AGE'"):
        bundle.explain(*patient, what_if={"AGEE": 60})
    with pytest.raises(OptionError, match="what_if takes texts separated by commas, not 60"):
        bundle.explain(*patient, what_if=60)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="give a patient"):
        bundle.explain()


def test_a_bundle_shows_itself_in_a_line_and_as_a_table(bundle: Bundle, small_run: Run) -> None:
    auc = small_run.scores.query("level == 'subject' and metric == 'auc'").iloc[0]
    said = f"Bundle(adni-ad: rbca, test_resnet, {auc['subjects']} subjects, AUC {auc['value']:.2f} ["
    assert repr(bundle).startswith(said)
    assert repr(bundle).endswith("], SYNTHETIC)")
    assert f"<td>{auc['value']:.3f} [" in bundle._repr_html_()
