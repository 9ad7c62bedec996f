"""Trainings one after the other, or side by side in processes that share the cores and the GPUs."""

import os
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import torch

from fusekit.data.splits import WHOLE
from fusekit.data.store.cache import alone
from fusekit.disk import growing, read_json, write_json
from fusekit.errors import FusekitError, Interrupted
from fusekit.experiment.run.fold import RECORD, train_fold, words_of_test
from fusekit.experiment.run.working_folder import CHECKPOINTS
from fusekit.experiment.setup import manifest
from fusekit.experiment.setup.gathered import Gathered, gather_again
from fusekit.experiment.setup.part import Part
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.experiment.setup.trackers import Followers
from fusekit.progress import Countdown, Progress, Quiet, Within
from fusekit.report.records import FoldRecord
from fusekit.training import stoppable


class Training(NamedTuple):
    """One fold of an arm with one seed, where its files go, and who follows the run."""

    config: Settings
    fold: int
    folder: Path
    followers: Followers
    percent: int = WHOLE

    @property
    def label(self) -> str:
        """For progress."""
        return f"{self.config.arm}, seed {self.config.seed}, {self.part}"

    @property
    def part(self) -> str:
        """Which fold of how many, and how much of its training subjects."""
        return Part(self.fold, self.percent).label(self.config.folds)


@dataclass(frozen=True)
class Local:
    """Trainings on this machine, ``jobs`` at a time: each has its share of the cores, and GPUs are dealt in turn."""

    jobs: int = 1
    plan = staticmethod(make_plan)

    def train(
        self, trainings: Sequence[Training], gathered: Mapping[int, Gathered], progress: Progress
    ) -> Generator[Training]:
        """Train all, and yield each when its folder is complete. Processes of their own read the cohort again."""
        countdown, several = Countdown(len(trainings)), len({training.config.seed for training in trainings}) > 1

        def named(training: Training) -> str:
            return training.label if several else f"{training.config.arm}, {training.part}"

        if self.jobs == 1 or not trainings:
            for number, training in enumerate(trainings, start=1):
                label = f"[{number}/{len(trainings)}] {named(training)}"
                train_one(training, gathered[training.config.seed], Within(progress, label))
                progress.say(f"{label}: {words_of_test(training.folder)}{countdown.ended()}")
                yield training
            return
        others = set(active_children())
        context = get_context("spawn")
        devices: SimpleQueue[str] = context.SimpleQueue()
        for number in range(self.jobs):
            devices.put(device_of(trainings[0].config.device, number, torch.cuda.device_count()))
        threads = max(1, torch.get_num_threads() // self.jobs)
        pool = ProcessPoolExecutor(self.jobs, context, _begin, (devices, threads))
        try:
            waiting = {pool.submit(_train_elsewhere, training): training for training in trainings}
            for done in progress.track(as_completed(waiting), "trainings", len(waiting), "trainings"):
                for tracker, reason in done.result().items():
                    waiting[done].followers.leave_out(f"{tracker}, in a fold's own process,", reason)
                words = words_of_test(waiting[done].folder)
                progress.say(f"{named(waiting[done])}: {words}{countdown.ended()}")
                yield waiting[done]
        except BrokenProcessPool as error:
            raise FusekitError(
                "a training's process was ended from outside, which most often means that memory was short. What is "
                f"finished is kept: run the same command again with fewer than --jobs {self.jobs}."
            ) from error
        except (Interrupted, KeyboardInterrupt, GeneratorExit):
            for process in set(active_children()) - others:  # may have missed the signal; they end after a batch
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def device_of(device: str, number: int, gpus: int) -> str:
    """The device of process ``number`` (from 0): GPUs in turn, unless ``device`` names another kind or one GPU."""
    return f"cuda:{number % gpus}" if gpus and device in ("auto", "cuda") else device


def train_one(training: Training, gathered: Gathered, progress: Progress, device: str = "") -> None:
    """Train into a folder that is there once everything in it is, and note the machine.

    An interrupted training resumes. Of two processes with the same training one waits, and finds it done: a job whose
    parent was killed trains to its end. ``device`` wins over the configuration's.
    """
    training.folder.parent.mkdir(parents=True, exist_ok=True)
    with alone(training.folder, lambda: progress.say("Another process is at work on this fold; waiting for it.")):
        if training.folder.exists():
            return
        plan = make_plan(replace(training.config, device=device or training.config.device))
        with growing(training.folder, CHECKPOINTS) as folder:
            train_fold(plan, gathered, training.fold, folder, progress, training.followers, training.percent)
            record = read_json(folder / RECORD, FoldRecord)
            write_json(folder / RECORD, {**record, "machine": manifest.machine(plan.fabric.device)})


def share(threads: int) -> None:
    """Keep a process to its share of the cores: with more threads than cores they wait for each other."""
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    threadpool_limits(threads)


#: In a process of its own: its device, and the cohort, read once for all trainings of a seed.
_device: list[str] = []
_cohort: dict[int, Gathered] = {}


def _begin(devices: SimpleQueue[str], threads: int) -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    share(threads)
    _device.append(devices.get())


def _end_with_parent() -> None:
    """End this process when its parent has ended, in whatever way; checkpoints stay as they are."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _train_elsewhere(training: Training) -> dict[str, str]:
    """Train; return the trackers that failed, with the reason, as this process has no terminal."""
    seed = training.config.seed
    with stoppable():  # an idle process just ends
        if seed not in _cohort:
            _cohort.clear()  # one seed's at a time: memory does not grow with the seeds
            plan = make_plan(training.config)
            _cohort[seed] = gather_again(training.config, plan.task, plan.slices)
        train_one(training, _cohort[seed], Quiet(), _device[-1])
    return training.followers.failed
