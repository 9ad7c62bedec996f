"""What a frozen network saves: one training of a head on features that are computed once, and one on images.

    python -m benchmarks.frozen --slices 600 --epochs 30 --json frozen.json

Images and columns are noise: SYNTHETIC. Seconds are this process's CPU time, in turns. Computing the features is
counted, as is everything else that a training does but its checkpoints.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.timing import interleaved, ratio, table
from fusekit.data import Pixels
from fusekit.models import build
from fusekit.progress import Quiet
from fusekit.training import ALONE, SliceDataset, TrainingOptions, train
from fusekit.training.feed.features import UNSCALED, fixed_features
from fusekit.training.machines.fabric import fabric_for

BATCH, COLUMNS, PIXELS = 32, 20, Pixels((120.0,), (60.0,))


def work(kind: str, backbone: str, images: np.ndarray, epochs: int) -> None:
    """One training, from the untrained model to its last epoch."""
    draw, rows = np.random.default_rng(1), np.arange(len(images))
    columns, labels = draw.normal(size=(len(rows), COLUMNS)), draw.integers(0, 2, len(rows))
    torch.manual_seed(0)
    freeze = "none" if kind == "trained" else "all"
    model: Any = build(
        "concat", backbone=backbone, columns=COLUMNS, classes=2, options={"backbone": {"freeze": freeze}}
    )
    dataset = SliceDataset(images, rows, columns, labels, PIXELS)
    if kind == "computed once":
        known: Any = {"device": torch.device("cpu"), "processes": ALONE, "progress": Quiet()}
        fixed = fixed_features(model, images, rows, PIXELS, batch=BATCH, **known)
        assert fixed is not None
        model, dataset = fixed.heads, SliceDataset(fixed.features, rows, columns, labels, UNSCALED)
    sizes: Any = {"epochs": epochs, "batch_size": BATCH, "lr": 1e-3, "seed": 0}
    loop = TrainingOptions(weight_decay=0.05, ema=0.99)
    follow: Any = {"progress": Quiet(), "epoch_ended": lambda *_: None}
    train(fabric_for("cpu", "32-true"), model, dataset, options=loop, **sizes, **follow)


def main() -> None:
    """Time the three trainings, print a table and write it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--slices", type=int, default=600)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    images = np.random.default_rng(0).integers(0, 256, (given.slices, 1, given.size, given.size), dtype=np.uint8)
    works = {
        kind: partial(work, kind, given.backbone, images, given.epochs)
        for kind in ("computed once", "frozen", "trained")
    }
    times = interleaved(works, given.rounds)
    ratios = {name: ratio(times, name, "computed once") for name in works}
    rows = [[name, f"{np.median(own):.1f}", f"{ratios[name][0]:.1f}"] for name, own in times.items()]
    print(table(["training", "CPU seconds", "times"], rows))
    if given.json:
        given.json.write_text(json.dumps({"settings": vars(given), "seconds": times}, indent=2, default=str))


if __name__ == "__main__":
    main()
