"""Trainings as jobs: the same results, nothing twice, failures with their reasons."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import submitit
import torch
from submitit.core.utils import JobPaths

from fusekit import Comparison, compare
from fusekit.errors import DataError, FusekitError, OptionError
from fusekit.experiment.compare import slurm
from fusekit.experiment.compare.job import SlurmOptions, TrainFold
from fusekit.experiment.compare.slurm import Slurm
from fusekit.experiment.run.fold import train_fold
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Quiet
from fusekit.testing import write_cohort
from tests.experiment.people import content, unreported


class Said(Quiet):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


class Job:
    def __init__(self, folder: Path, job_id: str, request: str = ""):
        self.job_id, self.request, self.said = job_id, request, ""
        self.paths = JobPaths(folder, job_id)

    def result(self) -> str:
        return self.said


class Cluster:
    """Slurm in this process: whenever somebody looks at the queue, one job runs."""

    def __init__(self) -> None:
        self.arrays: list[tuple[dict[str, Any], list[str]]] = []
        self.jobs: dict[str, Job] = {}  # in the queue
        self.cancelled: list[str] = []
        self.killed: set[str] = set()  # jobs that end without a word
        self.looks: Iterator[BaseException | None] = iter(())  # what befalls the one who looks
        self.work = TrainFold()

    def submit(self, folder: Path, parameters: dict[str, Any], requests: Sequence[str]) -> list[Job]:
        made = [Job(folder, f"{len(self.arrays)}_{number}", request) for number, request in enumerate(requests)]
        self.arrays.append((parameters, list(requests)))
        self.jobs |= {job.job_id: job for job in made}
        return made

    def job_at(self, folder: Path, job_id: str) -> Job:
        return self.jobs[job_id]

    def queued(self) -> dict[str, str] | None:
        if error := next(self.looks, None):
            raise error
        if self.jobs:
            job = self.jobs.pop(next(iter(self.jobs)))
            if job.job_id in self.killed:
                job.paths.stdout.write_text("epoch 1\nslurmstepd: error: Detected 1 oom_kill event\n")
            else:
                job.said = self.work(job.request)
                job.paths.result_pickle.touch()
        return dict.fromkeys(self.jobs, "PENDING")

    def cancel(self, jobs: Sequence[str]) -> None:
        self.cancelled += jobs
        for job in jobs:
            self.jobs.pop(job, None)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    for name in ("submit", "job_at", "queued", "cancel"):
        monkeypatch.setattr(slurm, name, getattr(made, name))
    monkeypatch.setattr(slurm, "refuse_absent", lambda: None)
    monkeypatch.setattr(slurm, "PAUSE", (0.0, 0.0))
    monkeypatch.setattr(slurm, "GRACE", 0.0)
    return made


@pytest.fixture(scope="module", autouse=True)
def _unreported() -> Iterator[None]:
    with unreported():
        yield


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two arms, which take no time, and two folds."""
    return {
        "task": str(write_cohort(tmp_path_factory.mktemp("own"))),
        "baselines": ["logistic", "prevalence"],
        "folds": 2,
        "validation": 0.4,
        "epochs": 1,
        "image_size": 32,
        "batch_size": 4,
        "backbone": "test_resnet",
        "device": "cpu",
        "explain": "none",
        "progress": Quiet(),
    }


