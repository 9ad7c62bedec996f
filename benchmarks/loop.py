"""What FuseKit's loop costs beyond a loop written by hand, what its options cost, and how long a run takes to start.

    python -m benchmarks.loop --json loop.json

Both loops train the same model on the same batches, in turns, on one thread. Images and table are noise: SYNTHETIC.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import nn
from torch.nn.functional import cross_entropy

from benchmarks.timing import interleaved, ratio, table
from fusekit.data import Pixels
from fusekit.models import build, channels_last, weights_channels_last
from fusekit.progress import Bars, Progress, Quiet
from fusekit.training import AugmentOptions, SliceDataset, TrainingOptions, train
from fusekit.training.machines.fabric import fabric_for

COLUMNS, BATCH, LR, SEED = 20, 16, 1e-4, 0
VARIED = AugmentOptions(flip=0.5, rotate=10, shift=0.05, scale=0.1, intensity=0.1, noise=0.05)

PARTS = ("steps", "options", "start")

#: Row of the second table -> what differs from plain training.
OPTIONS: dict[str, dict[str, Any]] = {
    "bf16-mixed": {"precision": "bf16-mixed"},
    "accumulate=4": {"options": TrainingOptions(accumulate=4)},
    "clip=1": {"options": TrainingOptions(clip=1.0)},
    "ema=0.99": {"options": TrainingOptions(ema=0.99)},
    "schedule=cosine": {"options": TrainingOptions(schedule="cosine")},
    "augmentation, all": {"augment": VARIED},
}

#: In a process of its own: a whole command line, ended when the loop asks for its first batch.
BEGIN = """
import importlib, os, sys, time
import fusekit.training
from fusekit.cli import main

module = importlib.import_module("fusekit.experiment.run.run")

def timed(*args, gather=module.gather, **settings):
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        return gather(*args, **settings)
    finally:
        global data
        data = time.perf_counter() - wall, time.process_time() - cpu

def first(self, indices):
    print("BEGUN", time.time() - float(os.environ["BEGUN"]) - data[0], time.process_time() - data[1], *data, flush=True)
    os._exit(0)

