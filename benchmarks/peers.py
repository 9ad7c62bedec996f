"""FuseKit's training beside plain scripts of the same networks and beside fusilli: time and memory of an epoch.

    python -m benchmarks.peers --json peers.json
    python -m benchmarks.peers --fusilli /path/to/an/environment/bin/python

Every work trains in its own process, in turns, on the same tensors in the same order of
batches, with Adam and one thread. Time is the process's CPU time of an epoch, the first epoch not counted; memory is
the process's largest resident size, imports and tensors included.

fusilli needs numpy below 2, so it has its own environment: ``pip install fusilli`` there, and give its
Python. Its networks are other networks: ``fusilli, as it comes`` has five convolutions. ``fusilli, ResNet-50`` has
torchvision's ResNet-50 instead, concatenates the table as it is, and is nearest to ``concat``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

COLUMNS, CLASSES, SEED, LR = 12, 2, 0, 1e-4
#: Called after each epoch.
Ended = Callable[[], None]


def tensors(count: int, size: int, batch: int, epochs: int) -> dict[str, np.ndarray]:
    """Noise, since arithmetic takes its time whatever the numbers: images, table, labels, and each epoch's order."""
    from fusekit.training.feed.loader import EpochBatches

    rng = np.random.default_rng(SEED)
    batches, orders = EpochBatches(count, batch, SEED), []
    for epoch in range(1, epochs + 1):
        batches.start_epoch(epoch)
        orders.append([row for rows in batches for row in rows])
    return {
        "images": rng.integers(0, 256, (count, size, size), dtype=np.uint8),
        "table": rng.normal(size=(count, COLUMNS)).astype(np.float32),
        "labels": rng.integers(0, CLASSES, count),
        "orders": np.array(orders),
        "batch": np.array(batch),
    }


def standardised(given: dict[str, np.ndarray]) -> tuple[Any, Any, Any]:
    """What a plain script holds in memory: float images (N, 1, H, W), table (N, F), labels (N,)."""
    import torch

    images = given["images"].astype(np.float32)[:, None]
    images -= images.mean()
    images /= images.std()
    return torch.from_numpy(images), torch.from_numpy(given["table"]), torch.from_numpy(given["labels"])


def batches(given: dict[str, np.ndarray], epoch: int) -> list[Any]:
    """The rows of each batch of an epoch (from 0)."""
    import torch

    return list(torch.from_numpy(given["orders"][epoch]).split(int(given["batch"])))


def script(model: Any, given: dict[str, np.ndarray], before: Ended, ended: Ended) -> None:
    """The loop that everybody writes."""
    import torch

    images, table, labels = standardised(given)
    before()
    network = model()
    optimizer = torch.optim.Adam(network.parameters(), lr=LR)
    network.train()
    for epoch in range(len(given["orders"])):
        for rows in batches(given, epoch):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(images[rows], table[rows]), labels[rows])
            loss.backward()
            optimizer.step()
        ended()


def literal_rbca(given: dict[str, np.ndarray], before: Ended, ended: Ended) -> None:
    """The published network, layer by layer (the one that the tests hold FuseKit's against)."""
    from tests.plugins.fusekit_rbca.literal import LiteralRBCA

    script(lambda: LiteralRBCA(COLUMNS, CLASSES), given, before, ended)


def literal_concat(given: dict[str, np.ndarray], before: Ended, ended: Ended) -> None:
    """torchvision's ResNet-50 and two linear layers, side by side."""
    import torch
    from torch import Tensor, nn

    class Concat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.image = resnet50()
            self.table = nn.Sequential(nn.Linear(COLUMNS, 1024), nn.ReLU(), nn.Linear(1024, 1024))
            self.classify = nn.Linear(2048 + 1024, CLASSES)

        def forward(self, image: Tensor, table: Tensor) -> Tensor:
            both: Tensor = self.classify(torch.cat([self.image(image), self.table(table)], dim=1))
            return both

    script(Concat, given, before, ended)


def resnet50() -> Any:
    """Of one input channel, without its last layer."""
    from torch import nn
    from torchvision.models import resnet50 as of_torchvision

    network = of_torchvision()
    network.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    network.fc = nn.Identity()
    return network


def fusekit_train(fusion: str) -> Callable[[dict[str, np.ndarray], Ended, Ended], None]:
    """FuseKit's own loop, from the stored grey levels on."""

    def work(given: dict[str, np.ndarray], before: Ended, ended: Ended) -> None:
        import fusekit
        from fusekit.data import Pixels
        from fusekit.progress import Quiet
        from fusekit.training import SliceDataset, TrainingOptions, repeatable, train
        from fusekit.training.machines.fabric import fabric_for

        rows = np.arange(len(given["images"]))
        images = given["images"][:, None]
        pixels = Pixels.fit(images, rows)
        dataset = SliceDataset(images, rows, given["table"], given["labels"], pixels)
        before()
        with repeatable():  # as every run does
            train(
                fabric_for("cpu", "32-true"),
                fusekit.build(fusion, backbone="resnet50", columns=COLUMNS, classes=CLASSES),
                dataset,
                epochs=len(given["orders"]),
                batch_size=int(given["batch"]),
                lr=LR,
                seed=SEED,
                options=TrainingOptions(),
                progress=Quiet(),
                epoch_ended=lambda epoch, scores: ended(),
            )

    return work


