"""What a shipped model calls is what it was tested to call: thresholds, aggregation, temperature."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

import fusekit
from fusekit import Run
from fusekit.cli import program
from fusekit.data import Cohort
from fusekit.errors import DataError
from fusekit.evaluation import AGGREGATIONS, Rule, score
from fusekit.evaluation.calibration.reliability import apply_temperature
from fusekit.evaluation.metrics.classes import Accuracy, Sensitivity, Specificity
from fusekit.extension import catalog
from fusekit.progress import Quiet
from tests.conftest import SMALL_OPTIONS
from tests.hostile import of_one_channel

CALLS = {"accuracy": Accuracy(), "sensitivity": Sensitivity(), "specificity": Specificity()}


@pytest.fixture(scope="module")
def run(_surroundings: None, _without_report: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One fold, whose model is shipped, with a threshold and another aggregation than the usual."""

    def nothing(fold: object, predictions: pd.DataFrame, *_: object, **__: object) -> pd.DataFrame:
        return Rule("max").subjects(predictions).assign(condition="as-is")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("fusekit.experiment.run.fit.explained.explain_fold", nothing)
        return fusekit.run(
            "adni-ad",
            fusion="concat",
            backbone="test_resnet",
            epochs=2,
            image_size=32,
            batch_size=8,
            seed=2,
            validation=0.4,
            threshold="youden",
            aggregate="max",
            options=SMALL_OPTIONS,
            out=tmp_path_factory.mktemp("rule") / "run",
            progress=Quiet(),
        )


@pytest.fixture(scope="module")
def patients(run: Run, small_cohort: Cohort) -> pd.DataFrame:
    """The tested subjects as files and text."""
    scans = run.predictions["scan"].drop_duplicates()
    text = small_cohort.clinical.loc[scans].astype(object).map(lambda value: "" if pd.isna(value) else str(value))
    of_scan = small_cohort.scans.loc[scans]
    return text.assign(subject=of_scan["subject"], scan=scans.to_numpy(), image=of_scan["image"].map(str))


def test_predict_calls_what_the_run_was_scored_by(run: Run, patients: pd.DataFrame) -> None:
    bundle = fusekit.load(run.folder)
    evaluation = run.manifest["evaluation"]
    assert bundle.rule == Rule.of_manifest(run.manifest) == Rule.fit(_validation(run), "max", "youden")
    assert bundle.rule.aggregate == evaluation["aggregate"] == "max"
    slices, subjects = bundle.predict(patients, allow_out_of_range=True)

    tested = run.predictions
    by_hand = tested.groupby("subject")["p_1"].max()
    threshold = evaluation["thresholds"]["0"]["subject"]
    called = subjects.set_index("subject")["called"]
    assert called.to_dict() == {s: bundle.classes[int(p > threshold)] for s, p in by_hand.items()}
    truth = tested.groupby("subject")["label"].first().map(dict(enumerate(bundle.classes)))
    accuracy = run.metrics.query("level == 'subject' and metric == 'accuracy'")["value"].item()
    assert (called == truth).mean() == pytest.approx(accuracy)
    of_slices = tested["p_1"] > evaluation["thresholds"]["0"]["slice"]
    assert slices["called"].tolist() == [bundle.classes[int(call)] for call in of_slices]

    temperatures = evaluation["temperatures"]
    shown = by_hand.to_numpy()
    if temperatures:
        shown = apply_temperature(np.column_stack([1 - shown, shown]), temperatures["0"])[:, 1]
        assert (subjects["temperature"] == temperatures["0"]).all()
    np.testing.assert_allclose(subjects["p_1"], shown, atol=1e-5)
    assert ((subjects["p_1"] > subjects["threshold"]) == (subjects["called"] == bundle.classes[1])).all()


@pytest.mark.parametrize("how", AGGREGATIONS)
@pytest.mark.parametrize("threshold", ["argmax", "youden"])
def test_every_aggregation_is_shipped(
    run: Run, patients: pd.DataFrame, tmp_path: Path, how: str, threshold: str
) -> None:
    rule = Rule.fit(_validation(run), how, threshold)
    replace(run.bundle, rule=rule).save(tmp_path / "bundle")
    bundle = fusekit.load(tmp_path / "bundle")
    assert bundle.rule == rule
    called = bundle.predict(patients, allow_out_of_range=True).subjects.set_index("subject")["called"]
    truth = run.predictions.groupby("subject")["label"].first()
    right = called.map({name: k for k, name in enumerate(bundle.classes)}) == truth
    scores = score(run.predictions, CALLS, rule).set_index(["level", "metric"])["value"]
    assert right.mean() == pytest.approx(scores["subject", "accuracy"])
    for metric, label in (("sensitivity", 1), ("specificity", 0)):
        assert right[truth == label].mean() == pytest.approx(scores["subject", metric])


