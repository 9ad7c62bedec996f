"""A training that dies where it is told to, and otherwise says what it ended with: a program for tests.

Each line of its input is the folder of a training, tab, a moment. A fork trains, or goes on, until then; the answer is
how it ended. ``batch N`` kills at the N-th batch of that process, ``term N`` asks it there to end; ``fsync N``,
``replace N``, ``written N`` and ``ended N`` kill at the N-th time that a checkpoint is about to be put onto the disk,
takes the old one's place, has taken it, and that an epoch is told of. ``no`` lets it live.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fusekit.cli.app import STOPPED
from fusekit.data import Pixels
from fusekit.errors import Interrupted
from fusekit.progress import Quiet
from fusekit.training import Checkpoint, SliceDataset, TrainingOptions, stoppable, train
from fusekit.training.machines.fabric import fabric_for


class Network(nn.Module):
    """What has state of every kind: weights in channels last, running statistics, and random numbers (dropout)."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(4 + 2, 2))

    def forward(self, image: Tensor, clinical: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.cat([self.image(image), clinical], dim=1))
        return logits


class Moment:
    """Counts down to the moment of death."""

    def __init__(self, line: str):
        self.kind, _, count = line.strip().partition(" ")
        self.left = int(count or 0)

    def comes(self, kind: str) -> None:
        """One step nearer, if it is of this kind."""
        if kind == self.kind:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGTERM if kind == "term" else signal.SIGKILL)

    def before(self, kind: str, function: Callable[..., Any], after: str = "") -> Callable[..., Any]:
        """The function, with the moment before it, or after it."""

        def watched(*arguments: Any, **named: Any) -> Any:
            self.comes(kind)
            done = function(*arguments, **named)
            self.comes(after)
            return done

        return watched


class Watch(Quiet):
    """Progress that says when a batch begins."""

    def __init__(self, moment: Moment):
        self.moment = moment

    def track(self, items: Iterable[Any], *about: Any, **more: Any) -> Iterator[Any]:
        for item in items:
            self.moment.comes("batch")
            self.moment.comes("term")
            yield item


def dataset() -> SliceDataset:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (22, 1, 8, 8), dtype=np.uint8)
    return SliceDataset(images, np.arange(22), rng.normal(size=(22, 2)), np.arange(22) % 2, Pixels((127.0,), (70.0,)))


class Rows:
    """The history, as a run keeps it."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])


def fit(checkpoint: Checkpoint, moment: Moment) -> dict[str, Any]:
    """Train with the best epoch kept; everything that must not depend on interruptions."""
    torch.manual_seed(3)
    model, history = Network(), Rows()
    checkpoint.keep(history=history)

    def ended(epoch: int, scores: dict[str, float]) -> None:
        history.rows.append({"epoch": epoch, **{k: v for k, v in scores.items() if "second" not in k}})
        moment.comes("ended")

    kept = train(
        fabric_for("cpu", "32-true"),
        model,
        dataset(),
        epochs=4,
        batch_size=5,
        lr=0.01,
        seed=5,
        options=TrainingOptions(),
        progress=Watch(moment),
        epoch_ended=ended,
        validate=lambda: model(torch.ones(1, 1, 8, 8), torch.ones(1, 2))[0, 0].item(),
        checkpoint=checkpoint,
    )
    weights = hashlib.sha256()
    for value in model.state_dict().values():
        weights.update(value.contiguous().numpy().tobytes())
    return {"kept": kept, "weights": weights.hexdigest(), "history": history.rows}


def live(folder: Path, line: str) -> int:
    """The life of a forked process; its exit code."""
    moment = Moment(line)
    os.fsync = moment.before("fsync", os.fsync)
    setattr(Path, "replace", moment.before("replace", Path.replace, after="written"))  # noqa: B010  (mypy)
    try:
        with stoppable():
            told = fit(Checkpoint(folder / "training.safetensors", {"lr": 0.01}), moment)
    except Interrupted:
        return STOPPED
    (folder / "told.json").write_text(json.dumps(told))
    return 0


def main() -> None:
    """Fork for every line."""
    torch.set_num_threads(1)  # other threads would not come along into a fork
    for line in sys.stdin:
        folder, _, moment = line.rstrip("\n").partition("\t")
        child = os.fork()
        if child == 0:
            try:
                os._exit(live(Path(folder), moment))
            except BaseException:  # noqa: BLE001  (a fork must never go on as its parent)
                traceback.print_exc()
                os._exit(1)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