module.gather = timed
fusekit.training.SliceDataset.__getitems__ = first
sys.argv = ["fusekit", *sys.argv[1:]]
main()
"""


def invented(count: int, size: int) -> SliceDataset:
    rng = np.random.default_rng(SEED)
    images = rng.integers(0, 256, (count, 1, size, size), dtype=np.uint8)
    rows = np.arange(count)
    clinical = rng.normal(size=(count, COLUMNS)).astype(np.float32)
    return SliceDataset(images, rows, clinical, rows % 2, Pixels.fit(images, rows))


def bare(model: nn.Module, data: SliceDataset, device: str) -> Callable[[], None]:
    """The loop that one would write: no Fabric, no loader, no scores but loss and hits."""
    model = weights_channels_last(model.to(device))
    mean, std = data.pixels

    def epoch() -> None:
        optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0, fused=True)  # as new as FuseKit's
        model.train()
        loss_sum, hits = torch.zeros((), device=device), torch.zeros((), device=device)
        order = np.random.default_rng((SEED, 1)).permutation(len(data))
        for start in range(0, len(data), BATCH):
            rows = order[start : start + BATCH]
            grey = torch.from_numpy(data.images[rows])
            columns, labels = data.clinical[rows], data.labels[rows]
            if device != "cpu":
                grey, columns, labels = (t.pin_memory().to(device, non_blocking=True) for t in (grey, columns, labels))
            image = channels_last((grey.float() - mean[0]) / std[0])
            optimizer.zero_grad()
            logits = model(image, columns)
            loss = cross_entropy(logits, labels)
            torch.autograd.backward(loss)
            optimizer.step()
            loss_sum += loss.detach() * len(labels)
            hits += (logits.detach().argmax(dim=1) == labels).sum()
        float(loss_sum), float(hits)

    return epoch


def ours(
    model: nn.Module,
    data: SliceDataset,
    device: str,
    *,
    precision: Any = "32-true",
    options: TrainingOptions | None = None,
    augment: AugmentOptions | None = None,
    progress: Progress | None = None,
) -> Callable[[], None]:
    """An epoch of ``fusekit.training.train``, its setting up included."""
    fabric = fabric_for(device, precision)

    def epoch() -> None:
        train(
            fabric,
            model,
            data,
            epochs=1,
            batch_size=BATCH,
            lr=LR,
            seed=SEED,
            options=options or TrainingOptions(),
            augment=augment,
            progress=progress or Quiet(),
            epoch_ended=lambda epoch, scores: None,
        )

    return epoch


def terminal() -> Bars:
    """Bars that believe in a terminal."""
    bars = Bars()
    bars.console = Console(file=io.StringIO(), force_terminal=True, width=100)
    return bars


def measure_steps(device: str, pairs: int, steps: int, size: int, backbone: str) -> dict[str, dict[str, float]]:
    """Row -> milliseconds a step (median), and the median, least and greatest ratio to the bare loop."""
    torch.manual_seed(SEED)
    model = build("rbca", backbone=backbone, columns=COLUMNS, classes=2)
    data = invented(steps * BATCH, size)
    works = {
        "bare loop": bare(copy.deepcopy(model), data, device),
        "fusekit": ours(copy.deepcopy(model), data, device),
        "fusekit, bar in a terminal": ours(copy.deepcopy(model), data, device, progress=terminal()),
    }
    return _rows(interleaved(works, pairs, device), "bare loop", steps)


def measure_options(
    device: str, pairs: int, steps: int, size: int, backbone: str, compiled: bool
) -> dict[str, dict[str, float]]:
    """Row -> the same, with the ratio to plain training."""
    torch.manual_seed(SEED)
    model = build("rbca", backbone=backbone, columns=COLUMNS, classes=2)
    data = invented(steps * BATCH, size)
    extra = {"compile": {"options": TrainingOptions(compile=True)}} if compiled else {}
    works = {
        name: ours(copy.deepcopy(model), data, device, **settings)
        for name, settings in {"plain": {}, **OPTIONS, **extra}.items()
    }
    return _rows(interleaved(works, pairs, device), "plain", steps)


def _rows(times: dict[str, list[float]], to: str, steps: int) -> dict[str, dict[str, float]]:
    found = {}
    for name, spent in times.items():
        middle, least, most = ratio(times, name, to)
        found[name] = {"ms a step": 1000 * median(spent) / steps, "ratio": middle, "least": least, "most": most}
    return found


def measure_start(repeat: int) -> dict[str, float]:
    """Seconds from the start of the process to the first batch, without what reading the data takes; medians.

    CPU time is what a machine without other work would need at most; the process has one thread here.

    A first run, which is not counted, writes the synthetic cohort and the slice store.
    """
    spent = []
    with tempfile.TemporaryDirectory() as name:
        for number in range(repeat + 1):
            few = ["-o", "synthetic.subjects=40"]  # more would only take more of the time that is left out
            command = [sys.executable, "-c", BEGIN, "run", "adni-ad", *few, "--out", str(Path(name, str(number)))]
            now = {**os.environ, "BEGUN": str(time.time()), "OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=now)
            line = next(line for line in done.stdout.splitlines() if line.startswith("BEGUN"))
            if number:
                spent.append([float(value) for value in line.split()[1:]])
    names = ("start, s", "start, CPU s", "data from the cache, s", "data from the cache, CPU s")
    return dict(zip(names, map(median, zip(*spent, strict=True)), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=9, help="rounds, each of which runs every loop once")
    parser.add_argument("--steps", type=int, default=10, help="batches per epoch")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--compile", action="store_true", help="with torch.compile, which takes minutes at first")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    settings = (given.pairs, given.steps, given.size, given.backbone)
    found: dict[str, Any] = {}
    for device in ["cpu", *["cuda"] * torch.cuda.is_available()]:
        if "steps" in given.parts:
            found[f"steps, {device}"] = measure_steps(device, *settings)
        if "options" in given.parts:
            found[f"options, {device}"] = measure_options(device, *settings, compiled=given.compile)
    if "start" in given.parts:
        found["start"] = measure_start(3)
    machine = {"cores": len(os.sched_getaffinity(0)), "processor": platform.machine(), "load": os.getloadavg()[0]}
    if torch.cuda.is_available():
        machine["gpu"] = torch.cuda.get_device_name()
    print(f"rbca, {given.backbone}, {given.size} x {given.size}, batches of {BATCH}, one thread; {machine}\n")
    rows = [
        [f"{part}: {name}", f"{row['ms a step']:.2f}", f"{row['ratio']:.3f}", f"{row['least']:.3f}-{row['most']:.3f}"]
        for part, rows in found.items()
        if part != "start"
        for name, row in rows.items()
    ]
    rows += [[f"start: {name}", f"{value:.2f}", "", ""] for name, value in found.get("start", {}).items()]
    print(table(["", "ms per step", "ratio", "range"], rows))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine, "figures": found}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