def test_an_older_bundle_calls_by_its_provenance(run: Run, tmp_path: Path) -> None:
    run.bundle.save(tmp_path / "bundle")
    path = tmp_path / "bundle" / "bundle.json"
    description = json.loads(path.read_text())
    thresholds = {"0": {"slice": 0.4, "subject": 0.275}}
    description["provenance"] |= {"evaluation": {"thresholds": thresholds}}
    del description["rule"], description["checksum"]
    of_one_channel(description)
    path.write_text(json.dumps({**description, "format": 1}))
    assert fusekit.load(tmp_path / "bundle").rule == Rule("max", {0: thresholds["0"]})
    description["provenance"] = {"plugins": []}
    path.write_text(json.dumps({**description, "format": 1}))
    assert fusekit.load(tmp_path / "bundle").rule == Rule()


def test_predictions_say_threshold_and_temperature(run: Run, patients: pd.DataFrame, tmp_path: Path) -> None:
    rule = Rule("median", {0: {"slice": 0.4, "subject": 0.275}}, {0: 1.7})
    replace(run.bundle, rule=rule).save(tmp_path / "bundle")
    patients.to_csv(tmp_path / "patients.csv", index=False)
    command = ["predict", str(tmp_path / "bundle"), "--clinical", str(tmp_path / "patients.csv"), "--device", "cpu"]
    command += ["--allow-out-of-range"]
    shown = CliRunner().invoke(program(catalog()), command)
    assert shown.exit_code == 0, shown.output
    said = " ".join(shown.stdout.split())
    assert "AD is called above 0.3612 (slices: 0.4000), fitted on validation subjects" in said
    assert "calibrated with temperature 1.7" in said
    assert "median" in said


def test_a_prediction_moves_no_model_and_is_the_same_alone(run: Run, patients: pd.DataFrame) -> None:
    model = run.bundle.model
    for weight in model.parameters():
        weight.data = weight.data.contiguous()
    bundle = replace(run.bundle, model=model)
    before = [(weight.data_ptr(), weight.stride()) for weight in model.parameters()]
    together = bundle.predict(patients, allow_out_of_range=True, device="cpu").slices
    assert [(weight.data_ptr(), weight.stride()) for weight in model.parameters()] == before
    alone = pd.concat(
        [bundle.predict(patients.iloc[[row]], allow_out_of_range=True).slices for row in range(len(patients))]
    )
    np.testing.assert_allclose(alone["p_1"], together["p_1"], atol=1e-6)
    pd.testing.assert_frame_equal(
        alone[["subject", "scan", "slice", "called"]].reset_index(drop=True),
        together[["subject", "scan", "slice", "called"]],
    )


def test_what_is_no_number_is_no_call(run: Run, patients: pd.DataFrame, tmp_path: Path) -> None:
    bundle = run.bundle
    wrong = replace(bundle, pixels=bundle.pixels._replace(mean=(float("nan"),)))
    first = patients["subject"].iloc[0]
    with pytest.raises(DataError, match=f"p_0 of subject {first}, scan"):
        wrong.predict(patients, allow_out_of_range=True)
    wrong.save(tmp_path / "pixels")
    with pytest.raises(DataError, match=r"pixels\.mean\[0\] is the number nan"):
        fusekit.load(tmp_path / "pixels")
    size, columns = bundle.image_size, len(bundle.encoding.features) if bundle.encoding else 0
    with pytest.raises(DataError, match="no numbers for rows 1;"):
        bundle(
            torch.full((2, 1, size, size), 0.5).index_fill_(0, torch.tensor([1]), torch.inf), torch.zeros(2, columns)
        )
    name, weight = next(iter(bundle.model.state_dict().items()))
    kept = weight.clone()
    weight.view(-1)[0] = torch.nan
    bundle.save(tmp_path / "weights")
    weight.copy_(kept)
    with pytest.raises(DataError, match=f"{name} holds a value that is not a finite number"):
        fusekit.load(tmp_path / "weights")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"subject": "one", "scan": "a"}, "patient 2: scan a of subject one is there twice"),
        ({"subject": None}, "patient 1: subject is empty"),
        ({"scan": " "}, "patient 1: scan is empty"),
    ],
)
def test_patients_that_would_become_one_are_refused(
    run: Run, patients: pd.DataFrame, changed: dict[str, str | None], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        run.bundle.predict(patients.assign(**changed))


def _validation(run: Run) -> pd.DataFrame:
    assert run.validation is not None
    return run.validation
