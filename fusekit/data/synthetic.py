"""What synthetic cohorts share: how strongly the label shows, seeds, a README, files written in parallel."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from fusekit.data.slices.policy import SlicePolicy
from fusekit.data.task import Preset, Task
from fusekit.disk import new_folder
from fusekit.errors import OptionError
from fusekit.progress import Bars, Progress

Job = TypeVar("Job")

#: Within-group standard deviations by which a strength of 1 sets the classes apart: the main effect on either of two
#: image signs, and the interaction, which has one sign where a marker is present and the other elsewhere.
IMAGE_EFFECT, INTERACTION = 0.7, 1.2

_README = """SYNTHETIC COHORT: nobody in this folder is real.

{about}

seed {seed}, {people}
image effect {image:g}, table effect {table:g}, interaction {interaction:g}
"""


@dataclass(frozen=True)
class Strengths:
    """How strongly the label shows: 0 not at all, 1 as published; ``most`` is the largest possible for the table."""

    image: float = 1.0
    table: float = 1.0
    interaction: float = 1.0
    most: ClassVar[float] = inf

    def __post_init__(self) -> None:
        table = (self.table, "table_effect", self.most)
        for value, name, most in ((self.image, "image_effect", inf), table, (self.interaction, "interaction", inf)):
            if not (isfinite(value) and 0 <= value <= most):
                limit = "0 or more" if most == inf else f"from 0 to {most:g}"
                raise OptionError(f"{name} takes a number {limit}, not {value:g}.")

    def between(self, values: Sequence[float], shares: Sequence[float], group: np.ndarray) -> np.ndarray:
        """Published values of groups, by person; at a table strength of 0 everyone has their mean.

        ``shares`` of the people are in each group; ``group`` is the index of each person's.
        """
        pooled = np.average(values, weights=shares)
        return np.asarray((pooled + self.table * (np.array(values) - pooled))[group])

    def shifts(self, side: np.ndarray, marked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """By how much the label (``side``: -1, 0, 1) moves both image signs, and one up and the other down.

        The second has the other sign in people without the marker.
        """
        pattern = self.interaction * INTERACTION / 2 * side * np.where(marked, 1, -1)
        return self.image * IMAGE_EFFECT / 2 * side, pattern

    def write_readme(self, folder: Path, about: str, seed: int, people: str) -> None:
        """Say in the folder what it is."""
        text = _README.format(about=about, seed=seed, people=people, **vars(self))
        (folder / "README.txt").write_text(text, encoding="utf-8")


def quick(slices: SlicePolicy) -> Preset:
    """Small images, with which a training on a synthetic cohort takes minutes."""
    return Preset(image_size=64, slices=slices)


def streams(seed: int) -> tuple[np.random.Generator, np.random.Generator, np.random.SeedSequence]:
    """Sources of numbers for people, for tables and for images, which do not depend on each other."""
    people, tables, images = np.random.SeedSequence(seed).spawn(3)
    return np.random.default_rng(people), np.random.default_rng(tables), images


def skewed(rng: np.random.Generator, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Log-normal values with the given means and standard deviations: concentrations are positive and skewed."""
    variance = np.log1p((deviation / mean) ** 2)
    return np.asarray(rng.lognormal(np.log(mean) - variance / 2, np.sqrt(variance)))


def write_scans(write: Callable[[Job], None], jobs: Sequence[Job], progress: Progress, unit: str) -> None:
    """Write every scan, on all cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # Threads, not processes: the arithmetic runs outside Python's lock, and a script needs no `if __name__` guard.
    with ThreadPoolExecutor(cores) as pool:
        for _ in progress.track(pool.map(write, jobs), "writing synthetic scans", len(jobs), unit):
            pass


def write_cohort(task: Task, name: str, folder: Path, people: str, **options: Any) -> str:
    """Write a task's synthetic cohort into a new or empty folder, whole or not at all; returns what to report."""
    with new_folder(folder.absolute()) as partial:
        task.synthesize(partial, Bars(), **options)
    command = " ".join(["fusekit run", name, "--data", str(folder), *_unlike_real_data(task)])
    return f"A SYNTHETIC cohort of {options['subjects']} {people} lies in {folder}. Try: {command}"


def _unlike_real_data(task: Task) -> list[str]:
    """Options with which a run with ``--data`` reads the small volumes of a synthetic cohort as one without does."""
    real, own = task.paper.slices.as_json(), task.synthetic.slices.as_json()
    words = [f"-o slices.{name}={_plain(value)}" for name, value in own.items() if value != real[name]]
    words += [f"--image-size {task.synthetic.image_size}"] if task.synthetic.image_size != task.paper.image_size else []
    return [*words, *["--preset tuned"] * (task.preset == "paper")]


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
