"""A job of a cluster: what it asks for, and what it does. It trains one fold, on a node that sees the same files."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusekit.errors import DataError, FusekitError, OptionError
from fusekit.experiment.compare.local import Training, share, train_one
from fusekit.experiment.setup.gathered import gather_again
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.experiment.setup.trackers import Followers, Underway
from fusekit.progress import Quiet

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission


@dataclass(frozen=True, slots=True, kw_only=True)
class SlurmOptions:
    """What a job asks Slurm for: ``-o slurm.option=value``."""

    # As sbatch takes them; the cluster's defaults if not given.
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    time: int = 240  # minutes; a job that takes longer is queued again, three times at most
    gpus: int | None = None  # of a network's job: if not given 1, and none with --device cpu; baselines ask for none
    cpus: int = 8  # cores, and threads of torch
    memory: int = 32  # GB
    extra: tuple[str, ...] = ()  # anything else that sbatch takes: reservation=course,exclude=node7

    def __post_init__(self) -> None:
        for name in ("time", "cpus", "memory"):
            if getattr(self, name) < 1:
                raise OptionError(f"slurm.{name} takes 1 or more, not {getattr(self, name)}.")
        if self.gpus is not None and self.gpus not in (0, 1):
            raise OptionError(f"slurm.gpus takes 0 or 1, not {self.gpus}: a training uses one GPU, a job trains one.")
        for pair in self.extra:
            if "=" not in pair:
                raise OptionError(f"slurm.extra takes name=value,name=value, not {pair!r}.")

    def of(self, config: Settings) -> int:
        """How many GPUs a training asks for."""
        asked = int(config.device != "cpu") if self.gpus is None else self.gpus
        return 0 if config.baseline else asked

    def parameters(self, gpus: int, side_by_side: int) -> dict[str, Any]:
        """What submitit takes."""
        named = {name: getattr(self, name) for name in ("partition", "account", "qos", "constraint")}
        return {
            "name": "fusekit",
            "timeout_min": self.time,
            "mem_gb": self.memory,
            "cpus_per_task": self.cpus,
            "stderr_to_stdout": True,
            "slurm_array_parallelism": side_by_side,
            "slurm_additional_parameters": dict(pair.split("=", 1) for pair in self.extra),
            **{f"slurm_{name}": value for name, value in named.items() if value},
            **({"gpus_per_node": gpus} if gpus else {}),  # a cluster without GPUs does not know the word
        }


class TrainFold:
    """What a job calls. submitit sends it to the node by name, with a text."""

    def __call__(self, request: str) -> str:
        """Train a fold; return what the user can put right, or nothing."""
        asked = json.loads(request)
        store = Path(asked["store"])
        try:
            share(asked["threads"])
            if not store.is_dir():
                raise DataError(
                    f"{socket.gethostname()} does not see the slice store {store}: set FUSEKIT_CACHE to a folder that "
                    "the nodes share with the machine that submits."
                )
            config = Settings.of(asked["config"])
            plan = make_plan(replace(config, device=asked["device"]))
            gathered = gather_again(config, plan.task, plan.slices)
            if gathered.store.folder != store:
                raise DataError(f"{socket.gethostname()} sees other image files than those that {store} was cut from.")
            identity, name, home = asked["run"]
            followers = Followers(Underway(identity, name, Path(home), config), Quiet())
            training = Training(config, asked["fold"], Path(asked["folder"]), followers, asked["percent"])
            train_one(training, gathered, Quiet(), asked["device"])
        except FusekitError as error:
            return str(error)
        return ""

    def checkpoint(self, request: str) -> DelayedSubmission:
        """Queue a job again that is preempted or has run out of time."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, request)
