"""A frozen model on another cohort: it stays as it is, and whatever does not fit stops before anything is written."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import fusekit
from fusekit import Run
from fusekit.bundle.bundle import Bundle
from fusekit.data import Classes, Cohort, build_store
from fusekit.data.store.cache import cache_folder
from fusekit.errors import DataError, LeakageError, OptionError
from fusekit.evaluation import Rule, score
from fusekit.evaluation.calibration.recalibration import CalibrationMap
from fusekit.experiment.external.external import FILES, RECALIBRATED, evaluate
from fusekit.experiment.setup.cohort import synthetic_cohort
from fusekit.extension import catalog
from fusekit.models import build
from fusekit.progress import Quiet
from fusekit_adni.task import AdniAdTask

#: The same task's synthetic cohort, of other people.
OTHER = {"synthetic": {"subjects": 16, "seed": 1}}


@pytest.fixture(scope="module")
def other_folder(_surroundings: None) -> Path:
    return synthetic_cohort("adni-ad", AdniAdTask(), OTHER, Quiet())


@pytest.fixture(scope="module")
def other(other_folder: Path) -> Cohort:
    return AdniAdTask().scan(other_folder, Quiet())


@pytest.fixture(autouse=True)
def _without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longest; the one evaluation that all tests share has them."""
    monkeypatch.setattr("fusekit.experiment.external.external.external_pictures", lambda **_: [])


def _evaluate(bundle: Path, out: Path, **given: Any) -> Run:
    settings: dict[str, Any] = {"options": OTHER, "allow": ["out-of-range"], "progress": Quiet(), **given}
    return evaluate(bundle, out=out, **settings)


@pytest.fixture(scope="module")
def external(small_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return _evaluate(small_run.folder, tmp_path_factory.mktemp("external") / "other")


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Cohort], Cohort]], None]:
    """Let the task read a cohort that was changed."""
    scan = AdniAdTask.scan

    def plant(change: Callable[[Cohort], Cohort]) -> None:
        monkeypatch.setattr(AdniAdTask, "scan", lambda *given: change(scan(*given)))

    return plant


def _with(cohort: Cohort, name: str, values: pd.Series) -> Cohort:
    return replace(cohort, clinical=cohort.clinical.assign(**{name: values}))


def _without(cohort: Cohort, name: str) -> Cohort:
    columns = tuple(column for column in cohort.columns if column.name != name)
    return replace(cohort, clinical=cohort.clinical.drop(columns=name), columns=columns)


def test_the_folder_is_a_run_that_tested_everybody(external: Run, other: Cohort) -> None:
    assert {path.name for path in external.folder.iterdir()} == set(FILES)
    assert len(list((external.folder / "figures").iterdir())) == 12
    predictions = external.predictions
    assert set(predictions["subject"]) == set(other.scans["subject"])
    assert (predictions["fold"] == 0).all()
    manifest = external.manifest
    assert (manifest["kind"], manifest["arm"], manifest["synthetic"]) == ("external", "rbca", True)
    assert manifest["evaluation"]["folds"] == manifest["config"]["folds"] == 1
    assert manifest["config"]["options"]["synthetic"] == OTHER["synthetic"]
    assert manifest["flow"]["kept"]["subjects"] == predictions["subject"].nunique()
    assert sum(manifest["flow"]["folds"][0]["subjects"].values()) == predictions["subject"].nunique()
    metrics = {name: catalog().metrics.get(name)() for name in AdniAdTask.metrics}
    expected = score(predictions, metrics)
    np.testing.assert_allclose(external.metrics["value"].astype(float), expected["value"], rtol=1e-12)
    cohort = pd.read_csv(external.folder / "cohort.csv", dtype={"subject": str}).set_index("scan")
    assert {"subject", "label", "fold", "age"} <= set(cohort)
    assert cohort["age"].tolist() == pytest.approx(other.scans["age"].tolist(), nan_ok=True)


