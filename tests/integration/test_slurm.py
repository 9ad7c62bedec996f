"""A comparison over a real Slurm of one node, which the test starts and stops itself.

It runs where Debian's packages ``slurm-wlm`` and ``munge`` are installed, by root, and where no Slurm is configured.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import fusekit
from fusekit import compare
from fusekit.errors import FusekitError
from fusekit.experiment.compare import slurm
from fusekit.progress import Quiet
from fusekit.testing import write_cohort
from tests import undrawn
from tests.experiment.people import content, unreported

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "srun", "scontrol", "sinfo")

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmUser=root
SlurmdUser=root
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1
ReturnToService=2
JobAcctGatherType=jobacct_gather/none
KillWait=2
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=4000
PartitionName=all Nodes={host} Default=YES MaxTime=60 State=UP
"""


def why_not() -> str:
    """Why there can be no Slurm of the test's own here; empty if there can."""
    absent = [name for name in NEEDED if shutil.which(name) is None]
    if absent:
        return f"no {', '.join(absent)} (Debian: apt-get install slurm-wlm munge)"
    if os.geteuid() != 0:
        return "only root can start Slurm's daemons"
    if "SLURM_CONF" in os.environ or Path("/etc/slurm/slurm.conf").exists():
        return "this machine has a Slurm already, which is left alone"
    return ""


pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "Slurm can be started")


@pytest.fixture(scope="module")
def _slurm() -> Iterator[None]:
    """One node, below a short path, as sockets need it, that the daemons' users may enter."""
    folder = Path("/tmp", f"fusekit-slurm-{os.getpid()}")
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    host = socket.gethostname().partition(".")[0]
    text = CONFIGURATION.format(host=host, folder=folder, cpus=os.cpu_count())
    (folder / "slurm.conf").write_text(text)
    munge = [f"--{name}={folder}/munge.{end}" for name, end in (("key-file", "key"), ("socket", "socket"))]
    munge += [f"--{name}={folder}/munge.{end}" for name, end in (("pid-file", "pid"), ("log-file", "log"))]
    daemons: list[subprocess.Popen[bytes]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        try:
            daemons.append(start(["munged", "--foreground", "--force", f"--seed-file={folder}/seed", *munge], folder))
            wait_for(lambda: (folder / "munge.socket").exists(), folder)
            daemons.append(start(["slurmctld", "-D"], folder))
            daemons.append(start(["slurmd", "-D"], folder))
            wait_for(lambda: b"idle" in subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True).stdout, folder)
            yield
            wait_for(lambda: slurm.queued() == {}, folder)  # a job's result is there before its process has ended
        finally:
            for daemon in reversed(daemons):
                daemon.terminate()
                daemon.wait(timeout=30)
            shutil.rmtree(folder, ignore_errors=True)


def start(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / f"{command[0]}.said").open("wb") as said:
        return subprocess.Popen(command, stdout=said, stderr=said)


def wait_for(there: Any, folder: Path) -> None:
    end = time.monotonic() + 60
    while not there():
        if time.monotonic() > end:
            said = "\n".join(
                path.read_text(errors="replace")[-2000:]
                for path in folder.glob("*.*")
                if path.is_file() and path.suffix in (".said", ".log")
            )
            pytest.fail(f"Slurm does not start:\n{said}")
        time.sleep(0.1)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))
    monkeypatch.setattr(slurm, "GRACE", 2.0)
    monkeypatch.setattr(slurm, "PAUSE", (0.2, 0.2))
    (tmp_path / "own").mkdir()
    given = {
        "task": str(write_cohort(tmp_path / "own")),
        "fusions": ["clinical-only"],
        "baselines": ["logistic"],
        "folds": 1,
        "validation": 0.4,
        "epochs": 1,
        "image_size": 32,
        "batch_size": 4,
        "backbone": "test_resnet",
        "device": "cpu",
        "progress": Quiet(),
    }
    with unreported():
        yield given


@pytest.mark.usefixtures("_slurm")
def test_jobs_of_a_real_slurm_give_the_same_as_one_process(asked: dict[str, Any], tmp_path: Path) -> None:
    serial = compare(**asked, out=tmp_path / "serial")
    options = {"slurm": {"cpus": torch.get_num_threads(), "memory": 1, "time": 30}}
    compare(**asked, launcher="slurm", jobs=2, options=options, out=tmp_path / "jobs")
    assert content(tmp_path / "jobs") == content(serial.folder)


