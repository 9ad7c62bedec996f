"""Times of people who come under observation late, from their table to scores, a report and another cohort."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fusekit
from fusekit import Run
from fusekit.data.target.follow_up import labels_of, times_of
from fusekit.errors import DataError, OptionError
from fusekit.evaluation import score
from fusekit.evaluation.arms.contribution import contribution
from fusekit.evaluation.metrics.survival import HarrellConcordance
from fusekit.progress import Quiet
from tests.conftest import CommandLine
from tests.experiment.people import write_times

SMALL: dict[str, Any] = {"backbone": "test_resnet", "image_size": 32, "batch_size": 8, "epochs": 2, "folds": 2}
KNOWN = ["row", "subject", "scan", "slice", "fold", "label", "entry"]


@pytest.fixture(scope="module")
def toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_times(tmp_path_factory.mktemp("late"), late=True)


@pytest.fixture(scope="module")
def cox(toml: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "cox"
    return fusekit.run(str(toml), baseline="cox", folds=2, image_size=32, out=out, progress=Quiet())


def test_the_entry_goes_with_the_label_from_the_table_to_the_scores(cox: Run, toml: Path) -> None:
    people = pd.read_csv(toml.parent / "people.csv", index_col="id").dropna(subset="months")
    subjects = cox.subjects.set_index("subject").loc[people.index]
    assert subjects["entry"].tolist() == pytest.approx(people["came"].tolist())
    assert list(cox.predictions)[:7] == KNOWN
    # Harrell's c by a loop over pairs of whom both are seen at the earlier event, within folds.
    each = []
    for _, own in cox.subjects.groupby("fold"):
        won, pairs, rows = 0.0, 0, own.to_dict("records")
        for one in rows:
            for other in rows:
                case = one["label"] > 0 and one["label"] <= 36 and one["label"] < abs(other["label"])
                if case and other["entry"] < one["label"]:
                    won += float(one["risk"] > other["risk"]) + 0.5 * float(one["risk"] == other["risk"])
                    pairs += 1
        each.append((won / pairs, len(own)))
    values, counts = np.array(each).T
    found = cox.metrics[cox.metrics["level"] == "subject"].set_index("metric")["value"]
    assert found["harrell-c"] == pytest.approx(np.average(values, weights=counts))
    assert found.notna().all()
    ablations = cox.ablations
    assert ablations is not None
    assert contribution(ablations).set_index("condition").loc["as-is", "value"] == pytest.approx(
        found["uno-c"], abs=1e-6
    )


def test_its_report_and_another_cohort(cox: Run, toml: Path, tmp_path: Path, command_line: CommandLine) -> None:
    code, said = command_line("report", str(cox.folder), "--out", str(tmp_path / "report"))
    assert code == 0, said
    assert "could not" not in said
    at_risk = pd.read_csv(tmp_path / "report" / "figures" / "kaplan-meier.csv")["at_risk"]
    assert (at_risk.diff() > 0).any()  # it rises
    other = write_times(tmp_path, 40, late=True)
    people = pd.read_csv(tmp_path / "people.csv").assign(tau=lambda one: one["tau"] + 3)
    people.to_csv(tmp_path / "people.csv", index=False)
    out = tmp_path / "external"
    code, said = command_line("evaluate", str(cox.folder), "--task", str(other), "--out", str(out))
    assert code == 0, said
    assert list(Run(out).predictions)[:7] == KNOWN
    (tmp_path / "plain").mkdir()
    plain = write_times(tmp_path / "plain", 41)  # a cohort without entry is no other target
    moved = pd.read_csv(tmp_path / "plain" / "people.csv").assign(tau=lambda one: one["tau"] + 5)
    moved.to_csv(tmp_path / "plain" / "people.csv", index=False)
    code, said = command_line("evaluate", str(cox.folder), "--task", str(plain), "--out", str(tmp_path / "second"))
    assert code == 0, said
    assert "entry" not in Run(tmp_path / "second").predictions


@pytest.mark.parametrize("objective", ["hazards", "cox"])
def test_networks_train_on_it(objective: str, toml: Path, tmp_path: Path) -> None:
    how: dict[str, Any] = {**SMALL, "folds": 1, "select": "harrell-c", "explain": "none"}
    run = fusekit.run(str(toml), fusion="concat", objective=objective, out=tmp_path / "run", progress=Quiet(), **how)
    assert np.isfinite(run.history["loss"]).all()
    assert list(run.predictions)[:7] == KNOWN
    aside = run.validation
    assert aside is not None
    assert "entry" in aside


def test_a_network_starts_from_boosted_hazards_of_late_entries(toml: Path, tmp_path: Path) -> None:
    how: dict[str, Any] = {**SMALL, "folds": 1, "epochs": 1, "explain": "none", "options": {"prior": {"trees": 20}}}
    run = fusekit.run(str(toml), fusion="table-first", out=tmp_path / "run", progress=Quiet(), **how)
    assert run.metrics["value"].notna().any()


def test_planted_people_enter_late_where_that_is_asked(tmp_path: Path) -> None:
    """The same people; those whose months are over before they come are left out, and counted."""
    how: dict[str, Any] = {"baseline": "kaplan-meier", "folds": 2, "explain": "none", "progress": Quiet()}
    small = {"synthetic": {"subjects": 60}}
    late = fusekit.run("planted", out=tmp_path / "a", options={**small, "task": {"target": "late-time"}}, **how)
    plain = fusekit.run("planted", out=tmp_path / "b", options={**small, "task": {"target": "time"}}, **how)
    assert "entry" in late.predictions
    assert "entry" not in plain.predictions
    (left,) = (one for one in late.manifest["findings"] if one["code"] == "label-left-out")
    assert "'entered'" in left["message"]
    assert left["count"] + late.subjects["subject"].nunique() == 60
    known = plain.subjects.set_index("subject")["label"]
    assert (late.subjects.set_index("subject")["label"] == known.loc[late.subjects["subject"]]).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda people: people.assign(came="99"), r"column 'came': 39 times of entry are below 0, or not before"),
        (lambda people: people.assign(came="-1"), r"-1, and the time [0-9.]+ \(line 3\)"),
        (lambda people: people.assign(came="soon"), "'soon'"),
        (lambda people: people.drop(columns="came"), "came"),
    ],
)
def test_entries_that_are_none_are_refused(
    change: Callable[[pd.DataFrame], pd.DataFrame], said: str, tmp_path: Path
) -> None:
    toml = write_times(tmp_path, 40, late=True)
    change(pd.read_csv(tmp_path / "people.csv", dtype=str)).to_csv(tmp_path / "people.csv", index=False)
    with pytest.raises(DataError, match=said):
        fusekit.run(str(toml), baseline="cox", folds=2, out=tmp_path / "run", progress=Quiet(), image_size=32)


def test_an_empty_entry_leaves_its_row_out_or_is_refused(tmp_path: Path) -> None:
    toml = write_times(tmp_path, 40, late=True)
    people = pd.read_csv(tmp_path / "people.csv", dtype=str)
    people["came"] = people["came"].where(people.index != 7)
    people.to_csv(tmp_path / "people.csv", index=False)
    how: dict[str, Any] = {"baseline": "cox", "folds": 2, "image_size": 32, "progress": Quiet(), "explain": "none"}
    run = fusekit.run(str(toml), out=tmp_path / "run", **how)
    assert "p07" not in set(run.predictions["subject"])
    people.fillna({"months": "x"}).to_csv(tmp_path / "people.csv", index=False)
    toml.write_text(toml.read_text().replace('leave_out = [""]', 'leave_out = ["x"]'))
    with pytest.raises(DataError, match="'came'"):
        fusekit.run(str(toml), out=tmp_path / "second", **how)


def test_an_entry_that_is_the_time_is_refused_with_its_line(toml: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(toml.read_text().replace('entry = "came"', 'entry = "months"'))
    with pytest.raises(
        DataError, match=r"label\.entry is the column 'months', which is that of the event or of its time"
    ):
        fusekit.run(str(path), baseline="cox", out=tmp_path / "run", progress=Quiet(), image_size=32)


class Unaware(HarrellConcordance):
    """A metric that nobody taught to look at the entry."""

    late_entry = False


def test_what_does_not_know_entry_is_refused_by_name(
    cox: Run, toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OptionError, match='the metric "Harrell\'s c" takes everyone as followed from the start'):
        score(cox.predictions, {"unaware": Unaware()})
    score(cox.predictions.drop(columns="entry"), {"unaware": Unaware()})
    for part, said in (
        ("fusekit.baselines.survival.cox.Cox", "the baseline cox"),
        ("fusekit.evaluation.metrics.survival.IntegratedBrier", "the metric integrated-brier"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(f"{part}.late_entry", False)
            with pytest.raises(OptionError, match=f"{said} takes everyone as followed from the start"):
                fusekit.run(str(toml), baseline="cox", out=tmp_path / "run", progress=Quiet(), image_size=32)
    assert not (tmp_path / "run").exists()


def test_labels_of_a_run_are_those_of_its_table(cox: Run) -> None:
    labels = labels_of(cox.subjects)
    assert labels.shape == (len(cox.subjects), 2)
    assert (labels[:, 1] < times_of(labels)).all()