def test_the_model_is_frozen(external: Run, small_run: Run, other: Cohort) -> None:
    bundle = small_run.bundle
    store = build_store(other.scans, bundle.slices, bundle.image_size, cache_folder("slices"), Quiet())
    columns = bundle.encode(other.clinical.loc[store.rows["scan"]])
    expected = bundle.probabilities(store.images, columns)
    np.testing.assert_array_equal(external.predictions[["p_0", "p_1"]].to_numpy(), expected)


def test_a_patient_gets_what_predict_gives(external: Run, small_run: Run, other: Cohort) -> None:
    scan = external.predictions["scan"].iloc[0]
    patient = other.clinical.loc[[scan]].assign(image=str(other.scans.loc[scan, "image"]), subject="x", scan=scan)
    predicted = small_run.bundle.predict(patient, allow_out_of_range=True).slices
    own = external.predictions[external.predictions["scan"] == scan]
    assert predicted["slice"].tolist() == own["slice"].tolist()
    np.testing.assert_allclose(predicted[["p_0", "p_1"]], own[["p_0", "p_1"]], atol=1e-6)


def test_the_training_scores_stand_beside(external: Run, small_run: Run) -> None:
    content = json.loads((external.folder / "metrics.json").read_text())
    rows = pd.DataFrame(content["comparison-with-training"]).set_index(["level", "metric"]).astype(float)
    before = small_run.metrics.set_index(["level", "metric"])
    after = external.metrics.set_index(["level", "metric"])
    for side, table in (("internal", before), ("external", after)):
        np.testing.assert_allclose(rows[side], table["value"].astype(float)[rows.index])
    assert (rows["external_subjects"] == external.predictions["subject"].nunique()).all()
    counts = {name: part["subjects"] for name, part in small_run.manifest["data"]["folds"]["0"]["train"].items()}
    prevalence = pd.read_csv(external.folder / "prevalence.csv").set_index("class")["training_subjects"]
    assert prevalence.to_dict() == counts


def test_a_planted_shift_has_the_size_that_was_planted_and_known_subjects_are_named(
    external: Run, small_run: Run, other: Cohort, tmp_path: Path, planted: Any
) -> None:
    small_run.bundle.save(tmp_path / "run" / "bundle")
    known = sorted(set(other.scans["subject"]))[:2]
    table = pd.DataFrame({"scan": ["1", "2", "3"], "subject": [*known, "somebody"]})
    table.to_csv(tmp_path / "run" / "cohort.csv", index=False)
    encoding = small_run.bundle.encoding
    assert encoding is not None
    age = next(column for column in encoding.columns if column.name == "AGE")
    planted(lambda cohort: _with(cohort, "AGE", cohort.clinical["AGE"] + age.scale))
    shifted = _evaluate(tmp_path / "run", tmp_path / "shifted")
    before, after = (
        pd.read_csv(run.folder / "shift.csv").set_index("column").loc["AGE"] for run in (external, shifted)
    )
    assert after["difference"] == pytest.approx(before["difference"] + 1)
    assert after["sd_ratio"] == pytest.approx(before["sd_ratio"])
    assert (shifted.predictions["p_1"] != external.predictions["p_1"]).any()
    found = {finding["code"]: finding for finding in shifted.manifest["findings"]}
    assert (found["known-subject"]["items"], found["known-subject"]["severity"]) == (known, "warning")
    assert "known-subject" not in {finding["code"] for finding in external.manifest["findings"]}


