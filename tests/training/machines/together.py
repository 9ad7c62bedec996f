"""What two processes come to that train together, and one alone: a program for tests.

``python together.py FOLDER`` writes ``RANK.json`` there: name of a case -> what it came to, or the error it ended with.
With ``FUSEKIT_RANK`` or from torchrun it is one of two processes, otherwise it does the same with twice the batch.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn

import fusekit
from fusekit.data import Pixels
from fusekit.errors import FusekitError
from fusekit.launch_environment import surroundings
from fusekit.progress import Quiet
from fusekit.training import (
    AugmentOptions,
    Checkpoint,
    Processes,
    SliceDataset,
    TrainingOptions,
    stoppable,
    train,
)
from fusekit.training.machines.fabric import fabric_for
from fusekit.training.step.sync_norm import SyncedNorms

COUNT, BATCH = 27, 8  # batches of 8, 8, 8 and 3: of two processes one has 1, the other 2


class Double(nn.Module):
    """Rounding of single precision grows from step to step, however the sums are made; here it stays small."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model.double()

    def forward(self, image: Tensor, clinical: Tensor) -> Tensor:
        logits: Tensor = self.model(image.double(), clinical.double())
        return logits


class Idle(nn.Module):
    """A model with a weight that does nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, image: Tensor, clinical: Tensor) -> Tensor:
        logits: Tensor = self.used(clinical)
        return logits


def rbca() -> nn.Module:
    return Double(fusekit.build("rbca", backbone="test_resnet", columns=3, classes=2))


def dataset(spoilt: int | None = None) -> SliceDataset:
    rng = np.random.default_rng(0)
    images, clinical = rng.integers(0, 255, (COUNT, 1, 32, 32), dtype=np.uint8), rng.normal(size=(COUNT, 3))
    if spoilt is not None:
        clinical[spoilt] = np.nan
    return SliceDataset(images, np.arange(COUNT), clinical, np.arange(COUNT) % 2, Pixels((127.0,), (70.0,)))


class Pair:
    """This process, and the other if there is one."""

    def __init__(self, folder: Path):
        self.folder, self.size = folder, surroundings().devices
        self.fabric = fabric_for("cpu", "32-true", self.size)
        self.fabric.launch()
        self.processes = Processes.of_launched()

    def fit(self, model: Callable[[], nn.Module] = rbca, **changes: Any) -> dict[str, Any]:
        """Train; give losses and weights."""
        torch.manual_seed(0)
        built, losses, validated = model(), list[float](), list[int]()
        settings: dict[str, Any] = {"epochs": 2, "lr": 1e-3, "data": dataset(), "options": {}, **changes}

        def validate() -> float:
            validated.append(self.processes.rank)
            return float(-len(validated))  # the first epoch is the best

        kept = train(
            self.fabric,
            built,
            settings.pop("data"),
            batch_size=BATCH // self.size,
            seed=1,
            options=TrainingOptions(**settings.pop("options")),
            progress=Quiet(),
            epoch_ended=lambda epoch, scores: losses.append(scores["loss"]),
            validate=validate if settings.pop("validated", False) else None,
            processes=self.processes,
            **settings,
        )
        values = built.state_dict().values()
        bits = hashlib.sha256(b"".join(value.contiguous().numpy().tobytes() for value in values)).hexdigest()
        kinds = sorted({type(module).__name__ for module in built.modules()})
        summed = [float(value.double().abs().sum()) for value in values]
        return {"losses": losses, "weights": summed, "bits": bits, "kinds": kinds, "kept": kept}

    def stopped(self) -> dict[str, Any]:
        """Ended by a signal to one of them in the middle of an epoch, and gone on with."""
        path = self.folder / "training.safetensors"
        real, seen = SliceDataset.__getitems__, list[int]()

        def counting(data: SliceDataset, indices: Any) -> Any:
            seen.append(len(indices))
            if len(seen) == 6 and self.processes.rank == self.size - 1:
                os.kill(os.getpid(), signal.SIGTERM)
            return real(data, indices)

        setattr(SliceDataset, "__getitems__", counting)  # noqa: B010  (mypy)
        said = ""
        options = {"accumulate": 2, "ema": 0.9, "schedule": "cosine"}
        try:
            with stoppable():
                self.fit(options=options, checkpoint=Checkpoint(path, {}, self.processes))
        except FusekitError as error:
            said = str(error)
        finally:
            setattr(SliceDataset, "__getitems__", real)  # noqa: B010
        rest = self.fit(options=options, checkpoint=Checkpoint(path, {}, self.processes))
        return {"said": said, "rest": rest, "whole": self.fit(options=options)}

    def norms(self) -> dict[str, Any]:
        """Output, gradients and running statistics of batch normalisations, of features that are shared out."""
        found: dict[str, Any] = {}
        for kind, shape in (
            (nn.BatchNorm1d, (7, 3)),
            (nn.BatchNorm2d, (7, 3, 4, 5)),
            (nn.BatchNorm3d, (7, 3, 2, 4, 5)),
            (BatchNormAct2d, (7, 3, 4, 5)),
            (lambda width: nn.BatchNorm2d(width, momentum=None), (7, 3, 4, 5)),
            (lambda width: nn.BatchNorm2d(width, affine=False), (7, 3, 4, 5)),
        ):
            draw = torch.Generator().manual_seed(0)
            whole = 3 + 2 * torch.randn(shape, generator=draw, dtype=torch.float64)
            weights = torch.randn(shape, generator=draw, dtype=torch.float64)
            norm: nn.Module = kind(3).double()
            own = whole[self.processes.part(7)].clone().requires_grad_()
            synced = SyncedNorms(norm, torch.device("cpu")) if self.size > 1 else None
            out = [norm(own) for _ in range(2)][-1]
            torch.autograd.backward((out * weights[self.processes.part(7)]).sum())
            gradients = [value.grad for value in norm.parameters()]
            if synced:
                synced.end()
            found[str(len(found))] = {
                "kind": type(norm).__name__,
                "out": self.processes.gather(out.tolist()),
                "gradient": self.processes.gather(own.grad.tolist() if own.grad is not None else []),
                "weights": [self.processes.sum(value.tolist()) for value in gradients if value is not None],
                "statistics": [value.tolist() for value in norm.buffers()],
                "evaluated": norm.eval()(whole).tolist(),
            }
        return found

    def told(self) -> dict[str, Any]:
        """What they tell each other."""
        mine = self.processes
        tensor = torch.tensor([float(mine.rank + 1)])
        mine.copy_from_first([tensor])
        return {
            "gather": mine.gather({"rank": mine.rank}),
            "from_first": mine.from_first(lambda: f"made by {mine.rank}"),
            "any": [mine.any(mine.rank == 1), mine.any(False)],
            "sum": mine.sum([1.0, mine.rank]),
            "copy": tensor.tolist(),
        }

    def cases(self) -> dict[str, Callable[[], Any]]:
        """Name -> what is done by both."""
        everything = {"accumulate": 2, "clip": 0.1, "ema": 0.9, "schedule": "cosine", "warmup": 0.5}
        return {
            "told": self.told,
            "norms": self.norms,
            "plain": self.fit,
            "options": lambda: self.fit(options=everything),
            "single precision": lambda: self.fit(
                lambda: fusekit.build("rbca", backbone="test_resnet", columns=3, classes=2), epochs=1, lr=1e-5
            ),
            "best epoch": lambda: self.fit(validated=True),
            "own statistics": lambda: self.fit(options={"sync_batchnorm": False, "ema": 0.5}, validated=True),
            "augmented": lambda: self.fit(augment=AugmentOptions(flip=0.5, noise=0.1)),
            "stopped": self.stopped,
            "not finite": lambda: self.fit(data=dataset(spoilt=5)),
            "not finite, own statistics": lambda: self.fit(data=dataset(spoilt=5), options={"sync_batchnorm": False}),
            "unused": lambda: self.fit(Idle),
            "other data": lambda: self.processes.same("data", self.processes.rank),
            "other settings": lambda: self.processes.same("settings", {"lr": self.processes.rank, "seed": 0}),
        }


def main() -> None:
    """Do every case."""
    torch.set_num_threads(1)
    pair, found = Pair(Path(sys.argv[1])), dict[str, Any]()
    for name, case in pair.cases().items():
        try:
            found[name] = case()
        except FusekitError as error:
            found[name] = {"error": str(error), "rows": list(getattr(error, "rows", ()))}
    (pair.folder / f"{pair.processes.rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
