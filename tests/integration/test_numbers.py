"""A number from people's own table to predictions, scores, a shipped model and another cohort."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, r2_score

import fusekit
from fusekit import Number, Run
from fusekit.errors import DataError, LeakageError, OptionError
from fusekit.evaluation import Rule
from fusekit.evaluation.arms.contribution import contribution
from fusekit.progress import Quiet
from tests.conftest import CommandLine
from tests.experiment.people import write_numbers

SMALL: dict[str, Any] = {"backbone": "test_resnet", "image_size": 32, "batch_size": 8, "epochs": 2, "folds": 2}


@pytest.fixture(scope="module")
def toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_numbers(tmp_path_factory.mktemp("numbers"))


@pytest.fixture(scope="module")
def network(toml: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "network"
    return fusekit.run(str(toml), fusion="concat", select="r2", ship="folds", out=out, progress=Quiet(), **SMALL)


@pytest.fixture(scope="module")
def ridge(toml: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "ridge"
    return fusekit.run(str(toml), baseline="ridge", folds=3, image_size=32, out=out, progress=Quiet())


def test_a_run_tests_everyone_whose_number_is_known_in_its_unit(network: Run, toml: Path) -> None:
    people = pd.read_csv(toml.parent / "people.csv", index_col="id")["score"].dropna()
    subjects = network.subjects.set_index("subject")
    assert subjects["label"].to_dict() == pytest.approx(people.to_dict())
    assert list(network.predictions) == ["row", "subject", "scan", "slice", "fold", "label", "predicted"]
    assert abs(subjects["predicted"].median() - 20) < 20  # not on the scale of the training
    assert network.manifest["task"]["number"]["name"] == "score"
    assert "classes" not in network.manifest["task"]
    history = network.history
    assert {"loss", "absolute_error", "validation_r2"} <= set(history)
    assert "accuracy" not in history


def test_the_scores_are_scikit_learn_s(ridge: Run) -> None:
    subjects = ridge.subjects
    found = ridge.metrics[ridge.metrics["level"] == "subject"].set_index("metric")["value"]
    assert found["mae"] == pytest.approx(mean_absolute_error(subjects["label"], subjects["predicted"]))
    assert found["r2"] == pytest.approx(r2_score(subjects["label"], subjects["predicted"]))


def test_the_scale_is_that_of_each_fold_s_training_subjects(network: Run, toml: Path) -> None:
    """No tested or set-aside subject is in it; and what a shipped model says of a subject is what the run said."""
    bundle, label = network.bundle, network.subjects.set_index("subject")["label"]
    aside = network.validation
    assert aside is not None
    for fold, model in enumerate(bundle.each):
        target = model.target
        assert isinstance(target, Number)
        tested = set(network.subjects.query(f"fold == {fold}")["subject"]) | set(
            aside.query(f"fold == {fold}")["subject"]
        )
        trained = label[~label.index.isin(list(tested))]
        assert (target.mean, target.deviation) == pytest.approx((trained.mean(), trained.std(ddof=0)))
        first = network.predictions.query(f"fold == {fold}").iloc[0]
        people = pd.read_csv(toml.parent / "people.csv").set_index("id").loc[[first["subject"]]]
        said = model.predict(people.assign(image=str(toml.parent / f"{first['subject']}.png"))[["age", "tau", "image"]])
        assert said.subjects["predicted"].iloc[0] == pytest.approx(first["predicted"], rel=1e-6)
        assert "called" not in said.subjects
    both = bundle.predict(people.assign(image=str(toml.parent / f"{first['subject']}.png"))[["age", "tau", "image"]])
    row = both.subjects.iloc[0]
    assert row["lowest_predicted"] <= row["predicted"] <= row["highest_predicted"]
    assert json.loads((network.folder / "bundle" / "bundle.json").read_text())["format"] == 10
    assert json.loads((network.folder / "bundle" / "fold-0" / "bundle.json").read_text())["format"] == 8


def test_predict_and_evaluate_from_the_command_line(
    ridge: Run, toml: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    table = tmp_path / "new.csv"
    pd.read_csv(toml.parent / "people.csv").drop(columns="score").head(3).to_csv(table, index=False)
    arguments = ("predict", str(ridge.folder), "--clinical", str(table))
    code, said = command_line(*arguments)
    assert code == 0, said
    assert "predicted" in said
    code, said = command_line(*arguments, "--format", "csv")
    assert said.startswith("subject,scans,slices,predicted")
    other = write_numbers(tmp_path, 30)
    people = pd.read_csv(tmp_path / "people.csv").assign(tau=lambda one: one["tau"] + 3)
    people.to_csv(tmp_path / "people.csv", index=False)
    out = tmp_path / "external"
    code, said = command_line("evaluate", str(ridge.folder), "--task", str(other), "--out", str(out))
    assert code == 0, said
    assert Run(out).metrics.set_index(["level", "metric"]).loc[("subject", "mae"), "subjects"] == 29


def test_what_a_network_looks_at_is_explained_in_the_unit_of_the_number(
    network: Run, toml: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    explained = network.folder / "explanations" / "fold-0"
    assert {"attributions.csv", "examples.csv", "grad_cam.npy", "mean_map.csv", "what_if.csv"} <= {
        path.name for path in explained.iterdir()
    }
    facts = json.loads((explained / "explanation.json").read_text())
    assert facts["groups"] == ["lowest third of score", "middle third of score", "highest third of score"]
    examples = pd.read_csv(explained / "examples.csv")
    assert set(examples["kind"]) == {"near", "far", "close"}
    ablations, subjects = network.ablations, network.subjects
    assert ablations is not None
    as_is = ablations[ablations["condition"] == "as-is"].merge(subjects, on="subject", suffixes=("", "_said"))
    assert as_is["predicted"].tolist() == pytest.approx(as_is["predicted_said"].tolist(), abs=1e-4)
    found = contribution(ablations).set_index("condition")["drop"]
    without = ablations[ablations["condition"] == "table:drop"]
    lost = mean_absolute_error(without["label"], without["predicted"])
    assert found["table:drop"] == pytest.approx(lost - mean_absolute_error(as_is["label"], as_is["predicted"]))
    code, said = command_line("report", str(network.folder), "--out", str(tmp_path / "report"))
    assert code == 0, said
    assert "could not" not in said
    figures = {path.name: path.read_text() for path in (tmp_path / "report" / "figures").glob("*.svg")}
    assert "rise of MAE, score (points)" in figures["ablations.svg"]
    assert "attribution: score (points)" in figures["attributions-concat.svg"]
    assert "what speaks for a higher score" in (page := (tmp_path / "report" / "report.html").read_text())
    assert "log odds" not in page
    table, out = tmp_path / "one.csv", tmp_path / "explained"
    pd.read_csv(toml.parent / "people.csv")[["age", "tau"]].iloc[[5]].to_csv(table, index=False)
    shipped = str(network.folder / "bundle" / "fold-0")
    given = ("explain", shipped, "--image", str(toml.parent / "p05.png"), "--clinical", str(table))
    code, said = command_line(*given, "--what-if", "tau", "--out", str(out))
    assert code == 0, said
    assert "score (points), the largest shares" in said
    assert "adds to the score (points)" in (out / "explanation.svg").read_text()
    code, said = command_line(*given, "--class", "high", "--out", str(tmp_path / "none"))
    assert (code, "this model predicts a number" in said) == (2, True)


def test_what_the_values_add_to_a_ridge_is_weight_times_distance_from_nobody(
    ridge: Run, toml: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    table, out = tmp_path / "one.csv", tmp_path / "explained"
    pd.read_csv(toml.parent / "people.csv")[["age", "tau"]].iloc[[5]].to_csv(table, index=False)
    code, said = command_line("explain", str(ridge.folder), "--clinical", str(table), "--out", str(out))
    assert code == 0, said
    shares, bundle = pd.read_csv(out / "attributions.csv")["attribution"], ridge.bundle
    assert bundle.encoding is not None
    predicted = bundle.predict(pd.read_csv(table)).subjects["predicted"].iloc[0]
    nobody = bundle.answering(bundle.encoding.reference())(None, [0])[0, 0]
    assert shares.sum() == pytest.approx(predicted - nobody)
    assert shares.abs().max() > 1


def test_a_search_keeps_the_trial_with_the_best_r2_of_the_subjects_set_aside(toml: Path, tmp_path: Path) -> None:
    wide: dict[str, Any] = {"search": {"lr": "1e-5..1e-2:log"}, "trials": 2, "validation": 0.4}
    quick = {**SMALL, "fusion": "clinical-only", "explain": "none", "ship": "none"}
    run = fusekit.run(str(toml), out=tmp_path / "run", progress=Quiet(), **quick, **wide)
    evaluation, aside = run.manifest["evaluation"], run.validation
    assert aside is not None
    for fold, trials in evaluation["search"].items():
        best = max(trials, key=lambda trial: trial["validation_r2"])
        people = Rule().subjects(aside[aside["fold"] == int(fold)])
        assert r2_score(people["label"], people["predicted"]) == pytest.approx(best["validation_r2"])
        assert evaluation["choice"][fold] == best["choice"]
        assert not set(people["subject"]) & set(run.subjects.query(f"fold == {fold}")["subject"])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"baseline": "logistic"}, "logistic is for the target classes or ordered, and that of this task is number"),
        ({"fusion": "concat+cox"}, "the baseline cox is for the target time_to_event"),
        ({"objective": "cross-entropy"}, "the objective cross-entropy is for the target classes"),
        ({"options": {"objective": {"gamma": 2}}}, "objective has no option 'gamma'"),
        ({"threshold": "youden", "validation": 0.2}, "youden parts two classes, and numbers has none"),
        ({"aggregate": "vote"}, "'vote' joins probabilities, and a number is predicted"),
        ({"select": "auc"}, "--select auc does not choose among predictions of number"),
        ({"options": {"training": {"sampler": "balanced"}}}, "sampler=balanced is for classes"),
    ],
)
def test_what_is_for_classes_is_refused_before_anything_is_read(
    settings: dict[str, Any], said: str, toml: Path, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=said):
        fusekit.run(str(toml), out=tmp_path / "run", progress=Quiet(), **{**SMALL, **settings})


def test_objectives_of_numbers_are_refused_for_classes(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="squared-error is for the target number, and that of this task is classes"):
        fusekit.run("adni-ad", objective="squared-error", out=tmp_path / "run", progress=Quiet(), **SMALL)


@pytest.mark.parametrize(
    ("cells", "leave_out", "said"),
    [
        (["12", "high", "14"], [], "'high'"),
        (["12", "", "14"], [], "1 rows have no number"),
        (["12", ">30", "14"], [], "only a bound of a number"),
        (["12", "12", "12"], [], "all subjects have the same score"),
    ],
)
def test_labels_that_are_no_numbers_are_refused(
    cells: list[str], leave_out: list[str], said: str, tmp_path: Path
) -> None:
    toml = write_numbers(tmp_path, 3)
    people = pd.read_csv(tmp_path / "people.csv", dtype=str).assign(score=cells)
    people.to_csv(tmp_path / "people.csv", index=False)
    toml.write_text(toml.read_text().replace('leave_out = [""]', f"leave_out = {json.dumps(leave_out)}"))
    with pytest.raises(DataError, match=said):
        fusekit.run(str(toml), baseline="mean", out=tmp_path / "run", progress=Quiet(), image_size=32)


def test_with_nothing_planted_nothing_is_found(tmp_path: Path) -> None:
    toml = write_numbers(tmp_path, 60, image=0.0, table=0.0)
    run = fusekit.run(str(toml), baseline="ridge", folds=5, image_size=32, out=tmp_path / "run", progress=Quiet())
    found = run.metrics[run.metrics["level"] == "subject"].set_index("metric").astype({"value": float, "low": float})
    assert found["value"]["r2"] < 0.1
    assert not found["low"]["spearman"] > 0.1  # also where it is undefined


def test_a_column_with_the_cells_of_the_label_is_refused(tmp_path: Path) -> None:
    toml = write_numbers(tmp_path)
    people = pd.read_csv(tmp_path / "people.csv", dtype=str)
    people.assign(copied=people["score"]).to_csv(tmp_path / "people.csv", index=False)
    toml.write_text(toml.read_text().replace('"tau"]', '"tau", "copied"]'))
    with pytest.raises(LeakageError, match="leaky-column"):
        fusekit.run(str(toml), baseline="ridge", out=tmp_path / "run", progress=Quiet(), image_size=32)


@pytest.mark.parametrize(("fusion", "baseline"), [("table-first", "gbdt-regression"), ("image-only+ridge", "ridge")])
def test_a_network_starts_from_a_baseline(toml: Path, tmp_path: Path, fusion: str, baseline: str) -> None:
    how = {**SMALL, "folds": 1, "epochs": 1}
    run = fusekit.run(str(toml), fusion=fusion, out=tmp_path / "run", progress=Quiet(), **how)
    bundle = fusekit.load(run.folder)
    assert bundle.prior is not None
    assert bundle.prior.name == baseline
    first = run.predictions.iloc[0]
    people = pd.read_csv(toml.parent / "people.csv").set_index("id").loc[[first["subject"]]]
    given = people.assign(image=str(toml.parent / f"{first['subject']}.png"))[["age", "tau", "image"]]
    assert bundle.predict(given).subjects["predicted"].iloc[0] == pytest.approx(first["predicted"], rel=1e-4)
