"""How fast slices come into a store, and how fast they are served: against gzip, nibabel and the memory.

    python -m benchmarks.slices --scans 16 --json slices.json

The volumes are SYNTHETIC: smooth anatomy and noise, so that gzip has as much to do as with real ones.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pandas as pd
import torch
from PIL import Image

from fusekit.data import Pixels, SlicePolicy, SliceStore, build_store
from fusekit.progress import Quiet
from fusekit.training.feed.loader import EpochBatches, SliceDataset, loader_for

nibabel: Any = untyped_nibabel
SHAPE, SIZE, BATCH = (256, 256, 180), 256, 32
POLICY = SlicePolicy(plane="coronal", space="voxel", start=123, stop=133)


def write_volumes(folder: Path, count: int) -> pd.DataFrame:
    """Heads of 1 mm voxels, int16, as .nii.gz."""
    rng = np.random.default_rng(0)
    x, y, z = np.ogrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j, -1 : 1 : SHAPE[2] * 1j]
    paths = []
    for number in range(count):
        radius = np.sqrt(x**2 / 0.6 + y**2 / 0.8 + z**2 / 0.7)
        waves = 150 * np.cos((8 + number % 5) * radius) + 80 * np.sin(6 * x) * np.cos(5 * y)
        head = np.where(radius < 1, 400 + waves, 0) + rng.normal(0, 12, SHAPE)
        paths.append(folder / f"{number:04}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(np.abs(head).astype(np.int16), np.diag([-1.0, 1, 1, 1])), paths[-1])
    return pd.DataFrame({"image": paths}, index=pd.Index([path.name for path in paths], name="scan"))


def seconds(work: Callable[[], object], repeat: int = 3) -> float:
    """The shortest of a few times: the others were disturbed."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def measure_build(scans: pd.DataFrame, folder: Path, cores: int, repeat: int) -> tuple[SliceStore, dict[str, float]]:
    """Build with one worker and with all; decompress the same files with as many threads."""
    stores: list[SliceStore] = []
    figures: dict[str, float] = {}

    def build(workers: int) -> None:
        cache = folder / f"store{len(stores)}"
        stores.append(build_store(scans, POLICY, SIZE, cache, Quiet(), workers))

    def decompress(path: Path) -> int:
        with gzip.open(path) as file:
            return len(file.read())

    for workers in sorted({1, cores}):
        with ThreadPoolExecutor(workers) as pool:
            plain = seconds(lambda pool=pool: list(pool.map(decompress, scans["image"])), repeat)  # type: ignore[misc]
        whole = seconds(lambda workers=workers: build(workers), repeat)  # type: ignore[misc]
        figures |= {
            f"build, scans/s, {workers} core(s)": len(scans) / whole,
            f"gzip alone, scans/s, {workers} core(s)": len(scans) / plain,
            f"share of gzip in the build, {workers} core(s)": plain / whole,
        }
    return stores[-1], figures


def measure_serving(store: SliceStore, scans: pd.DataFrame, batches: int, repeat: int) -> dict[str, float]:
    """Shuffled batches: bytes, through the loader, standardised, nibabel an item, and memory alone; on one thread."""
    rng = np.random.default_rng(1)
    count = len(store.images)
    order = [rng.integers(0, count, BATCH) for _ in range(batches)]
    rows = np.arange(count)
    pixels = Pixels.fit(store.images, rows)
    dataset = SliceDataset(store.images, rows, np.zeros((count, 4)), np.zeros(count), pixels)
    target = np.empty((BATCH, 1, SIZE, SIZE), dtype=np.uint8)
    source = np.array(store.images)  # zeros would be one page of memory, over and over

    def copy() -> None:
        for batch in order:
            for place, row in enumerate(batch):
                target[place] = source[row]

    def one(row: int) -> np.ndarray:
        """As a data set without a store does it: open, decompress up to the slice, scale, resize."""
        scan, index = store.rows.loc[row, ["scan", "slice"]]
        image = nibabel.load(scans.loc[scan, "image"])
        part = np.asarray(image.dataobj[:, int(index), :], dtype=np.float32)
        resized = Image.fromarray(part).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        return np.asarray(resized)

    def each(work: Callable[[np.ndarray], object]) -> None:
        """Do it with every batch, and let go of what it gives, as training does."""
        for batch in order:
            work(batch)

    def load() -> None:
        """What training reads: rows as they are, in pinned memory if there is a GPU, standardised there."""
        for epoch in range(epochs):
            sampler.start_epoch(epoch)
            for _ in loader_for(dataset, sampler, pin=torch.cuda.is_available()):
                pass

    sampler, items = EpochBatches(count, BATCH, seed=0), BATCH * batches
    epochs = -(-items // count)
    torch.set_num_threads(1)
    few = [int(row) for row in order[0][:8]]
    item = seconds(lambda: [one(row) for row in few], 2) / len(few)
    served = {
        "raw rows, images/s": items / seconds(lambda: each(lambda batch: store.images[batch]), repeat),
        "rows through the loader, images/s": epochs * count / seconds(load, repeat),
        "standardised on the CPU, images/s": items
        / seconds(lambda: each(lambda batch: pixels.standardise(dataset.__getitems__(list(batch)).image)), repeat),
        "nibabel an item, images/s": 1 / item,
        "copying in memory, images/s": items / seconds(copy, repeat),
    }
    loaded = served["rows through the loader, images/s"]
    return served | {
        "loader against nibabel": loaded / served["nibabel an item, images/s"],
        "rows against copying in memory": served["raw rows, images/s"] / served["copying in memory, images/s"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=16)
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(cores)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scans = write_volumes(folder, options.scans)
        store, built = measure_build(scans, folder, cores, options.repeat)
        figures = built | measure_serving(store, scans, options.batches, options.repeat)
    machine = {"cores": cores, "load": os.getloadavg()[0], "processor": platform.processor() or platform.machine()}
    print(f"{options.scans} SYNTHETIC volumes of {' x '.join(map(str, SHAPE))}, 10 slices each at {SIZE} x {SIZE}")
    print(f"{cores} cores, load {machine['load']:.1f} at the end\n")
    for label, value in figures.items():
        print(f"{label:45} {value:12,.2f}" if value < 100 else f"{label:45} {value:12,.0f}")
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "figures": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