@pytest.fixture(scope="module")
def serial(_unreported: None, asked: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """What one process makes of them."""
    return compare(**asked, out=tmp_path_factory.mktemp("comparisons") / "serial")


def on_slurm(asked: dict[str, Any], out: Path, **more: Any) -> Comparison:
    threads = str(torch.get_num_threads())
    return compare(**{**asked, **more}, launcher="slurm", options={"slurm": {"cpus": threads}}, out=out)


def test_jobs_give_the_same_as_one_process(
    asked: dict[str, Any], serial: Comparison, cluster: Cluster, tmp_path: Path
) -> None:
    said = Said()
    on_slurm(asked, tmp_path / "out", progress=said)
    assert content(tmp_path / "out") == content(serial.folder)
    (parameters, requests), *others = cluster.arrays
    assert len(requests) == 4  # one array: none asks for a GPU
    assert not others
    assert parameters["cpus_per_task"] == torch.get_num_threads()
    assert "jobs: 3 pending, 1 finished" in said.lines
    assert cluster.cancelled == []


@pytest.mark.usefixtures("cluster")
def test_all_seeds_are_submitted_at_once(asked: dict[str, Any], cluster: Cluster, tmp_path: Path) -> None:
    made = on_slurm({**asked, "folds": 1}, tmp_path / "out", seeds=2, jobs=3)
    assert len(made.runs) == 4
    ((parameters, requests),) = cluster.arrays
    assert len(requests) == 4
    assert parameters["slurm_array_parallelism"] == 3
    assert {json.loads(request)["config"]["seed"] for request in requests} == {0, 1}


def test_points_of_a_learning_curve_are_jobs_too(asked: dict[str, Any], cluster: Cluster, tmp_path: Path) -> None:
    given = {**asked, "folds": 1, "validation": 0.0, "learning_curve": True}
    on_slurm(given, tmp_path / "out")
    ((_, requests),) = cluster.arrays
    assert [json.loads(request)["percent"] for request in requests] == [100, 25, 50, 75] * 2
    assert content(tmp_path / "out") == content(compare(**given, out=tmp_path / "serial").folder)


def test_what_fails_is_said_and_alone_trained_again(
    asked: dict[str, Any], serial: Comparison, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def failing(plan: Any, gathered: Any, fold: int, *rest: Any) -> Any:
        if (plan.config.arm, fold) == ("logistic", 1):
            raise DataError("no luck [today]")
        return train_fold(plan, gathered, fold, *rest)

    cluster.killed = {"0_2"}
    with monkeypatch.context() as unlucky:
        unlucky.setattr("fusekit.experiment.compare.local.train_fold", failing)
        with pytest.raises(FusekitError) as error:
            on_slurm(asked, out)
    said = str(error.value)
    assert "2 of 4 trainings failed. What is finished is kept" in said
    log = out / "unfinished" / "jobs"
    assert f"logistic, seed 0, fold 2/2, job 0_1, {log / '0_1_0_log.out'}:\n    no luck [today]" in said
    assert "prevalence, seed 0, fold 1/2, job 0_2" in said
    assert "Detected 1 oom_kill event" in said
    assert cluster.cancelled == []
    on_slurm(asked, out)
    assert [len(requests) for _, requests in cluster.arrays] == [4, 2]
    assert content(out) == content(serial.folder)


def test_jobs_of_a_process_that_was_killed_are_waited_for(
    asked: dict[str, Any], serial: Comparison, cluster: Cluster, tmp_path: Path
) -> None:
    class Killed(BaseException):
        """Nothing is tidied up after it."""

    cluster.looks = iter([None, Killed()])
    with pytest.raises(Killed):
        on_slurm(asked, tmp_path / "out")
    assert len(cluster.jobs) == 3
    said = Said()
    on_slurm(asked, tmp_path / "out", progress=said)
    assert "1 trainings are finished already and are kept" in said.lines
    assert any(line.endswith("jobs were submitted before and are waited for") for line in said.lines)
    assert [len(requests) for _, requests in cluster.arrays] in ([4], [4, 1])  # one runs while the queue is looked at
    assert content(tmp_path / "out") == content(serial.folder)


def test_an_interrupt_cancels_what_is_not_done(asked: dict[str, Any], cluster: Cluster, tmp_path: Path) -> None:
    cluster.looks = iter([None, KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        on_slurm(asked, tmp_path / "out")
    assert sorted(cluster.cancelled) == ["0_1", "0_2", "0_3"]
    assert (tmp_path / "out" / "unfinished" / "logistic-seed-0-fold-0" / "fold.json").exists()


def test_a_node_that_sees_other_files_says_so(asked: dict[str, Any], cluster: Cluster, tmp_path: Path) -> None:
    def elsewhere(request: str) -> str:
        return TrainFold()(json.dumps({**json.loads(request), "store": str(tmp_path / "nowhere")}))

    cluster.work = elsewhere  # type: ignore[assignment]
    with pytest.raises(FusekitError, match=r"does not see the slice store .*: set FUSEKIT_CACHE to a folder"):
        on_slurm(asked, tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "gpus"),
    [({}, 1), ({"device": "cpu"}, 0), ({"fusion": "", "baseline": "logistic"}, 0)],
    ids=["a network", "on a CPU", "a baseline"],
)
def test_who_asks_for_a_gpu(changes: dict[str, str], gpus: int) -> None:
    config = Settings.of({"task": "adni-ad", "fusion": "concat", **changes})
    assert SlurmOptions().of(config) == gpus
    assert SlurmOptions(gpus=0).of(config) == 0
    asked = SlurmOptions().parameters(gpus, 4)
    assert asked.get("gpus_per_node", 0) == gpus


def test_a_request_gives_the_configuration_back(asked: dict[str, Any]) -> None:
    given = {"task": asked["task"], "fusion": "rbca", "select": "auc", "search": {"lr": ("1e-3", "1e-4")}}
    config: Settings = Settings.of({**given, "options": {"injector": {"reduction": "shared"}}})
    assert Settings.of(json.loads(json.dumps(config.as_json()))) == config


def test_a_device_of_the_cluster_need_not_be_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm, "refuse_absent", lambda: None)
    launch = Slurm(SlurmOptions(), None, tmp_path)
    config = Settings.of({"task": "adni-ad", "fusion": "concat", "device": "cuda", "precision": "16-mixed"})
    plan = launch.plan(config)
    assert plan.config == config
    assert plan.fabric.device.type == "cpu"
    with pytest.raises(OptionError, match="--device cuda:1 cannot"):
        launch.plan(Settings.of({"task": "adni-ad", "device": "cuda:1"}))


def test_without_slurm_or_submitit_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OptionError, match="this machine has no sbatch, squeue, scancel, srun"):
        Slurm(SlurmOptions(), None, tmp_path)
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(OptionError, match=r"pip install 'fusekit\[slurm\]'"):
        Slurm(SlurmOptions(), None, tmp_path)


def test_the_queue_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    squeue = tmp_path / "squeue"
    squeue.touch(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    squeue.write_text("#!/bin/sh\necho '1_0 RUNNING'; echo '   2 PENDING'\n")
    assert slurm.queued() == {"1_0": "RUNNING", "2": "PENDING"}
    squeue.write_text("#!/bin/sh\n")
    assert slurm.queued() == {}
    squeue.write_text("#!/bin/sh\nexit 1\n")  # the controller is away just now
    assert slurm.queued() is None


def test_submitit_runs_the_jobs(asked: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its local executor, which starts processes as Slurm would: one that goes well, one that fails."""
    monkeypatch.setattr(slurm, "refuse_absent", lambda: None)
    monkeypatch.setattr(submitit, "AutoExecutor", partial(_local, submitit.AutoExecutor))
    submitted: list[Any] = []
    submit = slurm.submit

    def noted(*given: Any) -> Any:
        submitted.extend(submit(*given))
        return submitted

    monkeypatch.setattr(slurm, "submit", noted)
    monkeypatch.setattr(slurm, "queued", lambda: {job.job_id: "RUNNING" for job in submitted if not job.done()})
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))
    arms = {**asked, "folds": 1, "explain": "fast"}
    one = compare(**arms, out=tmp_path / "one")
    on_slurm(arms, tmp_path / "many")
    assert len(submitted) == 2
    for job in submitted:
        job._process.wait()
    assert content(tmp_path / "many") == content(one.folder)


def _local(executor: Any, folder: Path, cluster: str) -> Any:
    assert cluster == "slurm"
    return executor(folder, cluster="local")
