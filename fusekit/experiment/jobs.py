"""Trainings one after the other, or side by side in processes that share the cores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import NamedTuple

import torch

from fusekit.data.cache import alone
from fusekit.errors import FusekitError, Interrupted
from fusekit.experiment.config import Config
from fusekit.experiment.fold import train_fold
from fusekit.experiment.folder import growing
from fusekit.experiment.followers import Followers
from fusekit.experiment.plan import make_plan
from fusekit.experiment.prepare import Gathered, gather
from fusekit.progress import Progress, Quiet, Within
from fusekit.training import stoppable


class Training(NamedTuple):
    """One fold of one arm, where its files go, and who follows the run."""

    config: Config
    fold: int
    folder: Path
    followers: Followers

    @property
    def label(self) -> str:
        """For progress."""
        return f"{self.config.arm}, seed {self.config.seed}, fold {self.fold + 1}/{self.config.folds}"


def train_all(trainings: Sequence[Training], gathered: Gathered, jobs: int, progress: Progress) -> Iterator[Training]:
    """Train all, and give each when its folder is complete.

    Args:
        trainings: of one seed.
        gathered: their cohort; processes of their own read it again, from the same store.
        jobs: how many side by side, each with its share of the cores.
        progress: shows batches of one, or trainings of several.

    Raises:
        FusekitError: one failed; the others' folders are complete or not there.
    """
    if jobs == 1 or not trainings:
        for number, training in enumerate(trainings, start=1):
            _train(training, gathered, Within(progress, f"[{number}/{len(trainings)}] {training.label}"))
            yield training
        return
    others = set(active_children())
    threads = max(1, torch.get_num_threads() // jobs)
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (trainings[0].config, threads))
    try:
        waiting = {pool.submit(_train_elsewhere, training): training for training in trainings}
        for done in progress.track(as_completed(waiting), "trainings", len(waiting), "trainings"):
            for tracker, reason in done.result().items():
                waiting[done].followers.leave_out(f"{tracker}, in a fold's own process,", reason)
            yield waiting[done]
    except BrokenProcessPool as error:
        raise FusekitError(
            "a training's process was ended from outside, which most often means that memory was short. What is "
            f"finished is kept: run the same command again with fewer than --jobs {jobs}."
        ) from error
    except (Interrupted, KeyboardInterrupt, GeneratorExit):
        for process in set(active_children()) - others:  # which may not have heard; they end after their batch
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _train(training: Training, gathered: Gathered, progress: Progress) -> None:
    """Train into a folder that is there when everything in it is; one that grew before goes on growing.

    A process whose parent was killed trains to its end, and what it trains must not be trained twice at once.
    """
    training.folder.parent.mkdir(parents=True, exist_ok=True)
    with alone(training.folder, lambda: progress.say("Another process is at work on this fold; waiting for it.")):
        if not training.folder.exists():
            with growing(training.folder) as folder:
                train_fold(make_plan(training.config), gathered, training.fold, folder, progress, training.followers)


#: In a process of its own: the cohort, read once for all its trainings.
_cohort: list[Gathered] = []


def _begin(config: Config, threads: int) -> None:
    """Keep a process to its share of the cores (with more threads than cores they wait for each other), and read."""
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    threadpool_limits(threads)
    plan = make_plan(config)
    _cohort.append(gather(config, plan.task, plan.slices, Quiet()))


def _train_elsewhere(training: Training) -> dict[str, str]:
    """Train, and give the trackers that failed, with the reason: nobody hears what this process says."""
    with stoppable():  # an idle process just ends
        _train(training, _cohort[-1], Quiet())
    return training.followers.failed
