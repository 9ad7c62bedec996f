"""Trainings as jobs of a Slurm cluster, through submitit: arrays of jobs, collected as they end."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusekit.disk import read_json, write_json
from fusekit.errors import FusekitError, OptionError
from fusekit.experiment.compare.job import SlurmOptions, TrainFold
from fusekit.experiment.compare.local import Training
from fusekit.experiment.setup.gathered import Gathered
from fusekit.experiment.setup.plan import Plan, make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Progress

if TYPE_CHECKING:
    import submitit

    Job = submitit.Job[str]

#: In the folder of logs: which job trains which fold, so that the same command finds its jobs again.
SUBMITTED = "submitted.json"
#: Jobs in an array: Slurm's own limit, unless a cluster sets another, is 1001.
ARRAY = 1000
#: Seconds between two looks at the jobs, growing from the first to the second.
PAUSE = (0.5, 15.0)
#: Seconds that a job may be gone from the queue before its result is there: shared file systems are late.
GRACE = 10.0


class Slurm:
    """Jobs of a cluster whose nodes see the same files as this machine; logs and requests lie in ``folder``."""

    def __init__(self, options: SlurmOptions, jobs: int | None, folder: Path):
        self.options, self.jobs, self.folder = options, jobs, folder
        refuse_absent()

    def plan(self, config: Settings) -> Plan:
        """Check a configuration on a machine that need not have the nodes' devices."""
        if config.device not in ("auto", "cpu", "cuda"):
            raise OptionError(f"--launcher slurm: Slurm says which device; --device {config.device} cannot.")
        return replace(make_plan(replace(config, device="cpu", precision="32-true")), config=config)

    def train(
        self, trainings: Sequence[Training], gathered: Mapping[int, Gathered], progress: Progress
    ) -> Generator[Training]:
        """Submit what has no job yet, and yield each training when its folder is there.

        A job that fails leaves the others alone; at the end, FusekitError has the last lines of its log. An interrupt
        cancels the jobs that are left; after a kill they continue, and the next call with the same folder waits for
        them.
        """
        if not trainings:
            return
        jobs: dict[Path, Job] = {}
        failed: list[str] = []
        by_folder = {training.folder: training for training in trainings}
        try:
            self._attach(by_folder, jobs, progress)
            self._submit([t for t in trainings if t.folder not in jobs], gathered, jobs)
            ended = _ended(self.folder, jobs, failed, progress)
            for folder in progress.track(ended, "jobs", len(trainings), "trainings"):
                if folder.name in _names(folder.parent):
                    yield by_folder[folder]
                else:
                    failed.append(f"{by_folder[folder].label}, {_why(jobs[folder])}")
                    progress.say(f"failed: {failed[-1].splitlines()[0]}")
        except (KeyboardInterrupt, GeneratorExit, OptionError):
            cancel([job.job_id for folder, job in jobs.items() if not folder.exists()])
            raise
        if failed:
            raise FusekitError(
                f"{len(failed)} of {len(trainings)} trainings failed. What is finished is kept, and the same command "
                "submits these again:\n" + "\n".join(failed)
            )

    def _attach(self, trainings: Mapping[Path, Training], jobs: dict[Path, Job], progress: Progress) -> None:
        known = read_json(self.folder / SUBMITTED, dict[str, str]) if (self.folder / SUBMITTED).exists() else {}
        queue = queued() if known else {}
        if queue is None:
            raise FusekitError("squeue does not answer, and jobs of this comparison may be running; try again later.")
        for folder in trainings:
            if known.get(folder.name) in queue:
                jobs[folder] = job_at(self.folder, known[folder.name])
        if jobs:
            progress.say(f"{len(jobs)} jobs were submitted before and are waited for")

    def _submit(self, trainings: Sequence[Training], gathered: Mapping[int, Gathered], jobs: dict[Path, Job]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for gpus in (1, 0):
            alike = [training for training in trainings if self.options.of(training.config) == gpus]
            for start in range(0, len(alike), ARRAY):
                part = alike[start : start + ARRAY]
                requests = [self._request(training, gpus, gathered[training.config.seed]) for training in part]
                submitted = submit(self.folder, self.options.parameters(gpus, self.jobs or ARRAY), requests)
                jobs.update(zip([training.folder for training in part], submitted, strict=True))
                write_json(self.folder / SUBMITTED, {folder.name: job.job_id for folder, job in jobs.items()})

    def _request(self, training: Training, gpus: int, gathered: Gathered) -> str:
        underway = training.followers.underway
        request = {
            "config": training.config.as_json(),
            "fold": training.fold,
            "percent": training.percent,
            "folder": str(training.folder),
            "run": [underway.id, underway.name, str(underway.home)],
            "device": "cuda" if gpus else "cpu",  # rather an error than a GPU that was paid for and is not used
            "threads": self.options.cpus,
            "store": str(gathered.store.folder),
        }
        return json.dumps(request)


def _ended(logs: Path, jobs: Mapping[Path, Job], failed: Sequence[str], progress: Progress) -> Iterator[Path]:
    """Yield the folder of each training whose job has ended, well or not."""
    waiting, missed, pause, said = dict(jobs), dict[Path, float](), PAUSE[0], ""
    while waiting:
        queue, results = queued(), _names(logs)
        for folder, job in list(waiting.items()):
            if job.job_id in (queue or ()):
                missed.pop(folder, None)
            gone = queue is not None and job.job_id not in queue
            late = gone and time.monotonic() - missed.setdefault(folder, time.monotonic()) >= GRACE
            if job.paths.result_pickle.name in results or late:
                del waiting[folder]
                yield folder
        if not waiting:
            return
        states = Counter((queue or {}).get(job.job_id, "unknown").lower() for job in waiting.values())
        counts = {**states, "finished": len(jobs) - len(waiting) - len(failed), "failed": len(failed)}
        line = "jobs: " + ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        if line != said:
            progress.say(line)
            said = line
        time.sleep(pause)
        pause = min(pause * 1.5, PAUSE[1])


def refuse_absent() -> None:
    """Raise OptionError where submitit is not installed, or the machine has no Slurm."""
    try:
        import submitit  # noqa: F401  (is it there?)
    except ImportError as error:
        raise OptionError("--launcher slurm needs submitit: pip install 'fusekit[slurm]'") from error
    absent = [name for name in ("sbatch", "squeue", "scancel", "srun") if shutil.which(name) is None]
    if absent:
        raise OptionError(
            f"--launcher slurm: this machine has no {', '.join(absent)}. Run the command on a machine that submits to "
            "Slurm, such as the cluster's login node."
        )


def submit(folder: Path, parameters: dict[str, Any], requests: Sequence[str]) -> Sequence[Job]:
    """Submit an array of jobs, one per request; OptionError with the words of Slurm if it refuses."""
    import submitit
    from submitit.helpers import clean_env

    logging.getLogger("submitit").setLevel(logging.ERROR)  # it warns where there is no accounting, which we do not ask
    executor = submitit.AutoExecutor(folder, cluster="slurm")
    executor.update_parameters(**parameters)
    try:
        chosen = {name: os.environ[name] for name in os.environ if name.startswith(("SLURM_CONF", "SBATCH_"))}
        with clean_env():  # an allocation that the command runs in is not the jobs'; the user's own defaults are
            os.environ.update(chosen)
            return executor.map_array(TrainFold(), requests)
    except RuntimeError as error:
        said = [line for line in str(error).splitlines() if line.strip()] or ["no reason given"]
        raise OptionError(f"Slurm refuses the jobs: {said[-1].strip()}") from error


def job_at(folder: Path, job_id: str) -> Job:
    """A job that was submitted before."""
    import submitit

    return submitit.SlurmJob(folder, job_id)


def queued() -> dict[str, str] | None:
    """Job -> state, of the user's jobs that are queued or running; None while Slurm does not answer."""
    # Not sacct, which needs an accounting that not every cluster has.
    command = ["squeue", "--me", "--array", "--noheader", "--format=%i %T"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return {job: state for job, _, state in (line.strip().partition(" ") for line in answer.stdout.splitlines())}


def cancel(jobs: Sequence[str]) -> None:
    """Cancel jobs; those that have ended are no error."""
    if jobs:
        subprocess.run(["scancel", *jobs], check=False, capture_output=True)  # noqa: S603, S607


def _names(folder: Path) -> set[str]:
    """What a folder holds: a listing is fresh where a shared file system answers for single files from memory."""
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _why(job: Job) -> str:
    """Why a job left no folder: its own words, or the end of its log."""
    log, said = job.paths.stdout, ""
    if job.paths.result_pickle.exists():
        with suppress(RuntimeError):  # submitit's, with a traceback that the log has too
            said = job.result()
    if not said and log.exists():
        said = "\n".join(log.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()[-8:])
    indented = "".join(f"\n    {line}" for line in said.splitlines())
    return f"job {job.job_id}, {log}:{indented or ' it left no log; was it cancelled before it began?'}"
