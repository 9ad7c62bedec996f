"""What is shipped predicts as it was tested, whatever it is: a baseline, or the average of a run's folds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fusekit
from fusekit import Run
from fusekit.baselines import Baseline
from fusekit.bundle.average import AverageBundle
from fusekit.bundle.baseline import BaselineBundle
from fusekit.data import Cohort
from fusekit.disk import checksum_of, signed
from fusekit.errors import DataError, FusekitError, OptionError
from fusekit.explain.patient import explain_patient
from fusekit.progress import Quiet
from tests.conftest import SMALL_OPTIONS, CommandLine

P = ["p_0", "p_1"]
SMALL: dict[str, Any] = {"image_size": 32, "explain": "none", "progress": Quiet()}
FEW = {"gbdt": {"trees": 5, "rows": 3}, "gbdt-components": {"trees": 5, "rows": 3, "components": 4, "size": 8}}


def baseline_run(name: str, out: Path, **settings: Any) -> Run:
    options = {**SMALL_OPTIONS, "baseline": FEW.get(name, {})}
    return fusekit.run("adni-ad", baseline=name, options=options, out=out, **SMALL, **settings)


@pytest.fixture(scope="module", params=["prevalence", "logistic", "gbdt", "gbdt-components"])
def classical(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return baseline_run(request.param, tmp_path_factory.mktemp("classical") / "run")


@pytest.fixture(scope="module")
def average(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("average") / "run"
    return baseline_run("logistic", out, folds=3, ship="folds", threshold="youden", validation=0.3)


def as_files(cohort: Cohort, scans: list[str]) -> pd.DataFrame:
    """Patients as a table of text, with the paths of their images."""
    text = cohort.clinical.loc[scans].astype(object).map(lambda value: "" if pd.isna(value) else str(value))
    return text.assign(subject=cohort.scans.loc[scans, "subject"], image=cohort.scans.loc[scans, "image"].map(str))


def test_a_baseline_that_is_shipped_gives_the_numbers_of_the_run(classical: Run, small_cohort: Cohort) -> None:
    bundle = fusekit.load(classical.folder)
    assert isinstance(bundle, BaselineBundle)
    scans = classical.predictions["scan"].drop_duplicates().head(3)
    predicted = bundle.predict(as_files(small_cohort, list(scans)))
    tested = classical.predictions[classical.predictions["scan"].isin(scans)].groupby("subject")[P].mean()
    np.testing.assert_allclose(predicted.subjects.set_index("subject")[P], tested, rtol=1e-12)
    assert bundle.description is None
    with pytest.raises(DataError, match=r"this bundle is the baseline .*, and no network"):
        bundle.model  # noqa: B018


def test_a_baseline_predicts_and_is_explained_from_the_command_line(
    classical: Run, small_cohort: Cohort, command_line: CommandLine, tmp_path: Path
) -> None:
    scan = str(classical.predictions["scan"].iloc[0])
    table = as_files(small_cohort, [scan])
    table.drop(columns=["image"]).to_csv(tmp_path / "patient.csv", index=False)
    given = ["--clinical", str(tmp_path / "patient.csv")]
    if fusekit.load(classical.folder).reads_image:
        given += ["--image", str(table["image"].iloc[0])]
    out = tmp_path / "p.csv"
    code, said = command_line("predict", str(classical.folder), *given, "--format", "csv", "--out", str(out))
    assert code == 0, said
    assert pd.read_csv(out)[["p_CN", "p_AD"]].sum(axis=1).tolist() == pytest.approx([1.0])
    asked = ["--what-if", "AGE=60", "--what-if", "AGE=90", "--out", str(tmp_path / "why")]
    code, said = command_line("explain", str(classical.folder), *given, *asked)
    assert code == 0, said
    answers = pd.read_csv(tmp_path / "why" / "what_if.csv")
    assert len(answers) == 3
    assert answers["change"].isna().all()  # there is no map that could move


def test_the_shares_of_logistic_are_its_coefficients_times_the_values(tmp_path: Path, small_cohort: Cohort) -> None:
    bundle = baseline_run("logistic", tmp_path / "run").bundle
    assert isinstance(bundle, BaselineBundle)
    patient = as_files(small_cohort, [str(small_cohort.scans.index[0])])
    found = explain_patient(bundle, patient, {})
    assert found.attributions is not None
    state = bundle.baseline.shipped()
    encoding = bundle.encoding
    assert encoding is not None
    values = encoding.parse(patient, "here")
    moved = encoding.transform(values).astype(float) - encoding.transform(encoding.reference()).astype(float)
    terms = pd.Series((moved * state["model"].coef_)[0])
    owners = [c.name for c in encoding.columns for _ in c.features] + [c.name for c in encoding.columns if c.masked]
    expected = terms.groupby(owners).sum()
    shares = found.attributions.set_index("column")["attribution"]
    np.testing.assert_allclose(shares.loc[expected.index], expected, atol=1e-9)
    assert found.method == "Shapley values"


def test_a_baseline_is_evaluated_on_another_cohort(classical: Run, tmp_path: Path) -> None:
    other = {"synthetic": {"subjects": 12, "seed": 7}}
    allow = ["out-of-range"]
    found = fusekit.evaluate(classical.folder, options=other, allow=allow, out=tmp_path / "other", progress=Quiet())
    assert found.manifest["model"] is None
    assert found.manifest["arm"] == classical.manifest["arm"]
    each = found.predictions.groupby("scan")["p_1"].nunique()
    assert (each == 1).all()  # a baseline speaks of scans
    np.testing.assert_allclose(found.predictions[P].sum(axis=1), 1)


def test_an_average_is_the_mean_of_its_folds_models(average: Run, small_cohort: Cohort) -> None:
    bundle = average.bundle
    assert isinstance(bundle, AverageBundle)
    people = list(small_cohort.scans.drop_duplicates("subject").index[:6])
    patients = as_files(small_cohort, people)
    said = bundle.predict(patients).subjects
    folders = [average.folder / "bundle" / f"fold-{k}" for k in range(3)]
    each = [fusekit.load(folder).predict(patients, allow_out_of_range=True).subjects for folder in folders]
    # A single model shows what its temperature makes of this; the average is of what the models say.
    raw = np.array([one.answering(small_cohort.clinical.loc[people])(None, range(6))[:, 1] for one in bundle.models])
    order = patients["subject"].argsort(kind="stable").to_numpy()
    np.testing.assert_allclose(said["p_1"], raw.mean(axis=0)[order], rtol=1e-12)
    np.testing.assert_allclose(said["lowest_1"], raw.min(axis=0)[order], rtol=1e-12)
    np.testing.assert_allclose(said["highest_1"], raw.max(axis=0)[order], rtol=1e-12)
    at = np.mean([one.rule.thresholds[0]["subject"] for one in bundle.models])
    assert (said["called"] == np.where(said["p_1"] > at, "AD", "CN")).all()
    assert (said["threshold"] == at).all()
    calls = np.array([table["called"] for table in each])
    np.testing.assert_array_equal(said["agree"], (calls == said["called"].to_numpy()).sum(axis=0))
    assert "temperature" not in said


def test_each_model_of_an_average_is_the_one_that_its_fold_was_tested_with(average: Run, small_cohort: Cohort) -> None:
    for fold, tested in average.predictions.groupby("fold"):
        model = fusekit.load(average.folder / "bundle" / f"fold-{fold}")
        scans = tested.drop_duplicates("scan")
        answer = model.answering(small_cohort.clinical.loc[scans["scan"]])
        np.testing.assert_allclose(answer(None, range(len(scans))), scans[P], rtol=1e-12)
        assert model.rule.thresholds[0] == average.manifest["evaluation"]["thresholds"][str(fold)]


def test_an_average_says_how_far_its_models_are_apart(
    average: Run, small_cohort: Cohort, command_line: CommandLine, tmp_path: Path
) -> None:
    as_files(small_cohort, list(small_cohort.scans.index[:2])).drop(columns="image").to_csv(tmp_path / "two.csv")
    code, said = command_line("predict", str(average.folder), "--clinical", str(tmp_path / "two.csv"))
    assert code == 0, said
    assert "of 3 models" in said
    assert "the mean of 3 models" in said
    code, said = command_line("predict", str(average.folder), "--clinical", str(tmp_path / "two.csv"), "--format=json")
    lines = json.loads(said)
    assert {"lowest_CN", "highest_CN", "lowest_AD", "highest_AD", "agree"} <= set(lines[0])
    out = ["--out", str(tmp_path / "why")]
    as_files(small_cohort, list(small_cohort.scans.index[:1])).to_csv(tmp_path / "one.csv")
    code, said = command_line("explain", str(average.folder), "--clinical", str(tmp_path / "one.csv"), *out)
    assert code == 0, said
    assert "the first of 3" in said


def test_an_average_of_networks_predicts_from_images(small_cohort: Cohort, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"backbone": "test_resnet", "epochs": 1, "batch_size": 8, "folds": 2, "ship": "folds"}
    run = fusekit.run(
        "adni-ad",
        fusion="concat",
        options=SMALL_OPTIONS,
        out=tmp_path / "run",
        **settings,
        **{**SMALL, "explain": "fast"},
    )
    bundle = run.bundle
    scans = list(small_cohort.scans.index[:2])
    patients = as_files(small_cohort, scans)
    found = bundle.predict(patients)
    each = [one.predict(patients, allow_out_of_range=True) for one in bundle.each]
    np.testing.assert_allclose(found.slices[P], np.mean([one.slices[P] for one in each], axis=0), rtol=1e-12)
    assert not (run.folder / "bundle" / "model.safetensors").exists()
    for scan in scans:
        tested = run.predictions[run.predictions["scan"] == scan]
        own = each[int(tested["fold"].iloc[0])].slices
        subject = str(tested["subject"].iloc[0])
        np.testing.assert_allclose(own[own["subject"] == subject][P], tested[P], atol=1e-6)


def test_nothing_is_shipped_where_nothing_is_asked_for(tmp_path: Path) -> None:
    run = baseline_run("logistic", tmp_path / "run", folds=2, ship="none")
    assert not (run.folder / "bundle").exists()
    with pytest.raises(OptionError, match="--ship folds averages the models of several folds"):
        baseline_run("logistic", tmp_path / "other", folds=1, ship="folds")


def test_a_baseline_that_cannot_be_shipped_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fusekit.baselines.Prevalence.shipped", Baseline.shipped)
    run = baseline_run("prevalence", tmp_path / "run")
    assert not (run.folder / "bundle").exists()
    (note,) = [one for one in run.manifest["findings"] if one["code"] == "not-made"]
    assert "prevalence is not shipped" in note["message"]
    assert note["items"] == ["bundle"]


def test_of_several_folds_a_baseline_that_learnt_from_all_is_shipped(tmp_path: Path, small_cohort: Cohort) -> None:
    run = baseline_run("prevalence", tmp_path / "run", folds=2)
    labels = small_cohort.scans.groupby("subject")["label"].first()
    found = run.bundle.predict(as_files(small_cohort, [str(small_cohort.scans.index[0])])).subjects
    assert found["p_1"].iloc[0] == pytest.approx(labels.mean())


def test_a_bundle_names_no_place_of_the_machine_that_made_it(average: Run, classical: Run) -> None:
    for run in (average, classical):
        for path in (run.folder / "bundle").rglob("bundle.json"):
            text = path.read_text()
            assert str(run.folder.parent) not in text
            assert str(Path.home()) + "/" not in text
            assert not [part for part in json.dumps(json.loads(text)).split('"') if part.startswith(("/", "~"))]


def resign(folder: Path, **changes: Any) -> None:
    path = folder / "bundle.json"
    path.write_text(json.dumps(signed({**json.loads(path.read_text()), **changes})))


@pytest.fixture
def copied(average: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(average.folder / "bundle", tmp_path / "copy"))


def test_a_changed_model_of_an_average_is_refused(copied: Path) -> None:
    resign(copied / "fold-1", metrics=[{}])
    with pytest.raises(DataError, match="fold-1 is missing, or was changed"):
        fusekit.load(copied)
    shutil.rmtree(copied / "fold-1")
    with pytest.raises(DataError, match="fold-1 is missing, or was changed"):
        fusekit.load(copied)


def test_an_average_of_averages_or_of_other_models_is_refused(copied: Path, tmp_path: Path) -> None:
    inner = Path(shutil.copytree(copied, tmp_path / "inner"))
    shutil.rmtree(copied / "fold-0")
    inner.rename(copied / "fold-0")
    known = json.loads((copied / "bundle.json").read_text())
    sums = [checksum_of(copied / "fold-0" / "bundle.json"), *known["models"][1:]]
    resign(copied, models=sums)
    with pytest.raises(DataError, match="fold-0 is an average itself"):
        fusekit.load(copied)
    shutil.rmtree(copied / "fold-0")
    shutil.copytree(copied / "fold-1", copied / "fold-0")
    resign(copied / "fold-0", classes=["AD", "CN"])
    resign(copied, models=[checksum_of(copied / "fold-0" / "bundle.json"), *known["models"][1:]])
    with pytest.raises(DataError, match="model 0 predicts something else than the average"):
        fusekit.load(copied)


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"models": []}, "models"),
    ({"models": ["x"] * 101}, "models"),
    ({"classes": ["one"]}, "a model distinguishes two or more"),
    ({"more": 1}, "more is not known"),
    ({"image_size": 10**9}, "image_size is 1000000000"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_what_does_not_fit_the_schema_of_an_average_is_refused(
    copied: Path, change: dict[str, Any], message: str
) -> None:
    resign(copied, **change)
    with pytest.raises(DataError, match=message):
        fusekit.load(copied)


def test_a_baseline_of_another_name_or_file_is_refused(copied: Path) -> None:
    one = copied / "fold-0"
    known = json.loads((one / "bundle.json").read_text())["baseline"]
    resign(one, baseline={**known, "name": "gbdt"})
    with pytest.raises(DataError, match=r"holds the baseline logistic, and bundle\.json says gbdt"):
        fusekit.load(one)
    resign(one, baseline={**known, "checksum": "0" * 32})
    with pytest.raises(DataError, match=r"baseline\.skops is missing, or was changed"):
        fusekit.load(one)
    rule = {"aggregate": "mean", "thresholds": {}, "temperatures": {}}
    resign(one, baseline=known, classes=["a", "b", "c"], rule=rule)
    with pytest.raises(FusekitError, match="one probability for each of the 3 classes"):
        fusekit.load(one)
