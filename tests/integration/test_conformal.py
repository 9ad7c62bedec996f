"""Prediction sets and intervals from a run's own folds to a bundle, a new patient, another cohort and the page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fusekit
from fusekit import Run
from fusekit.disk import signed
from fusekit.errors import DataError, OptionError
from fusekit.experiment.evidence import gather_evidence
from fusekit.progress import Quiet
from fusekit.report.page.coverage import coverage_grids
from fusekit.report.page.page import page
from fusekit.testing import write_cohort
from tests.conftest import CommandLine
from tests.experiment.people import write_grades, write_numbers, write_times

LEVEL = 0.8
COMMON = ("--folds", "3", "--image-size", "32", "--explain", "none")
QUIET: dict[str, Any] = {"image_size": 32, "explain": "none", "progress": Quiet()}
LOGISTIC: dict[str, Any] = {"baseline": "logistic", "folds": 3, "ship": "folds", **QUIET}
NETWORK: dict[str, Any] = {
    "backbone": "test_resnet",
    "batch_size": 8,
    "epochs": 1,
    "folds": 2,
    "validation": 0.2,
    **QUIET,
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    toml = write_cohort(tmp_path_factory.mktemp("people"), 45)
    people = pd.read_csv(toml.parent / "people.csv")
    people.assign(tau=people["tau"] + 30 * (people["ill"] == "yes")).to_csv(toml.parent / "people.csv", index=False)
    return toml


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_numbers(tmp_path_factory.mktemp("numbers"), 45)


@pytest.fixture(scope="module")
def of_classes(own: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "logistic"
    return fusekit.run(str(own), conformal=LEVEL, out=out, **LOGISTIC)


def quantile(scores: pd.Series) -> float:
    return float(np.sort(scores)[ceil((len(scores) + 1) * LEVEL) - 1])


def test_a_run_counts_what_the_other_folds_quantile_holds(of_classes: Run) -> None:
    subjects = of_classes.predictions.groupby("subject").first()  # one picture each
    score = 1 - subjects["p_1"].where(subjects["label"] == 1, subjects["p_0"])
    limit = subjects["fold"].map({fold: quantile(score[subjects["fold"] != fold]) for fold in range(3)})
    coverage = of_classes.table("coverage.csv")
    assert coverage is not None
    assert coverage["covered"].iloc[0] == (score <= limit).sum()
    assert coverage["subjects"].tolist()[:3] == [45, 23, 22]
    assert coverage["group"].tolist()[:3] == ["all", "no", "yes"]
    size = (1 - subjects[["p_0", "p_1"]]).le(limit, axis=0).sum(axis=1)
    assert coverage["size"].iloc[0] == pytest.approx(size.mean())
    shipped = json.loads((of_classes.folder / "bundle" / "bundle.json").read_text())
    assert shipped["conformal"] == {"level": LEVEL, "subjects": 45, "quantile": pytest.approx(quantile(score))}
    assert "conformal" not in json.loads((of_classes.folder / "bundle" / "fold-0" / "bundle.json").read_text())


def test_the_page_has_the_coverage_of_all_by_class_and_by_group(of_classes: Run) -> None:
    evidence, coverage = gather_evidence([of_classes]), of_classes.table("coverage.csv")
    assert coverage is not None
    everyone, labels, ages = coverage_grids(evidence)
    row = coverage.iloc[0]
    assert [cell.text for cell in everyone.rows[0]] == [
        *("logistic", "0.8", f"{row['coverage']:.2f}", f"{row['size']:.2f}", "45"),
    ]
    assert everyone.rows[0][2].notes[0] == f"{row['low']:.2f} to {row['high']:.2f}"
    assert [[cell.text for cell in own] for own in labels.rows] == [
        [name, count, f"{coverage['coverage'][k]:.2f}"]
        for k, (name, count) in enumerate([("no", "23"), ("yes", "22")], 1)
    ]
    few = [row[2] for row in ages.rows if int(row[1].text) < 10]
    assert few
    assert all(cell.notes == ("fewer than 10 subjects",) for cell in few)
    shown = page(evidence, {})
    assert "Prediction sets and intervals" in shown
    assert "Coverage by label" in shown


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.drop(columns="level"), "level"),
        (lambda table: table.iloc[1:], "does not begin with the row of all subjects"),
        (lambda table: table.assign(covered=1000), "other counts than there are subjects"),
    ],
)
def test_a_report_refuses_a_coverage_that_is_none(
    change: Callable[[pd.DataFrame], pd.DataFrame], said: str, of_classes: Run, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(of_classes.folder, tmp_path / "run"))
    change(pd.read_csv(folder / "coverage.csv")).to_csv(folder / "coverage.csv", index=False)
    with pytest.raises(DataError, match="changed"):
        gather_evidence([Run(folder)])
    (folder / "checksums.json").unlink()
    with pytest.raises(DataError, match=said):
        gather_evidence([Run(folder)])


def test_predict_gives_sets_in_every_format(
    of_classes: Run, own: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    table = tmp_path / "new.csv"
    pd.read_csv(own.parent / "people.csv").drop(columns="ill").to_csv(table, index=False)
    arguments = ("predict", str(of_classes.folder), "--clinical", str(table))
    code, said = command_line(*arguments, "--format", "csv", "--out", str(tmp_path / "said.csv"))
    assert code == 0, said
    found = pd.read_csv(tmp_path / "said.csv", keep_default_na=False)
    limit = json.loads((of_classes.folder / "bundle" / "bundle.json").read_text())["conformal"]["quantile"]
    inside = {name: 1 - found[f"p_{name}"] <= limit for name in ("no", "yes")}
    assert found["set"].tolist() == [
        " or ".join(name for name in inside if inside[name][row]) for row in range(len(found))
    ]
    assert {"no", "yes"} <= set(found["set"])
    command_line(*arguments, "--format", "json", "--out", str(tmp_path / "said.json"))
    assert [one["set"] for one in json.loads((tmp_path / "said.json").read_text())] == found["set"].tolist()
    code, said = command_line(*arguments)
    assert "Prediction sets are to hold the truth of 80 % of patients" in " ".join(said.split())


def test_a_network_s_sets_are_those_of_its_probabilities_before_a_temperature(own: Path, tmp_path: Path) -> None:
    run = fusekit.run(str(own), conformal=LEVEL, out=tmp_path / "run", **NETWORK)
    people = pd.read_csv(own.parent / "people.csv").drop(columns="ill").head(6)
    said = run.bundle.predict(people.assign(image=[str(own.parent / f"{one}.png") for one in people["id"]]))
    conformal, slices = run.bundle.conformal, said.slices
    assert conformal is not None
    assert conformal.quantile is not None
    inside = 1 - slices[["p_0", "p_1"]].to_numpy() <= conformal.quantile
    assert said.subjects["set"].tolist() == [" or ".join(np.array(["no", "yes"])[own]) for own in inside]


def test_of_ordered_classes_too_few_subjects_leave_every_class_in(tmp_path: Path, command_line: CommandLine) -> None:
    toml, out = write_grades(tmp_path), tmp_path / "run"
    run = fusekit.run(str(toml), baseline="ordinal-logistic", conformal=0.99, folds=2, out=out, **QUIET)
    conformal, coverage = run.bundle.conformal, run.table("coverage.csv")
    assert conformal is not None
    assert coverage is not None
    assert conformal.quantile is None
    assert coverage["size"].iloc[0] == 3
    table = tmp_path / "new.csv"
    pd.read_csv(toml.parent / "people.csv").drop(columns="grade").head(2).to_csv(table, index=False)
    code, said = command_line("predict", str(out), "--clinical", str(table), "--format", "csv")
    assert code == 0, said
    assert said.count("low or middle or high") == 2
    code, said = command_line("predict", str(out), "--clinical", str(table))
    assert "at this level 99 are needed, and with fewer all is in each" in " ".join(said.split())


def test_without_the_setting_all_is_as_before(of_classes: Run, own: Path, tmp_path: Path) -> None:
    plain = fusekit.run(str(own), out=tmp_path / "run", **LOGISTIC)
    for name in ("predictions.csv", "metrics.json", "cohort.csv"):
        assert (plain.folder / name).read_bytes() == (of_classes.folder / name).read_bytes()
    assert plain.table("coverage.csv") is None
    assert plain.bundle.conformal is None
    assert "conformal" not in plain.manifest["config"]
    before, after = (json.loads((one.folder / "bundle" / "bundle.json").read_text()) for one in (plain, of_classes))
    assert set(after) - set(before) == {"conformal"}
    assert coverage_grids(gather_evidence([plain])) == []


def test_a_number_from_the_command_line_to_another_cohort(
    numbers: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    out, table = tmp_path / "ridge", tmp_path / "new.csv"
    code, said = command_line("run", str(numbers), "--baseline", "ridge", "--conformal", "0.8", *COMMON,
                              "--out", str(out))  # fmt: skip
    assert code == 0, said
    assert "Prediction intervals at level 0.8 hold the truth of" in " ".join(said.split())
    subjects, bundle = Run(out).predictions.groupby("subject").first(), Run(out).bundle
    limit = quantile((subjects["label"] - subjects["predicted"]).abs())
    assert bundle.conformal is not None
    assert bundle.conformal.quantile == pytest.approx(limit)
    pd.read_csv(numbers.parent / "people.csv").drop(columns="score").head(3).to_csv(table, index=False)
    said_at = tmp_path / "said.csv"
    command_line("predict", str(out), "--clinical", str(table), "--format", "csv", "--out", str(said_at))
    found = pd.read_csv(said_at)
    assert (found["high"] - found["predicted"]).to_numpy() == pytest.approx(limit)
    assert (found["predicted"] - found["low"]).to_numpy() == pytest.approx(limit)
    code, said = command_line("predict", str(out), "--clinical", str(table))
    assert code == 0, said
    assert f"{found['low'][0]:.1f}" in said

    (tmp_path / "there").mkdir()
    other, elsewhere = write_numbers(tmp_path / "there", 40), tmp_path / "external"
    people = pd.read_csv(other.parent / "people.csv")
    people.assign(score=people["score"] + 2 * limit).to_csv(other.parent / "people.csv", index=False)
    code, said = command_line("evaluate", str(out), "--task", str(other), "--out", str(elsewhere),
                              "--allow", "training-cohort")  # fmt: skip
    assert code == 0, said
    there, coverage = Run(elsewhere).predictions, Run(elsewhere).table("coverage.csv")
    assert coverage is not None
    assert coverage["covered"].iloc[0] == ((there["label"] - there["predicted"]).abs() <= bundle.conformal.limit).sum()
    assert "The interval excludes the level." in " ".join(said.split())
    assert "exchangeable" in said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"conformal": 0.4}, r"--conformal takes a number from 0.5 to 0.99, not 0.4"),
        ({"conformal": 1.0}, r"--conformal takes a number from 0.5 to 0.99, not 1"),
        ({"conformal": 0.9, "folds": 1}, "--conformal tests the subjects of each fold"),
    ],
)
def test_what_cannot_be_measured_is_refused(settings: dict[str, Any], said: str, own: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=said):
        fusekit.run(str(own), baseline="logistic", out=tmp_path / "run", progress=Quiet(), **settings)


def test_times_to_an_event_have_none(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="and this task predicts the time to an event"):
        fusekit.run(str(write_times(tmp_path)), baseline="cox", conformal=0.9, out=tmp_path / "run", progress=Quiet())


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"level": 0.8, "subjects": 45, "quantile": -0.1}, "greater than or equal to 0|0"),
        ({"level": 0.8, "subjects": 45, "quantile": None}, "needs 4 subjects"),
        ({"level": 0.8, "subjects": 3, "quantile": 0.5}, "needs 4 subjects"),
        ({"level": 0.8, "subjects": 45, "quantile": 0.5, "more": 1}, "more"),
    ],
)
def test_a_bundle_whose_entry_is_none_is_refused(
    entry: dict[str, object], said: str, of_classes: Run, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(of_classes.folder / "bundle", tmp_path / "bundle"))
    content = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps(signed({**content, "conformal": entry})))
    with pytest.raises(DataError, match=said):
        fusekit.load(folder)
