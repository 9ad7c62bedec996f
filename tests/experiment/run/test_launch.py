"""A run in two processes: from its own start, and from torchrun's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import fusekit
from fusekit.errors import OptionError
from fusekit.evaluation import score
from fusekit.experiment.setup.gathered import gather
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Quiet
from fusekit.report.run import Run
from fusekit.testing import write_cohort
from fusekit.training.machines.processes import ProcessLostError
from tests import undrawn

UNDRAWN = Path(undrawn.__file__)
SMALL = [
    "--preset",
    "paper",
    "--fusion",
    "rbca",
    "--backbone",
    "test_resnet",
    "--image-size",
    "32",
    "--epochs",
    "2",
    "--batch-size",
    "4",
]
SMALL += ["--validation", "0.25", "--select", "auc", "--folds", "1", "--device", "cpu"]


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred people, so that those tested are predicted in two batches."""
    return write_cohort(tmp_path_factory.mktemp("own"), 200)


def command(task: Path, out: Path, *more: str, by: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    start = [sys.executable, *by, str(UNDRAWN), "run", str(task), *SMALL, "--out", str(out), *more]
    surrounding = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(start, env=surrounding, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(process: subprocess.Popen[str], code: int = 0) -> str:
    said, _ = process.communicate(timeout=300)
    assert process.returncode == code, said
    return said


@pytest.fixture(scope="module")
def own(task: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Started by FuseKit."""
    out = tmp_path_factory.mktemp("runs") / "own"
    said = ended(command(task, out, "--devices", "2"))
    assert said.count("Everything lies in") == 1  # the first process alone reports
    assert said.count("2 devices train together, 4 slices each: 8 per step") == 1
    assert "Warning" not in said
    return Run(out)


def test_every_slice_is_predicted_once_as_the_model_predicts_it_in_one_process(own: Run) -> None:
    predictions = own.predictions
    assert len(predictions) == predictions["subject"].nunique() == 40  # none was added to fill a batch
    assert own.manifest["config"]["devices"] == 2
    config = Settings.of(own.manifest["config"])
    plan = make_plan(config)
    gathered = gather(config, plan.task, plan.slices, Quiet())
    assert set(predictions["row"]) == set(gathered.sides(0, config.validation, config.seed).test.index)
    columns = own.bundle.encode(gathered.cohort.clinical.loc[predictions["scan"]])
    alone = own.bundle.probabilities(gathered.store.images[predictions["row"].to_numpy()], columns)
    # To the last bit but for where a batch lies in memory, which matrix products depend on.
    np.testing.assert_allclose(predictions[["p_0", "p_1"]].to_numpy(), alone, rtol=1e-6)
    known = own.metrics.set_index(["level", "metric"])
    counted = score(predictions.assign(p_0=alone[:, 0], p_1=alone[:, 1]), plan.metrics)
    pd.testing.assert_frame_equal(counted.set_index(["level", "metric"]), known, check_dtype=False, rtol=1e-6)


def test_a_search_asks_once_for_all_processes(task: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    small: dict[str, Any] = {"preset": "paper", "image_size": 32, "epochs": 1, "batch_size": 4, "folds": 1}
    small |= {"fusion": "clinical-only", "explain": "none", "device": "cpu", "devices": 2, "validation": 0.25}
    search: dict[str, Any] = {"search": {"lr": "1e-4..1e-2:log"}, "trials": 2}
    evaluation = fusekit.run(str(task), out=tmp_path / "run", **small, **search).manifest["evaluation"]
    said = "".join(capfd.readouterr())  # of both processes
    assert said.count("trial 1 of 2: lr=") == said.count("trial 2 of 2: lr=") == 1
    assert [trial["state"] for trial in evaluation["search"]["0"]] == ["complete"] * 2
    best = max(evaluation["search"]["0"], key=lambda trial: (trial["validation_auc"], -trial["number"]))
    assert evaluation["choice"]["0"] == best["choice"]


@pytest.mark.slow  # srun starts processes likewise, in tests/integration/test_slurm.py
def test_torchrun_gives_the_same_run(task: Path, own: Run, tmp_path: Path) -> None:
    said = ended(command(task, tmp_path / "run", by=("-m", "torch.distributed.run", "--nproc-per-node=2")))
    assert said.count("Everything lies in") == 1
    for name in ("predictions.csv", "validation.csv", "metrics.json", "ablations.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (own.folder / name).read_bytes(), name
    mine, theirs = Run(tmp_path / "run").bundle.model.state_dict(), own.bundle.model.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


@pytest.mark.slow  # an error and a signal end the others likewise, below
def test_a_process_that_is_killed_takes_the_others_along_and_nothing_is_lost(
    task: Path, own: Run, tmp_path: Path
) -> None:
    out, more = tmp_path / "run", ["--devices", "2", "--resume", "--epochs", "4", "--explain", "none"]
    kept = tmp_path / ".run.unfinished" / ".fold-0.partial" / "checkpoints" / "training.safetensors"
    for whom, code in (("other", 2), ("first", -signal.SIGKILL)):
        process, others, before = command(task, out, *more), list[int](), written(kept)
        while written(kept) == before or not others:
            assert process.poll() is None
            others = others or children(process.pid)
            time.sleep(0.02)
        os.kill(process.pid if whom == "first" else others[0], signal.SIGKILL)
        said = " ".join(ended(process, code).split())
        if whom == "other":
            assert "another process of this training has ended" in said
            assert "to resume: fusekit run" in said
        give_up = time.monotonic() + 60
        while any(Path(f"/proc/{pid}").exists() for pid in others):
            assert time.monotonic() < give_up, "a process outlived its run"
            time.sleep(0.05)
    ended(command(task, out, *more))
    history = Run(out).history
    assert list(history["epoch"]) == [1, 2, 3, 4]
    pd.testing.assert_frame_equal(steady(history.head(2)), steady(own.history))  # of a run without a break


def test_what_one_process_cannot_share_is_refused(task: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"out": tmp_path / "run", "devices": 2, "device": "cpu"}
    with pytest.raises(OptionError, match="the baseline logistic is fitted by one process"):
        fusekit.run(str(task), baseline="logistic", **settings)
    with pytest.raises(OptionError, match=r"a comparison trains each fold on one device.*--jobs N"):
        fusekit.compare(str(task), fusions=["concat", "rbca"], **settings)
    with pytest.raises(OptionError, match="one graph, which cannot hold batch normalisation over several devices"):
        fusekit.run(str(task), options={"training": {"compile": True}}, **settings)
    with pytest.raises(OptionError, match="srun --nodes=3 --ntasks-per-node=2 fusekit run"):
        fusekit.run(str(task), nodes=3, **settings)
    assert not list(tmp_path.iterdir())


def test_an_error_of_the_first_ends_the_others_and_leaves_no_trace(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ProcessLostError

    monkeypatch.setattr(import_module("fusekit.experiment.run.run"), "gather", broken)
    before = {name: os.environ.get(name) for name in ("MASTER_ADDR", "MASTER_PORT")}
    with pytest.raises(ProcessLostError):
        fusekit.run(
            str(task), devices=2, device="cpu", image_size=32, out=tmp_path / "run", folds=2, epochs=1, progress=Quiet()
        )
    assert not children(os.getpid())
    assert {name: os.environ.get(name) for name in before} == before
    assert not torch.distributed.is_initialized()
    assert not list(tmp_path.iterdir())


def test_a_process_that_does_not_get_as_far_as_joining_is_not_waited_for(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fusekit.experiment.run.launch.PROGRAM", "import sys; sys.stdin.read(); sys.exit('no')")
    with pytest.raises(ProcessLostError, match="Its own message is above"):
        fusekit.run(str(task), devices=2, device="cpu", image_size=32, out=tmp_path / "run", progress=Quiet())
    assert not list(tmp_path.iterdir())


def children(pid: int) -> list[int]:
    """Of a process; on Linux."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    found = [int(child) for child in path.read_text().split()] if path.exists() else []
    return [child for child in found if b"fusekit.experiment.run.launch" in Path(f"/proc/{child}/cmdline").read_bytes()]


def written(path: Path) -> int:
    """When a file was written; 0 if it is not there."""
    return path.stat().st_mtime_ns if path.exists() else 0


def steady(history: pd.DataFrame) -> pd.DataFrame:
    """Without what the clock says."""
    return history.drop(columns=["seconds", "images_per_second"])