@pytest.mark.usefixtures("_slurm")
def test_a_job_that_is_killed_is_told_with_its_log_and_trained_again(
    asked: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = {**asked, "fusions": [], "baselines": ["logistic", "prevalence"], "explain": "none"}
    arms["launcher"] = "slurm"
    options = {"slurm": {"cpus": torch.get_num_threads(), "memory": 1, "time": 30}}
    submit = slurm.submit

    def unlucky(*given: Any) -> Any:
        jobs = submit(*given)
        subprocess.run(["scancel", jobs[1].job_id], check=True)
        return jobs

    with monkeypatch.context() as once:
        once.setattr(slurm, "submit", unlucky)
        with pytest.raises(FusekitError) as error:
            compare(**arms, jobs=1, options=options, out=tmp_path / "out")
    assert "1 of 2 trainings failed" in str(error.value)
    assert "prevalence, seed 0, fold 1/1, job" in str(error.value)
    made = compare(**arms, options=options, out=tmp_path / "out")
    assert [run.manifest["arm"] for run in made.runs] == ["logistic", "prevalence"]


@pytest.mark.usefixtures("_slurm")
def test_what_slurm_refuses_is_said_in_its_words(asked: dict[str, Any], tmp_path: Path) -> None:
    options = {"slurm": {"partition": "gpus", "memory": 1}}
    with pytest.raises(FusekitError, match=r"Slurm refuses the jobs: .*[Ii]nvalid partition"):
        compare(**asked, launcher="slurm", options=options, out=tmp_path / "out")


@pytest.mark.usefixtures("_slurm")
def test_processes_that_srun_starts_train_together(asked: dict[str, Any], tmp_path: Path) -> None:
    settings: dict[str, Any] = {"fusion": "rbca", "backbone": "test_resnet", "explain": "none", "epochs": 1}
    settings |= {"image_size": 32, "batch_size": 4, "folds": 1, "device": "cpu"}
    typed = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    srun = ["srun", "--ntasks-per-node=2", "--nodes=1", "--mem=2000"]
    run = [sys.executable, undrawn.__file__, "run", asked["task"], *typed, "--out", str(tmp_path / "srun")]
    surrounding = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([*srun, *run], env=surrounding, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    fusekit.run(asked["task"], devices=2, out=tmp_path / "alone", progress=Quiet(), **settings)
    for name in ("predictions.csv", "metrics.json", "bundle/model.safetensors"):
        assert (tmp_path / "srun" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes(), name


@pytest.mark.slow  # two minutes; jobs that are killed are tried above, trainings that end at any moment elsewhere
@pytest.mark.usefixtures("_slurm")
def test_a_job_that_is_preempted_in_the_middle_of_a_training_goes_on(asked: dict[str, Any], tmp_path: Path) -> None:
    long = {**asked, "baselines": ["prevalence"], "epochs": 100, "explain": "none"}
    serial = compare(**long, out=tmp_path / "serial")
    preempted: list[str] = []

    def preempt() -> None:
        written = tmp_path / "jobs" / "unfinished"
        while not list(written.glob(".clinical-only*/checkpoints/*.safetensors")):
            time.sleep(0.02)
        running = [job for job, state in (slurm.queued() or {}).items() if state == "RUNNING"]
        for job in running:
            subprocess.run(["scontrol", "requeue", job], check=True)
            while (slurm.queued() or {}).get(job) != "PENDING":
                time.sleep(0.05)
            subprocess.run(["scontrol", "update", f"JobId={job}", "StartTime=now"], check=True)
        preempted.extend(running)

    thread = threading.Thread(target=preempt, daemon=True)
    thread.start()
    options = {"slurm": {"cpus": torch.get_num_threads(), "memory": 1, "time": 30}}
    compare(**long, launcher="slurm", jobs=1, options=options, out=tmp_path / "jobs")
    thread.join(timeout=60)
    assert preempted
    assert content(tmp_path / "jobs") == content(serial.folder)
