"""Ordered classes from people's own table to predictions, scores, a shipped model and another cohort."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, mean_absolute_error

import fusekit
from fusekit import Ordered, Run
from fusekit.disk import signed
from fusekit.errors import DataError, LeakageError, OptionError
from fusekit.experiment.evidence import write_report
from fusekit.progress import Quiet
from tests.conftest import CommandLine
from tests.experiment.people import write_grades

SMALL: dict[str, Any] = {"backbone": "test_resnet", "image_size": 32, "batch_size": 8, "epochs": 2, "folds": 2}
P = ["p_0", "p_1", "p_2"]


@pytest.fixture(scope="module")
def toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_grades(tmp_path_factory.mktemp("grades"))


@pytest.fixture(scope="module")
def network(toml: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "network"
    return fusekit.run(str(toml), fusion="concat", select="auc", ship="folds", out=out, progress=Quiet(), **SMALL)


@pytest.fixture(scope="module")
def logistic(toml: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "logistic"
    settings: dict[str, Any] = {"folds": 3, "image_size": 32}
    return fusekit.run(str(toml), baseline="ordinal-logistic", out=out, progress=Quiet(), **settings)


def test_a_run_gives_everyone_whose_grade_is_known_the_probabilities_of_all_classes(network: Run, toml: Path) -> None:
    grades = pd.read_csv(toml.parent / "people.csv", index_col="id", dtype=str)["grade"].dropna()
    subjects = network.subjects.set_index("subject")
    assert subjects["label"].to_dict() == grades[grades != "9"].map({"1": 0, "2": 0, "3": 1, "4": 2}).to_dict()
    assert list(network.predictions) == ["row", "subject", "scan", "slice", "fold", "label", *P]
    assert network.predictions[P].sum(axis=1).to_numpy() == pytest.approx(1)
    task = network.manifest["task"]
    assert (task["classes"], task["ordered"]) == (["low", "middle", "high"], True)
    assert network.target == Ordered(("low", "middle", "high"))
    assert {"loss", "accuracy", "validation_auc"} <= set(network.history)
    assert network.bundle.each[0].model.description["classes"] == 2  # outputs: a logit per cut


def test_the_scores_are_scikit_learn_s(logistic: Run) -> None:
    labels, called = logistic.subjects["label"], logistic.subjects[P].to_numpy().argmax(axis=1)
    found = logistic.metrics[logistic.metrics["level"] == "subject"].set_index("metric")["value"]
    assert list(found.index) == ["cuts-auc", "quadratic-kappa", "rank-error", "accuracy", "balanced-accuracy"]
    assert found["quadratic-kappa"] == pytest.approx(cohen_kappa_score(labels, called, weights="quadratic"))
    assert found["rank-error"] == pytest.approx(mean_absolute_error(labels, called))
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, called))
    assert found["cuts-auc"] > 0.8  # tau is planted


def test_a_shipped_model_says_of_a_subject_what_the_run_said(network: Run, toml: Path) -> None:
    folder = network.folder / "bundle"
    formats = [json.loads((folder / own / "bundle.json").read_text())["format"] for own in (".", "fold-0")]
    assert formats == [13, 11]
    for fold, model in enumerate(network.bundle.each):
        assert model.target == network.target
        first = network.predictions.query(f"fold == {fold}").iloc[0]
        people = pd.read_csv(toml.parent / "people.csv").set_index("id").loc[[first["subject"]]]
        given = people.assign(image=str(toml.parent / f"{first['subject']}.png"))[["age", "tau", "image"]]
        said = model.predict(given).slices.iloc[0]  # subjects have a temperature
        assert said[P].to_numpy(dtype=float) == pytest.approx(first[P].to_numpy(dtype=float), rel=1e-5)
        assert said["called"] == ("low", "middle", "high")[int(np.argmax(said[P].to_numpy(dtype=float)))]
    row = network.bundle.predict(given).subjects.iloc[0]
    assert row["lowest_1"] <= row["p_1"] <= row["highest_1"]


def test_a_network_may_start_from_a_baseline_of_the_order(toml: Path, tmp_path: Path) -> None:
    options = {"prior": {"trees": 10}}
    run = fusekit.run(
        str(toml), fusion="table-first", out=tmp_path / "run", options=options, progress=Quiet(), **SMALL | {"folds": 1}
    )
    prior, first = run.bundle.prior, run.predictions.iloc[0]
    assert prior is not None
    assert prior.target == run.bundle.target
    people = pd.read_csv(toml.parent / "people.csv").set_index("id").loc[[first["subject"]]]
    given = people.assign(image=str(toml.parent / f"{first['subject']}.png"))[["age", "tau", "image"]]
    said = run.bundle.predict(given).slices.iloc[0]
    assert said[P].to_numpy(dtype=float) == pytest.approx(first[P].to_numpy(dtype=float), rel=1e-5)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ordered": False}, "ordered"),
        ({"classes": ["low", "high"]}, "an order needs three classes or more, not low, high"),
        ({"classes": list("abcd")}, "classes has 4 names, 3 outputs of an order, and model.classes is 2"),
        ({"format": 4}, "ordered"),
    ],
)
def test_a_description_that_does_not_fit_an_order_is_refused(
    changed: dict[str, Any], said: str, network: Run, tmp_path: Path
) -> None:
    folder = shutil.copytree(network.folder / "bundle" / "fold-0", tmp_path / "bundle")
    content = json.loads((folder / "bundle.json").read_text()) | changed
    (folder / "bundle.json").write_text(json.dumps(signed(content)))
    with pytest.raises(DataError, match=said):
        fusekit.load(folder)


def test_what_the_network_looks_at_is_explained_by_class(
    network: Run, toml: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    assert (network.folder / "explanations" / "fold-0" / "attributions.csv").is_file()
    ablations = network.ablations
    assert ablations is not None
    assert set(ablations["condition"]) >= {"as-is", "image:drop", "table:drop"}
    table = tmp_path / "one.csv"
    pd.read_csv(toml.parent / "people.csv")[["age", "tau"]].iloc[[5]].to_csv(table, index=False)
    image = toml.parent / "p05.png"
    given = ("--image", str(image), "--clinical", str(table), "--class", "high", "--what-if", "tau")
    shipped, out = str(network.folder / "bundle" / "fold-0"), str(tmp_path / "explained")
    code, said = command_line("explain", shipped, *given, "--out", out)
    assert code == 0, said
    assert "log odds of high" in said


def test_predict_and_evaluate_from_the_command_line(
    logistic: Run, toml: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    assert json.loads((logistic.folder / "bundle" / "bundle.json").read_text())["format"] == 12
    table = tmp_path / "new.csv"
    pd.read_csv(toml.parent / "people.csv").drop(columns="grade").head(3).to_csv(table, index=False)
    code, said = command_line("predict", str(logistic.folder), "--clinical", str(table))
    assert code == 0, said
    assert "The most probable class is called." in said
    other = write_grades(tmp_path, 30)
    out = tmp_path / "external"
    code, said = command_line("evaluate", str(logistic.folder), "--task", str(other), "--out", str(out))
    assert code == 0, said
    scores = Run(out).metrics.set_index(["level", "metric"])
    assert scores.loc[("subject", "quadratic-kappa"), "subjects"] == 28
    order = 'order = {low = ["1", "2"], middle = ["3"], high = ["4"]}'
    assert order in other.read_text()
    swapped = other.read_text().replace(order, 'order = {high = ["4"], middle = ["3"], low = ["1", "2"]}')
    other.write_text(swapped)
    code, said = command_line("evaluate", str(logistic.folder), "--task", str(other), "--out", str(tmp_path / "no"))
    assert code != 0
    assert "in another order" in " ".join(said.split())


def test_a_comparison_says_which_arm_orders_better(toml: Path, tmp_path: Path) -> None:
    made = fusekit.compare(
        str(toml), baselines=["ordinal-logistic", "prevalence"], folds=2, image_size=32, out=tmp_path, progress=Quiet()
    )
    pairs = made.evidence.pairs
    assert list(pairs["measure"]) == ["cuts-auc", "rank-error"]
    assert pairs["sentence"][0].startswith("ordinal-logistic beats prevalence by")
    page = write_report(made.evidence, tmp_path / "drawn").read_text(encoding="utf-8")
    assert "Ordered classes, the lowest first: low, middle, high." in page
    for title in ("AUC of cuts", "quadratic kappa", "rank error", "Confusion matrices", "ROC curves"):
        assert title in page
    assert "Calibration of cuts" in page
    assert "Calibration and net benefit" not in page


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"baseline": "ridge"}, "the baseline ridge is for the target number, and that of this task is ordered"),
        ({"fusion": "gbdt-network"}, "stacks gbdt on a network, which is for classes without an order"),
        ({"objective": "cross-entropy"}, "the objective cross-entropy is for the target classes"),
        ({"options": {"objective": {"smoothing": 0.1}}}, "objective has no option 'smoothing'"),
        ({"threshold": "youden", "validation": 0.2}, "youden parts two classes, and grades has 3"),
        ({"aggregate": "max"}, "'max' takes the highest probability of the positive class; with 3 classes"),
        ({"select": "r2"}, "--select r2 does not choose among predictions of ordered: auc does"),
    ],
)
def test_what_is_not_for_an_order_is_refused_before_anything_is_read(
    settings: dict[str, Any], said: str, toml: Path, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=said):
        fusekit.run(str(toml), out=tmp_path / "run", progress=Quiet(), **{**SMALL, **settings})


@pytest.mark.parametrize("given", [{"objective": "corn"}, {"baseline": "ordinal-logistic"}])
def test_what_is_for_an_order_is_refused_for_classes(given: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="is for the target ordered, and that of this task is classes"):
        fusekit.run("adni-ad", out=tmp_path / "run", progress=Quiet(), **SMALL, **given)


def test_a_grade_of_no_class_is_refused_with_its_line(tmp_path: Path) -> None:
    toml = write_grades(tmp_path, 12)
    toml.write_text(toml.read_text().replace('leave_out = ["", "9"]', 'leave_out = [""]'))
    with pytest.raises(DataError, match=r"'9'"):
        fusekit.run(str(toml), baseline="prevalence", out=tmp_path / "run", progress=Quiet(), image_size=32)


def test_with_nothing_planted_the_kappa_is_about_zero(tmp_path: Path) -> None:
    toml = write_grades(tmp_path, 90, image=0.0, table=0.0)
    settings: dict[str, Any] = {"folds": 5, "image_size": 32}
    run = fusekit.run(str(toml), baseline="ordinal-logistic", out=tmp_path / "run", progress=Quiet(), **settings)
    found = run.metrics[run.metrics["level"] == "subject"].set_index("metric").astype({"value": float, "low": float})
    assert abs(found["value"]["quadratic-kappa"]) < 0.25
    assert found["low"]["quadratic-kappa"] < 0.05
    assert found["low"]["cuts-auc"] < 0.5 < found["high"]["cuts-auc"]


@pytest.mark.slow
def test_adni_s_groups_are_predicted_as_stages_on_the_synthetic_cohort(tmp_path: Path) -> None:
    options = {"task": {"classes": "cn,mci,ad", "ordered": "true"}, "synthetic": {"subjects": 60}}
    settings: dict[str, Any] = {"folds": 2, "image_size": 32, "options": options}
    run = fusekit.run("adni-ad", baseline="ordinal-logistic", out=tmp_path / "run", progress=Quiet(), **settings)
    assert run.target == Ordered(("CN", "MCI", "AD"))
    assert run.bundle.target == run.target
    found = run.metrics[run.metrics["level"] == "subject"].set_index("metric")["value"]
    assert found["cuts-auc"] > 0.55  # columns are planted


def test_a_column_that_is_the_grade_in_other_words_is_refused(tmp_path: Path) -> None:
    toml = write_grades(tmp_path)
    people = pd.read_csv(tmp_path / "people.csv", dtype=str)
    people.assign(copied=people["grade"]).to_csv(tmp_path / "people.csv", index=False)
    toml.write_text(toml.read_text().replace('"tau"]', '"tau", "copied"]'))
    with pytest.raises(LeakageError, match="leaky-column"):
        fusekit.run(str(toml), baseline="ordinal-logistic", out=tmp_path / "run", progress=Quiet(), image_size=32)