def fusilli_train(own: bool) -> Callable[[dict[str, np.ndarray], Ended, Ended], None]:
    """fusilli's concatenation and its training step under the Trainer that it uses, without its validation."""

    def work(given: dict[str, np.ndarray], before: Ended, ended: Ended) -> None:
        import lightning.pytorch as pl
        from fusilli.fusionmodels.base_model import BaseModel
        from fusilli.fusionmodels.tabularimagefusion.concat_img_maps_tabular_data import ConcatImageMapsTabularData
        from torch import Tensor, nn
        from torch.utils.data import DataLoader, TensorDataset

        class Batched(nn.Module):
            """fusilli measures an image branch with an image that is no batch."""

            def __init__(self) -> None:
                super().__init__()
                self.network = resnet50()

            def forward(self, image: Tensor) -> Tensor:
                features: Tensor = self.network(image if image.ndim == 4 else image[None])
                return features

        class OnResNet(ConcatImageMapsTabularData):  # type: ignore[misc]  # fusilli has no types
            def set_img_layers(self) -> None:
                self.img_layers = nn.ModuleDict({"resnet": nn.Sequential(Batched())})

        class Turns(pl.Callback):  # type: ignore[misc]  # another environment's
            def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
                ended()

        class Ordered(pl.LightningDataModule):  # type: ignore[misc]  # another environment's
            def train_dataloader(self) -> Any:
                rows = [row.tolist() for row in batches(given, self.trainer.current_epoch)]
                return DataLoader(TensorDataset(table, images, labels), batch_sampler=rows)

        images, table, labels = standardised(given)
        before()
        dims = {"mod1_dim": COLUMNS, "mod2_dim": None, "mod3_dim": None, "img_dim": list(images.shape[2:])}
        model = (ConcatImageMapsTabularData if own else OnResNet)("binary", dims, None)
        trainer = pl.Trainer(
            accelerator="cpu",
            max_epochs=len(given["orders"]),
            callbacks=[Turns()],
            reload_dataloaders_every_n_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(BaseModel(model, new_optimiser={"learning rate": LR}), datamodule=Ordered())

    return work


WORKS: dict[str, Callable[[dict[str, np.ndarray], Ended, Ended], None]] = {
    "FuseKit, rbca": fusekit_train("rbca"),
    "plain script, rbca": literal_rbca,
    "FuseKit, concat": fusekit_train("concat"),
    "plain script, concat": literal_concat,
    "fusilli, ResNet-50": fusilli_train(own=False),
    "fusilli, as it comes": fusilli_train(own=True),
}


def measure(name: str, data: Path) -> dict[str, Any]:
    """In a process of its own: CPU seconds of every epoch, memory in MiB, versions."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    with np.load(data) as file:
        given = dict(file)
    clock: list[float] = []

    def ended() -> None:
        clock.append(time.process_time())

    WORKS[name](given, ended, ended)
    known = [name for name in ("torch", "numpy", "fusilli", "lightning") if _version(name)]
    return {
        "seconds": np.diff(clock).tolist(),
        "peak_mib": resident(),
        "versions": {name: _version(name) for name in known},
    }


def resident() -> int:
    """The process's largest resident size so far, MiB."""
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def apart(python: str, name: str, data: Path) -> dict[str, Any] | str:
    """Measure in a new process; a sentence instead where the work cannot be done there."""
    command = [python, "-m", "benchmarks.peers", "--work", name, str(data)]
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1"}
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, capture_output=True, text=True, env=surroundings, cwd=root)
    if done.returncode:
        return (done.stderr.strip() or "no message").splitlines()[-1]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(given: argparse.Namespace) -> dict[str, Any]:
    """Every work in turns, each in its own process."""
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "tensors.npz"
        np.savez(data, **tensors(given.images, given.size, given.batch, given.epochs))
        for turn in range(given.rounds):
            for name in WORKS if turn % 2 == 0 else reversed(WORKS):
                found = apart(given.fusilli if name.startswith("fusilli") else sys.executable, name, data)
                if isinstance(found, str):
                    results[name] = {"skipped": found}
                    continue
                found["seconds"] = found["seconds"][1:]  # the first epoch allocates, and is not counted
                if name in results:
                    found["seconds"] += results[name]["seconds"]
                    found["peak_mib"] = max(found["peak_mib"], results[name]["peak_mib"])
                results[name] = found
    settings = {key: getattr(given, key) for key in ("images", "size", "batch", "epochs", "rounds")}
    machine = {"system": platform.platform(), "processor": platform.processor() or platform.machine()}
    return {"settings": settings, "machine": machine, "works": {name: results[name] for name in WORKS}}


def table(results: dict[str, Any]) -> str:
    """One line a work."""
    lines = [f"{'':22} {'s an epoch':>10} {'least':>7} {'most':>7} {'ms an image':>12} {'peak MiB':>9}"]
    for name, found in results["works"].items():
        if "skipped" in found:
            lines.append(f"{name:22} skipped: {found['skipped']}")
            continue
        taken = found["seconds"]
        each = 1000 * median(taken) / results["settings"]["images"]
        lines.append(
            f"{name:22} {median(taken):10.2f} {min(taken):7.2f} {max(taken):7.2f} {each:12.1f} {found['peak_mib']:9}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU time and memory of an epoch: FuseKit, plain scripts, fusilli.")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--size", type=int, default=96, help="height and width")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=3, help="epochs; the first is not counted")
    parser.add_argument("--rounds", type=int, default=2, help="how often each work is done, in turns")
    parser.add_argument("--fusilli", default=sys.executable, help="Python of an environment that has fusilli")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--work", nargs=2, metavar=("NAME", "TENSORS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        print(json.dumps(measure(given.work[0], Path(given.work[1]))))
        return
    results = compare(given)
    print(table(results))
    if given.json:
        given.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
