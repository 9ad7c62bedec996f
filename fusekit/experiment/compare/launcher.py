"""Where the trainings of a comparison run: on this machine, or as jobs of a cluster."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from fusekit.errors import OptionError
from fusekit.experiment.compare.local import Training, train_all
from fusekit.experiment.compare.slurm import Slurm, SlurmOptions
from fusekit.experiment.setup.arms import LAUNCHER
from fusekit.experiment.setup.gathered import Gathered
from fusekit.experiment.setup.plan import make_plan
from fusekit.extension import read_options
from fusekit.extension.registry import suggest
from fusekit.progress import Progress


@dataclass(frozen=True)
class Local:
    """On this machine, so many side by side."""

    jobs: int = 1
    plan = staticmethod(make_plan)

    def train(
        self, trainings: Sequence[Training], gathered: Mapping[int, Gathered], progress: Progress
    ) -> Generator[Training]:
        """Train all, and yield each when its folder is complete; the first that fails ends it."""
        yield from train_all(trainings, gathered, self.jobs, progress)


#: Checks configurations, and runs their trainings.
Launcher: TypeAlias = Local | Slurm


def launcher_for(name: str, jobs: int | None, options: Mapping[str, Any], folder: Path) -> Launcher:
    """Choose a launcher; its logs go to ``folder``.

    Raises:
        OptionError: no such launcher, an option does not fit, or Slurm is not there.
    """
    slurm = SlurmOptions(**read_options(LAUNCHER, SlurmOptions, options))
    if name == "local":
        return Local(jobs or 1)
    if name == "slurm":
        return Slurm(slurm, jobs, folder)
    raise OptionError(f"no launcher {name!r}; {suggest(name, ['local', 'slurm'])}")
