"""Times to an event from people's own table to predictions, scores, a report, a shipped model and another cohort."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sksurv.metrics import concordance_index_censored, concordance_index_ipcw
from sksurv.util import Surv

import fusekit
from fusekit import Run, TimeToEvent
from fusekit.data.target.follow_up import events_of, times_of
from fusekit.errors import DataError, LeakageError, OptionError
from fusekit.evaluation import Rule
from fusekit.evaluation.arms.contribution import contribution
from fusekit.progress import Quiet
from tests.conftest import CommandLine
from tests.experiment.people import write_times

SMALL: dict[str, Any] = {"backbone": "test_resnet", "image_size": 32, "batch_size": 8, "epochs": 2, "folds": 2}
COLUMNS = ["risk", "survival_12", "survival_24", "survival_36"]


@pytest.fixture(scope="module")
def toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_times(tmp_path_factory.mktemp("times"))


@pytest.fixture(scope="module")
def network(toml: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "network"
    return fusekit.run(str(toml), fusion="concat", select="harrell-c", ship="folds", out=out, progress=Quiet(), **SMALL)


@pytest.fixture(scope="module")
def cox(toml: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "cox"
    return fusekit.run(str(toml), baseline="cox", folds=2, image_size=32, out=out, progress=Quiet())


def test_a_run_tests_everyone_whose_time_is_known(network: Run, toml: Path) -> None:
    people = pd.read_csv(toml.parent / "people.csv", index_col="id").dropna(subset="months")
    subjects = network.subjects.set_index("subject").loc[people.index]
    assert times_of(subjects["label"].to_numpy()) == pytest.approx(people["months"].to_numpy())
    assert (events_of(subjects["label"].to_numpy()) == (people["died"] == "yes")).all()
    assert list(network.predictions) == ["row", "subject", "scan", "slice", "fold", "label", *COLUMNS]
    assert network.manifest["task"]["time_to_event"]["name"] == "death"
    history = network.history
    assert {"loss", "validation_harrell-c"} <= set(history)
    assert not {"accuracy", "absolute_error"} & set(history)


def test_the_score_is_scikit_survivals(cox: Run) -> None:
    found = cox.metrics[cox.metrics["level"] == "subject"].set_index("metric")["value"]
    each = []
    for _, own in cox.subjects.groupby("fold"):
        labels = own["label"].to_numpy()
        known = Surv.from_arrays(events_of(labels), times_of(labels))
        each.append((concordance_index_ipcw(known, known, own["risk"].to_numpy(), tau=36.0)[0], len(own)))
    values, people = np.array(each).T
    assert found["uno-c"] == pytest.approx(np.average(values, weights=people))


def test_the_intervals_are_those_of_each_folds_training_subjects(network: Run, toml: Path) -> None:
    """No tested or set-aside subject is in them; and what a shipped model says of a subject is what the run said."""
    bundle, label = network.bundle, network.subjects.set_index("subject")["label"]
    aside = network.validation
    assert aside is not None
    for fold, model in enumerate(bundle.each):
        tested = set(network.subjects.query(f"fold == {fold}")["subject"]) | set(
            aside.query(f"fold == {fold}")["subject"]
        )
        trained = label[~label.index.isin(list(tested))].rename_axis("subject").reset_index()
        assert model.target == TimeToEvent("death", (12.0, 24.0, 36.0), "months").fit(trained)
        first = network.predictions.query(f"fold == {fold}").iloc[0]
        people = pd.read_csv(toml.parent / "people.csv").set_index("id").loc[[first["subject"]]]
        given = people.assign(image=str(toml.parent / f"{first['subject']}.png"))[["age", "tau", "image"]]
        said = model.predict(given).subjects
        assert said[COLUMNS].iloc[0].tolist() == pytest.approx(first[COLUMNS].tolist(), rel=1e-5)
        assert "called" not in said
    row = bundle.predict(given).subjects.iloc[0]
    assert row["lowest_survival_24"] <= row["survival_24"] <= row["highest_survival_24"]
    assert json.loads((network.folder / "bundle" / "bundle.json").read_text())["format"] == 16
    assert json.loads((network.folder / "bundle" / "fold-0" / "bundle.json").read_text())["format"] == 14


def test_predict_evaluate_and_report_from_the_command_line(
    cox: Run, toml: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    table = tmp_path / "new.csv"
    pd.read_csv(toml.parent / "people.csv").drop(columns=["died", "months"]).head(3).to_csv(table, index=False)
    arguments = ("predict", str(cox.folder), "--clinical", str(table))
    code, said = command_line(*arguments)
    assert code == 0, said
    assert "survival_24" in said
    assert "Survival is the chance of no event from time 0 up to each horizon." in " ".join(said.split())
    code, said = command_line(*arguments, "--format", "csv")
    assert said.startswith("subject,scans,slices,risk,survival_12")
    code, said = command_line(*arguments, "--curves", str(tmp_path / "curves.svg"))
    assert code == 0, said
    assert "chance to be without the event" in (tmp_path / "curves.svg").read_text()
    code, said = command_line(*arguments, "--curves", str(tmp_path / "curves.doc"))
    assert (code, "the ending is .png, .svg or .pdf" in said) == (2, True)
    other = write_times(tmp_path, 40)
    people = pd.read_csv(tmp_path / "people.csv").assign(tau=lambda one: one["tau"] + 3)
    people.to_csv(tmp_path / "people.csv", index=False)
    out = tmp_path / "external"
    code, said = command_line("evaluate", str(cox.folder), "--task", str(other), "--out", str(out))
    assert code == 0, said
    assert Run(out).metrics.set_index(["level", "metric"]).loc[("subject", "uno-c"), "subjects"] == 39
    code, said = command_line("report", str(cox.folder), "--out", str(tmp_path / "report"))
    assert code == 0, said
    assert {"kaplan-meier.svg", "horizons.png", "calibration-at-horizons.csv"} <= {
        path.name for path in (tmp_path / "report" / "figures").iterdir()
    }
    page = (tmp_path / "report" / "report.html").read_text()
    assert "Survival by predicted risk" in page
    assert "could not" not in said


def test_what_a_network_looks_at_is_explained_as_a_log_hazard(
    network: Run, toml: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    explained = network.folder / "explanations" / "fold-0"
    assert json.loads((explained / "explanation.json").read_text())["groups"] == ["censored", "with death"]
    assert set(pd.read_csv(explained / "examples.csv")["kind"]) <= {"near", "far", "close"}
    assert (explained / "what_if.npy").is_file()
    ablations, subjects = network.ablations, network.subjects
    assert ablations is not None
    as_is = ablations[ablations["condition"] == "as-is"].merge(subjects, on="subject", suffixes=("", "_said"))
    assert as_is["risk"].tolist() == pytest.approx(as_is["risk_said"].tolist(), abs=1e-5)
    found = network.metrics[network.metrics["level"] == "subject"].set_index("metric")["value"]
    assert contribution(ablations).set_index("condition").loc["as-is", "value"] == pytest.approx(
        found["uno-c"], abs=0.01
    )
    code, said = command_line("report", str(network.folder), "--out", str(tmp_path / "report"))
    assert code == 0, said
    assert "could not" not in said
    figures = {path.name: path.read_text() for path in (tmp_path / "report" / "figures").glob("*.svg")}
    assert "loss of Uno's c" in figures["ablations.svg"]
    assert "attribution: log cumulative hazard of death up to 36 months" in figures["attributions-concat.svg"]
    assert "what speaks for a higher risk of death" in (page := (tmp_path / "report" / "report.html").read_text())
    assert "log odds" not in page
    table, out = tmp_path / "one.csv", tmp_path / "explained"
    pd.read_csv(toml.parent / "people.csv")[["age", "tau"]].iloc[[5]].to_csv(table, index=False)
    shipped, image = str(network.folder / "bundle" / "fold-0"), str(toml.parent / "p05.png")
    given = ("explain", shipped, "--image", image, "--clinical", str(table), "--what-if", "tau")
    code, said = command_line(*given, "--out", str(out))
    assert code == 0, said
    assert "S(36 months)" in said
    assert "speaks for a higher risk of death" in (out / "explanation.svg").read_text()


def test_what_the_values_add_to_cox_are_log_hazard_ratios(
    cox: Run, toml: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    """Proportional hazards: the shares are linear in the values, the same for all patients."""
    shares, people = [], pd.read_csv(toml.parent / "people.csv")[["age", "tau"]]
    for number in (5, 6, 7):
        table, out = tmp_path / "one.csv", tmp_path / f"explained-{number}"
        people.iloc[[number]].to_csv(table, index=False)
        code, said = command_line("explain", str(cox.folder), "--clinical", str(table), "--out", str(out))
        assert code == 0, said
        shares.append(pd.read_csv(out / "attributions.csv").set_index("column")["attribution"])
    for column in ("age", "tau"):
        slopes = np.diff([one[column] for one in shares]) / np.diff(people[column].iloc[5:8])
        assert slopes[0] == pytest.approx(slopes[1], rel=1e-3)
    assert abs(slopes[0]) > 1e-3  # of tau


def test_a_search_keeps_the_trial_with_the_best_concordance_of_the_subjects_set_aside(
    toml: Path, tmp_path: Path
) -> None:
    wide: dict[str, Any] = {"search": {"lr": [1e-4, 1e-2]}, "validation": 0.4}
    quick = {**SMALL, "fusion": "clinical-only", "explain": "none", "ship": "none"}
    run = fusekit.run(str(toml), out=tmp_path / "run", progress=Quiet(), **quick, **wide)
    evaluation, aside = run.manifest["evaluation"], run.validation
    assert aside is not None
    for fold, trials in evaluation["search"].items():
        best = max(trials, key=lambda trial: trial["validation_harrell-c"])
        people = Rule().subjects(aside[aside["fold"] == int(fold)])
        times, events = times_of(people["label"].to_numpy()), events_of(people["label"].to_numpy())
        found = concordance_index_censored(events & (times <= 36), np.minimum(times, 36), people["risk"])[0]
        assert best["validation_harrell-c"] == pytest.approx(found)
        assert evaluation["choice"][fold] == best["choice"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"baseline": "ridge"}, "the baseline ridge is for the target number, and that of this task is time_to_event"),
        ({"fusion": "concat+ridge"}, "the baseline ridge is for the target number"),
        ({"objective": "cross-entropy"}, "the objective cross-entropy is for the target classes"),
        ({"threshold": "youden", "validation": 0.2}, "youden parts two classes, and times has none"),
        ({"aggregate": "vote"}, "'vote' joins probabilities, and survival is predicted"),
        ({"select": "auc"}, "--select auc does not choose among predictions of time_to_event: harrell-c does"),
        ({"options": {"training": {"sampler": "balanced"}}}, "sampler=balanced is for classes, and this task predicts"),
    ],
)
def test_what_is_for_classes_or_numbers_is_refused_before_anything_is_read(
    settings: dict[str, Any], said: str, toml: Path, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=said):
        fusekit.run(str(toml), out=tmp_path / "run", progress=Quiet(), **{**SMALL, **settings})


@pytest.mark.parametrize(
    ("column", "cells", "said"),
    [
        ("months", ["12", "late", "14"], "'late'"),
        ("months", ["12", "-3", "14"], r"1 times are below 0: -3 \(line 3\)"),
        ("died", ["yes", "maybe", "no"], r"'maybe' \(1\).*Say what they mean"),
        ("died", ["no", "no", "no"], "no subject has death up to the last horizon, 36 months"),
    ],
)
def test_cells_that_are_no_event_or_no_time_are_refused(
    column: str, cells: list[str], said: str, tmp_path: Path
) -> None:
    toml = write_times(tmp_path, 3)
    people = pd.read_csv(tmp_path / "people.csv", dtype=str).assign(died=["yes", "no", "yes"], months=["3", "4", "5"])
    people.assign(**{column: cells}).to_csv(tmp_path / "people.csv", index=False)
    with pytest.raises(DataError, match=said):
        fusekit.run(str(toml), baseline="kaplan-meier", folds=2, out=tmp_path / "run", progress=Quiet(), image_size=32)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("horizons = [12, 24, 36], ", "", "takes horizons, the times at which survival is stated"),
        ("[12, 24, 36]", "[24, 12]", "times above 0, ascending"),
        ('time = "months", ', "", r"label\.time is missing"),
        ('name = "death"', 'seen = ["yes"]', "takes seen and censored together"),
        ('name = "death"', 'names = "death"', r"label\.names is no entry here"),
        ('columns = ["age", "tau"]', 'columns = ["age", "months"]', "'months', which is the time and can be no input"),
        ('columns = ["age", "tau"]', 'columns = ["age"]\nclasses = ["a", "b"]', "is for a label of classes"),
    ],
)
def test_labels_that_do_not_fit_are_refused_with_their_line(
    before: str, after: str, said: str, toml: Path, tmp_path: Path
) -> None:
    path = tmp_path / "own.toml"
    path.write_text(toml.read_text().replace(before, after))
    with pytest.raises(DataError, match=said):
        fusekit.run(str(path), baseline="cox", out=tmp_path / "run", progress=Quiet(), image_size=32)


def test_a_column_with_the_cells_of_the_time_is_refused(tmp_path: Path) -> None:
    toml = write_times(tmp_path)
    people = pd.read_csv(tmp_path / "people.csv", dtype=str)
    people.assign(copied=people["months"]).to_csv(tmp_path / "people.csv", index=False)
    toml.write_text(toml.read_text().replace('"tau"]', '"tau", "copied"]'))
    with pytest.raises(LeakageError, match="leaky-column"):
        fusekit.run(str(toml), baseline="cox", out=tmp_path / "run", progress=Quiet(), image_size=32)


def test_with_nothing_planted_nothing_is_found(tmp_path: Path) -> None:
    toml = write_times(tmp_path, 90, image=0.0, table=0.0)
    run = fusekit.run(str(toml), baseline="cox", folds=3, image_size=32, out=tmp_path / "run", progress=Quiet())
    for row in run.metrics.to_dict("records"):
        if row["level"] == "subject" and row["metric"] in ("uno-c", "time-auc"):
            assert row["low"] < 0.5 < row["high"]


def test_a_network_starts_from_boosted_hazards(toml: Path, tmp_path: Path) -> None:
    """``table-first`` takes the boosted trees of times, and what is shipped says what the run did."""
    how = {**SMALL, "folds": 1, "epochs": 1, "options": {"columns": {"most": 1, "least": 0.0}, "prior": {"trees": 20}}}
    run = fusekit.run(str(toml), fusion="table-first", out=tmp_path / "run", progress=Quiet(), **how)
    (record,) = run.manifest["evaluation"]["table"].values()
    assert [one["column"] for one in record["columns"]] == ["tau"]  # that which the hazard depends on
    bundle = fusekit.load(run.folder)
    assert bundle.prior is not None
    assert bundle.prior.name == "gbdt-hazards"
    assert bundle.prior.target == bundle.target.of_prior
    first = run.predictions.iloc[0]
    people = pd.read_csv(toml.parent / "people.csv").set_index("id").loc[[first["subject"]]]
    given = people.assign(image=str(toml.parent / f"{first['subject']}.png"))[["age", "tau", "image"]]
    assert bundle.predict(given).subjects[COLUMNS].iloc[0].tolist() == pytest.approx(first[COLUMNS].tolist(), rel=1e-4)


@pytest.mark.parametrize("fusion", ["image-only", "concat", "concat+cox"])
def test_a_network_of_log_hazard_ratios_is_calibrated_on_its_training_subjects(
    toml: Path, tmp_path: Path, fusion: str
) -> None:
    """Breslow's hazard expects as many events among the training subjects as were seen; the whole is shipped."""
    how = {**SMALL, "folds": 1, "options": {"training": {"sync_batchnorm": False}}}
    run = fusekit.run(str(toml), fusion=fusion, objective="cox", out=tmp_path / "run", progress=Quiet(), **how)
    bundle = fusekit.load(run.folder)
    assert isinstance(bundle.target, TimeToEvent)
    assert bundle.target.outputs == 1
    assert len(bundle.target.hazard) == len(bundle.target.edges)
    assert list(run.predictions)[-4:] == COLUMNS
    table = pd.read_csv(toml.parent / "people.csv").set_index("id")
    tested = run.predictions["subject"]
    given = table.assign(image=[str(toml.parent / f"{name}.png") for name in table.index])[["age", "tau", "image"]]
    first = run.predictions.iloc[0]
    assert bundle.predict(given.loc[[first["subject"]]]).subjects[COLUMNS].iloc[0].tolist() == pytest.approx(
        first[COLUMNS].tolist(), rel=1e-4
    )
    if fusion == "concat+cox":  # whose prior says more of those that it was fitted on
        return
    train = table[~table.index.isin(tested)].dropna(subset="months")
    grid, summed = [0.0, *bundle.target.edges], np.cumsum([0.0, *bundle.target.hazard])
    said = bundle.predict(given.loc[train.index].assign(subject=train.index)).subjects.set_index("subject")
    ratios = -np.log(said.loc[train.index, "survival_36"].to_numpy()) / summed[-1]
    expected = ratios * np.interp(np.minimum(train["months"], 36), grid, summed)
    seen = ((train["died"] == "yes") & (train["months"] <= 36)).sum()
    assert expected.sum() == pytest.approx(seen, rel=0.1)  # between two events it rises evenly, and not at the second