def test_a_hidden_column_is_refused_unless_it_may_be_missing(
    external: Run, small_run: Run, other: Cohort, tmp_path: Path, planted: Any
) -> None:
    planted(lambda cohort: _without(cohort, "AGE"))
    with pytest.raises(LeakageError, match=r"missing-column \(1\).*\n  AGE \(years") as refused:
        _evaluate(small_run.folder, tmp_path / "out")
    assert "--allow missing-column" in str(refused.value)
    assert "Nothing was written" in str(refused.value)
    assert list(tmp_path.iterdir()) == []
    done = _evaluate(small_run.folder, tmp_path / "out", allow=["missing-column", "out-of-range"])
    row = pd.read_csv(done.folder / "shift.csv").set_index("column").loc["AGE"]
    assert (row["verdict"], row["missing"]) == ("absent", 1)
    assert done.manifest["external"]["absent"] == ["AGE"]
    columns = small_run.bundle.encode(other.clinical.assign(AGE=np.nan))
    first = done.predictions[done.predictions["scan"] == done.predictions["scan"].iloc[0]]
    store = build_store(other.scans, small_run.bundle.slices, 32, cache_folder("slices"), Quiet())
    place = list(other.scans.index).index(first["scan"].iloc[0])
    expected = small_run.bundle.probabilities(store.images[first["row"].to_numpy()], columns[[place] * len(first)])
    np.testing.assert_allclose(first[["p_0", "p_1"]], expected, atol=1e-6)


def test_another_unit_is_refused_by_its_name_and_by_its_values(small_run: Run, tmp_path: Path, planted: Any) -> None:
    def milli(cohort: Cohort) -> Cohort:
        columns = tuple(replace(c, unit="months", high=None) if c.name == "AGE" else c for c in cohort.columns)
        return replace(_with(cohort, "AGE", cohort.clinical["AGE"] * 12), columns=columns)

    planted(milli)
    with pytest.raises(LeakageError) as refused:
        _evaluate(small_run.folder, tmp_path / "out", allow=[])
    text = str(refused.value)
    assert "this cohort is not what the frozen model was made for, for 2 reasons" in text
    assert "AGE: months here, years in training" in text
    ratio = re.search(r"Most values are outside in AGE \(median ([\d.]+) times the training mean\)", text)
    assert ratio is not None
    assert float(ratio[1]) == pytest.approx(12, rel=0.1)
    assert "--allow out-of-range" in text
    assert list(tmp_path.iterdir()) == []


def test_the_training_cohort_is_refused(small_run: Run, tmp_path: Path) -> None:
    with pytest.raises(LeakageError, match=r"the cohort that the model was trained on.*\n  clinical values") as refused:
        _evaluate(small_run.folder, tmp_path / "out", options={})
    assert "-o synthetic.seed=1" in str(refused.value)
    done = _evaluate(small_run.folder, tmp_path / "out", options={}, allow=["training-cohort", "out-of-range"])
    own = done.predictions.merge(small_run.predictions, on=["scan", "slice"], suffixes=("", "_run"))
    assert len(own) == len(small_run.predictions)
    np.testing.assert_allclose(own["p_1"], own["p_1_run"], atol=1e-6)


def test_the_same_images_are_the_training_cohort_whatever_the_table_says(
    small_run: Run, tmp_path: Path, planted: Any
) -> None:
    planted(lambda cohort: _with(cohort, "AGE", cohort.clinical["AGE"] + 0.1))
    with pytest.raises(LeakageError, match=r"training-cohort \(1\).*\n  slices"):
        _evaluate(small_run.folder, tmp_path / "out", options={})


