"""A search in one fold: trials are trained one after the other, and the best on the subjects set aside is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

from fusekit.errors import FusekitError, OptionError
from fusekit.experiment.run.search.study import Study
from fusekit.experiment.run.working_folder import CHECKPOINTS
from fusekit.experiment.setup.plan import Plan
from fusekit.experiment.setup.space import has_range, in_words, plain
from fusekit.progress import Progress
from fusekit.training import NonFiniteError

#: Gets the score of the subjects set aside by epoch, so far, and how many epochs there will be; raises Pruned.
Watch = Callable[[Mapping[int, float], int], None]
#: Number of a trial, its choice, who watches it -> score of the subjects set aside, the epoch that was kept.
Fit = Callable[[int, Mapping[str, Any], Watch | None], tuple[float, int]]


class Pruned(Exception):  # noqa: N818 (no error: what Optuna calls it)
    """A trial is stopped, since those before it were better after as many epochs."""


@dataclass(frozen=True)
class Best:
    """The trial that a search kept."""

    number: int
    choice: dict[str, Any]
    trials: list[dict[str, Any]]  # all of them, as recorded

    @property
    def recorded(self) -> dict[str, Any]:
        """The choice in plain values."""
        return {name: plain(value) for name, value in self.choice.items()}


def search(plan: Plan, fold: int | None, folder: Path, fit: Fit, progress: Progress) -> Best:
    """Train every trial that is not finished yet, and return the best, of equals the first.

    Of several processes the first asks and records. A trial whose loss is not finite, or whose settings do not fit each
    other, has no score; FusekitError if none has.
    """
    processes, ranges = plan.processes, has_range(plan.config.search)
    scored = plan.task.target.select
    study = Study(folder, fold, plan.config, f"validation_{scored}") if processes.first else None

    def train(number: int, choice: dict[str, Any]) -> None:
        """Train a trial, and record it."""
        seen: dict[int, float] = {}

        def watch(scores: Mapping[int, float], epochs: int) -> None:
            seen.update(scores)
            if processes.from_first(lambda: study is not None and study.prunes(choice, seen, epochs)):
                raise Pruned

        score, epoch, failed = None, None, ""
        try:
            score, epoch = fit(number, choice, watch if ranges else None)
        except Pruned:
            progress.say(f"trial {number + 1} is stopped: those before it were better after as many epochs")
        except FusekitError as error:
            cause = error if isinstance(error, OptionError) else error.__cause__
            if not isinstance(cause, OptionError | NonFiniteError):
                raise
            failed = str(cause)
        if score is not None and isnan(score):
            score, failed = None, f"{scored} of the subjects set aside is undefined."
        if failed:
            progress.say(f"trial {number + 1} failed: {failed}")
        if study:
            study.add(choice, seen, score, epoch, failed)
            _forget(folder, number, study.best)

    while trial := processes.from_first(lambda: study and study.ask()):
        number, choice = trial
        if study:
            progress.say(f"trial {number + 1} of {study.count}: {in_words(choice)}")
        train(number, choice)

    def best() -> tuple[int, dict[str, Any], list[dict[str, Any]]]:
        assert study is not None
        if study.best is None:
            raise FusekitError(f"no trial of the search has a score; the last failed: {study.records()[-1]['failed']}")
        return study.best, study.choice(study.best), study.records()

    return Best(*processes.from_first(best))


def checkpoint_of(folder: Path, number: int) -> Path:
    """Where the state of a trial is kept while a fold is trained."""
    return folder / CHECKPOINTS / f"trial-{number}.safetensors"


def _forget(folder: Path, last: int, best: int | None) -> None:
    """Delete the checkpoints of finished trials that cannot be chosen any more: they take much room."""
    for number in range(last + 1):
        if number != best:
            checkpoint_of(folder, number).unlink(missing_ok=True)
