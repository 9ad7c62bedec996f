"""Arms on the same folds; what is finished is kept; nothing is mixed up."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import fusekit
from fusekit import Comparison, compare
from fusekit.errors import FusekitError, OptionError, UnknownName
from fusekit.experiment.compare import slurm
from fusekit.experiment.compare.comparison import launcher_for
from fusekit.experiment.compare.job import SlurmOptions
from fusekit.experiment.compare.local import Local
from fusekit.experiment.run import fold
from fusekit.progress import Quiet
from fusekit.testing import write_cohort
from fusekit.training.guard.failures import within_memory
from tests.experiment.people import content, unreported

SETTINGS: dict[str, Any] = {
    "fusions": ["clinical-only", "rbca"],
    "baselines": ["logistic"],
    "folds": 2,
    "validation": 0.4,
    "backbone": "test_resnet",
    "epochs": 1,
    "image_size": 32,
    "batch_size": 4,
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Arguments of a comparison that takes seconds: somebody's own data, which need no plugin in other processes."""
    task = write_cohort(tmp_path_factory.mktemp("own"))
    return {**SETTINGS, "task": str(task), "progress": Quiet()}


@pytest.fixture(scope="module")
def comparison(small: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Three arms, two folds, one seed."""
    return compare(**small, out=tmp_path_factory.mktemp("comparisons") / "whole")


@pytest.fixture
def _unreported() -> Iterator[None]:
    with unreported():
        yield


@pytest.fixture(scope="module")
def bare(small: dict[str, Any]) -> dict[str, Any]:
    """Without explanations, which take longer than the trainings."""
    return {**small, "explain": "none"}


@pytest.fixture(scope="module")
def unbroken(bare: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every file of ``bare``, and no report, where nothing goes wrong."""
    with unreported():
        return content(compare(**bare, out=tmp_path_factory.mktemp("comparisons") / "bare").folder)


def test_every_subject_is_tested_once_in_every_arm_and_in_the_same_fold(comparison: Comparison) -> None:
    assert [run.manifest["arm"] for run in comparison.runs] == ["clinical-only", "rbca", "logistic"]
    assert (comparison.folder / "report.html").read_text().endswith("clinical-only rbca logistic")  # see ``undrawn``
    keys = ["row", "subject", "scan", "slice", "fold", "label"]
    first = comparison.runs[0].predictions
    assert first["row"].is_unique
    assert first.groupby("subject")["fold"].nunique().eq(1).all()
    assert set(first["subject"]) == set(comparison.runs[0].cohort["subject"])
    for run in comparison.runs[1:]:
        pd.testing.assert_frame_equal(run.predictions[keys], first[keys])
        assert run.validation is not None
        assert comparison.runs[0].validation is not None
        pd.testing.assert_frame_equal(run.validation[keys], comparison.runs[0].validation[keys])
        assert not run.predictions["p_1"].equals(first["p_1"])
        assert run.manifest["data"] == comparison.runs[0].manifest["data"]


def test_an_arm_is_what_a_run_of_it_gives(comparison: Comparison, tmp_path: Path) -> None:
    manifest = comparison.runs[1].folder / "manifest.json"
    run = fusekit.run(config=manifest, explain="none", out=tmp_path / "run", progress=Quiet())
    for name in ("predictions.csv", "validation.csv", "metrics.json", "cohort.csv"):
        assert (run.folder / name).read_bytes() == (manifest.parent / name).read_bytes()


@pytest.mark.usefixtures("_unreported")
def test_a_comparison_whose_process_was_killed_goes_on_and_ends_the_same(
    bare: dict[str, Any], unbroken: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    given = {name: value for name, value in bare.items() if name != "progress"}
    script = "import json, sys; from tests.undrawn import draw_nothing; from fusekit import compare; "
    script += "draw_nothing(); compare(**json.loads(sys.argv[1]))"
    paths = os.pathsep.join([str(Path(__file__).parents[3]), *filter(None, [os.environ.get("PYTHONPATH")])])
    surroundings = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads()), "PYTHONPATH": paths}
    command = [sys.executable, "-c", script, json.dumps({**given, "out": str(out)})]
    with subprocess.Popen(command, env=surroundings, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not list(out.glob("unfinished/rbca-seed-0-fold-0/fold.json")):
            time.sleep(0.02)
        process.kill()
    assert process.returncode == -signal.SIGKILL  # in the middle, and not at its end
    assert not (out / "report.html").exists()
    compare(**bare, out=out)
    assert content(out) == unbroken


@pytest.mark.usefixtures("_unreported")
@pytest.mark.parametrize("killed_at", [0, 5])
def test_a_comparison_that_was_interrupted_trains_what_is_left(
    bare: dict[str, Any],
    unbroken: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    killed_at: int,
) -> None:
    out = tmp_path / "again"
    calls = []
    real = fold.train_fold

    def dying(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) > killed_at:
            (arguments[3] / "predictions.csv").write_text("half a li")
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as mortal:
        mortal.setattr("fusekit.experiment.compare.local.train_fold", dying)
        with pytest.raises(KeyboardInterrupt):
            compare(**bare, out=out)
    assert not (out / "report.html").exists()
    calls.clear()

    def counting(*arguments: Any) -> Any:
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr("fusekit.experiment.compare.local.train_fold", counting)
    compare(**bare, out=out)
    assert len(calls) == 6 - killed_at
    assert content(out) == unbroken


@pytest.mark.usefixtures("_unreported")
def test_a_fold_that_ended_after_its_training_is_not_trained_again(
    bare: dict[str, Any], unbroken: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "again"

    def dying(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as mortal:
        mortal.setattr("fusekit.experiment.run.fold.prediction_table", dying)
        with pytest.raises(KeyboardInterrupt):
            compare(**bare, out=out)
    batches: list[str] = []
    real = within_memory

    def counting(step: Any, batch: Any, where: str, **alone: Any) -> Any:
        batches.append(where)
        return real(step, batch, where, **alone)

    monkeypatch.setattr("fusekit.training.loop.within_memory", counting)
    compare(**bare, out=out)
    assert len(batches) == 3 * 2  # of four trainings of an epoch of two batches, the first was done
    assert content(out) == unbroken


def test_a_finished_comparison_is_not_trained_again(
    small: dict[str, Any], comparison: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "copy"
    shutil.copytree(comparison.folder, out)
    monkeypatch.setattr("fusekit.experiment.compare.comparison.gather", None)  # it would fail to be called
    assert [run.folder.name for run in compare(**small, out=out).runs] == [run.folder.name for run in comparison.runs]
    assert content(out) == content(comparison.folder)


@pytest.mark.usefixtures("_unreported")
def test_folds_side_by_side_give_the_same_as_one_after_the_other(
    bare: dict[str, Any], comparison: Comparison, tmp_path: Path
) -> None:
    arms = {**bare, "fusions": ["clinical-only"]}
    many = compare(**arms, jobs=2, track="tensorboard", out=tmp_path / "many")  # each process tells of its own folds
    events = [path.parent for path in (tmp_path / "tensorboard").glob("**/events.out.*")]
    assert {str(path.relative_to(tmp_path)) for path in events} == {
        "tensorboard/many/clinical-only-seed-0/fold-0",
        "tensorboard/many/clinical-only-seed-0/fold-1",
        "tensorboard/many/clinical-only-seed-0",
        "tensorboard/many/logistic-seed-0",  # which has no epochs
    }
    for run in many.runs:
        one = comparison.folder / "runs" / run.folder.name
        table = pd.read_csv(one / "predictions.csv")  # cores are shared, so the last digit may differ
        pd.testing.assert_frame_equal(pd.read_csv(run.folder / "predictions.csv"), table, rtol=1e-3)


@pytest.mark.usefixtures("_unreported", "unexplained")
def test_seeds_deal_other_folds(small: dict[str, Any], tmp_path: Path) -> None:
    said: list[str] = []

    class Heard(Quiet):
        def say(self, line: str) -> None:
            said.append(line)

    arms = {**small, "fusions": ["clinical-only"], "progress": Heard()}
    made = compare(**arms, seeds=2, seed=3, out=tmp_path / "seeds")
    notes = [line for line in said if line.startswith(("note", "warning"))]
    assert len(notes) == len(set(notes)) > 0  # not once a seed
    assert [run.folder.name for run in made.runs] == [
        "clinical-only-seed-3",
        "clinical-only-seed-4",
        "logistic-seed-3",
        "logistic-seed-4",
    ]
    folds = [run.cohort.set_index("scan")["fold"] for run in made.runs]
    assert folds[0].equals(folds[2])
    assert not folds[0].equals(folds[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 2}, r"begun with other arms: clinical-only\.epochs was 1 and is 2"),
        ({"fusions": ["clinical-only"]}, "begun with other arms"),
        ({"seeds": 2}, r"begun with other seeds: it was \[0\] and is \[0, 1\]"),
    ],
)
def test_another_comparison_is_not_mixed_in(
    small: dict[str, Any], comparison: Comparison, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    out = tmp_path / "copy"
    shutil.copytree(comparison.folder, out)
    before = content(out)
    with pytest.raises(OptionError, match=message):
        compare(**{**small, **changes}, out=out)
    assert content(out) == before


def test_other_data_under_the_same_name_are_refused(
    small: dict[str, Any], comparison: Comparison, tmp_path: Path
) -> None:
    out = tmp_path / "copy"
    shutil.copytree(comparison.folder, out)
    shutil.rmtree(out / "runs" / "rbca-seed-0")
    record = json.loads((out / "comparison.json").read_text())
    record["fingerprint"]["clinical"] = "0" * 64
    (out / "comparison.json").write_text(json.dumps(record))
    with pytest.raises(OptionError, match=r"the data are not those that .* was begun with: the clinical differ"):
        compare(**small, out=out)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"fusions": ["rbca"], "baselines": []}, OptionError, "needs two arms or more"),
        ({"fusions": ["rbca", "rbca"]}, OptionError, "rbca is listed twice"),
        ({"fusions": ["rbac", "concat"]}, UnknownName, "did you mean 'rbca'"),
        ({"baselines": ["logistics"]}, UnknownName, "did you mean 'logistic'"),
        ({"task": None}, OptionError, "names no task"),
        ({"jobs": 0}, OptionError, "take 1 or more"),
        (
            {"fusions": ["concat"], "options": {"injector": {"reduction": "shared"}}},
            OptionError,
            "none of the arms has",
        ),
        ({"options": {"injector": {"reduction": "half"}}}, OptionError, "reduction takes one of"),
        ({"search": {"task.x": ["1"]}}, OptionError, "--search takes lr, epochs, batch_size"),
        ({"search": {"lr": ["fast"]}}, OptionError, "lr takes a number, not 'fast'"),
        ({"validation": 0.0, "threshold": "youden"}, OptionError, "--validation 0 sets none aside"),
        ({"aggregate": "mode"}, OptionError, "aggregate takes one of mean, median"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_made(
    small: dict[str, Any], tmp_path: Path, changes: dict[str, Any], error: type[FusekitError], message: str
) -> None:
    with pytest.raises(error, match=message):
        compare(**{**small, **changes}, out=tmp_path / "comparison")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_else_is_left_alone(small: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(OptionError, match="is not empty and is no comparison"):
        compare(**small, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.usefixtures("_unreported", "unexplained")
def test_options_reach_the_arms_that_have_the_part(small: dict[str, Any], tmp_path: Path) -> None:
    options = {"injector": {"reduction": "shared"}, "encoder": {"activation": "none"}}
    made = compare(**{**small, "baselines": [], "folds": 2, "options": options}, out=tmp_path / "made")
    with_it, without = (run.manifest["config"]["options"] for run in made.runs[::-1])
    assert with_it["injector"] == {"reduction": "shared"}
    assert "injector" not in without
    assert with_it["encoder"] == without["encoder"] == {"activation": "none"}


def test_local_trains_one_at_a_time_unless_asked(tmp_path: Path) -> None:
    assert launcher_for("local", None, {}, tmp_path) == Local(1)
    assert launcher_for("local", 3, {}, tmp_path) == Local(3)


def test_slurm_takes_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm, "refuse_absent", lambda: None)
    made = launcher_for("slurm", 8, {"partition": "gpu", "time": "90", "extra": "reservation=a,exclude=n7"}, tmp_path)
    assert isinstance(made, slurm.Slurm)
    assert made.jobs == 8
    assert made.options == SlurmOptions(partition="gpu", time=90, extra=("reservation=a", "exclude=n7"))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("slrum", {}, "no launcher 'slrum'; did you mean 'slurm'"),
        ("slurm", {"partitoin": "gpu"}, "slurm has no option 'partitoin'; did you mean 'partition'"),
        ("slurm", {"time": "two hours"}, r"slurm\.time takes a whole number, not 'two hours'"),
        ("slurm", {"cpus": "0"}, r"slurm\.cpus takes 1 or more, not 0"),
        ("slurm", {"gpus": "4"}, r"slurm\.gpus takes 0 or 1, not 4"),
        ("slurm", {"extra": "exclusive"}, r"slurm\.extra takes name=value,name=value, not 'exclusive'"),
    ],
)
def test_a_launcher_or_an_option_that_does_not_fit_is_refused(
    name: str, options: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=message):
        launcher_for(name, None, options, tmp_path)