def test_recalibration_is_written_beside_the_frozen_predictions(external: Run, small_run: Run, tmp_path: Path) -> None:
    done = _evaluate(small_run.folder / "bundle", tmp_path / "out", recalibrate="logistic")
    assert {path.name for path in done.folder.iterdir()} == {*FILES, *RECALIBRATED} - {"figures"}
    for name in FILES:  # all else is the same to the byte
        if name not in ("figures", "metrics.json", "manifest.json"):
            assert (done.folder / name).read_bytes() == (external.folder / name).read_bytes(), name
    subjects = Rule().subjects(done.predictions)
    plain = json.loads((done.folder / "recalibration.json").read_text())
    probabilities = subjects[["p_0", "p_1"]].to_numpy()
    fitted = CalibrationMap.fit("logistic", subjects["label"].to_numpy(), probabilities)
    assert CalibrationMap.from_json(plain) == fitted
    assert (plain["subjects"], plain["synthetic"]) == (len(subjects), True)
    mapped = pd.read_csv(done.folder / "recalibrated.csv", dtype={"subject": str})
    assert mapped["subject"].tolist() == subjects["subject"].tolist()
    for part in mapped["part"].unique():  # each by a map of the others
        own = (mapped["part"] == part).to_numpy()
        others = CalibrationMap.fit("logistic", subjects["label"].to_numpy()[~own], probabilities[~own])
        np.testing.assert_allclose(mapped.loc[own, ["p_0", "p_1"]], others.apply(probabilities[own]), atol=1e-12)
    content = json.loads((done.folder / "metrics.json").read_text())["recalibrated"]
    assert (content["method"], content["measured"]) == ("logistic", "cross-fitted")
    accuracy = next(row["value"] for row in content["scores"] if row["metric"] == "accuracy")
    assert accuracy == pytest.approx(((mapped["p_1"] > 0.5) == mapped["label"]).mean())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"recalibrate": "isotonic"}, "--recalibrate takes none, temperature or logistic, not 'isotonic'"),
        ({"options": {"slices": {"start": 1}}}, "the model is frozen"),
        ({"allow": ["missing-colunm"]}, "did you mean 'missing-column'"),
        ({"device": "abacus"}, "--device takes"),
        ({"task": "adni-da"}, "did you mean 'adni-ad'"),
    ],
)
def test_options_that_do_not_fit_are_named(small_run: Run, tmp_path: Path, given: Any, message: str) -> None:
    with pytest.raises(fusekit.FusekitError, match=message):
        _evaluate(small_run.folder, tmp_path / "out", **given)
    assert list(tmp_path.iterdir()) == []


def test_other_classes_are_refused_before_anything_is_read(small_run: Run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the model distinguishes CN, AD \(in this order\), and the task mci"):
        _evaluate(small_run.folder, tmp_path / "out", task="mci-converter", options={})
    turned = replace(small_run.bundle, target=Classes(("AD", "CN")))
    turned.save(tmp_path / "bundle")
    with pytest.raises(DataError, match="has the classes CN, AD in another order"):
        _evaluate(tmp_path / "bundle", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_an_evaluation_that_fails_leaves_nothing(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "shift.csv")

    monkeypatch.setattr("fusekit.experiment.external.external.write_table", full)
    with pytest.raises(DataError, match=r"the disk is full \(shift\.csv\)"):
        _evaluate(small_run.folder, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_figures_that_fail_are_a_note_and_the_scores_are_kept(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: Any) -> None:
        raise ValueError("no such font")

    monkeypatch.setattr("fusekit.experiment.external.external.external_pictures", broken)
    done = _evaluate(small_run.folder, tmp_path / "out")
    assert len(done.metrics)
    (note,) = (finding for finding in done.manifest["findings"] if finding["code"] == "not-made")
    assert note["message"] == "figures could not be made: ValueError: no such font."
    assert (note["severity"], note["items"]) == ("note", ["figures"])


def test_a_bundle_without_table_and_history(small_run: Run, other_folder: Path, tmp_path: Path) -> None:
    """An untrained model of the image alone, by a program that recorded nothing."""
    own = small_run.bundle
    torch.manual_seed(0)
    model = build("image-only", backbone="test_resnet", columns=0, classes=2, in_channels=1, options={})
    Bundle(model.eval(), own.target, None, own.slices, own.image_size, own.pixels).save(tmp_path / "bundle")
    with pytest.raises(OptionError, match="name one: --task TASK"):
        _evaluate(tmp_path / "bundle", tmp_path / "out")
    done = _evaluate(tmp_path / "bundle", tmp_path / "out", task="adni-ad", data=other_folder, options={})
    assert done.manifest["arm"] == "model"
    assert not done.synthetic  # nobody said that the folder is an invented one
    assert pd.read_csv(done.folder / "shift.csv").empty
    rows = json.loads((done.folder / "metrics.json").read_text())["comparison-with-training"]
    assert {row["internal"] for row in rows} == {None}
