"""What a job of a cluster does: it trains one fold, on a node that sees the same files."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusekit.errors import DataError, FusekitError
from fusekit.experiment.compare.local import Training, share, train_one
from fusekit.experiment.setup.gathered import gather_again
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.experiment.setup.trackers import Followers, Underway
from fusekit.progress import Quiet

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission


class TrainFold:
    """What a job calls. submitit sends it to the node by name, with a text."""

    def __call__(self, request: str) -> str:
        """Train a fold; return what the user can put right, or nothing."""
        try:
            _train(json.loads(request))
        except FusekitError as error:
            return str(error)
        return ""

    def checkpoint(self, request: str) -> DelayedSubmission:
        """Queue a job again that is preempted or has run out of time."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, request)


def _train(request: Mapping[str, Any]) -> None:
    share(request["threads"])
    store = Path(request["store"])
    if not store.is_dir():
        raise DataError(
            f"{socket.gethostname()} does not see the slice store {store}: set FUSEKIT_CACHE to a folder that the "
            "nodes share with the machine that submits."
        )
    config = Settings.of(request["config"])
    plan = make_plan(replace(config, device=request["device"]))
    gathered = gather_again(config, plan.task, plan.slices)
    if gathered.store.folder != store:
        raise DataError(f"{socket.gethostname()} sees other image files than those that {store} was cut from.")
    identity, name, home = request["run"]
    followers = Followers(Underway(identity, name, Path(home), config), Quiet())
    training = Training(config, request["fold"], Path(request["folder"]), followers)
    train_one(training, gathered, Quiet(), request["device"])
