"""What a prediction costs: many patients from their files to the class called, together and one by one.

    python -m benchmarks.predict --patients 500 --threads 2 --json predict.json

Volumes and tables are noise: SYNTHETIC. The model is untrained; loading it is not counted. Times are wall
times, the shortest of three, and processor times, because a busy machine delays the wall times.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pandas as pd
import torch

from fusekit.bundle.bundle import Bundle
from fusekit.data import Classes, ClinicalEncoding, Column, Pixels, SlicePolicy
from fusekit.models import build

nibabel: Any = untyped_nibabel
SHAPE, SIZE, COLUMNS, ALONE = (64, 64, 64), 64, 20, 50


def write_patients(folder: Path, count: int) -> pd.DataFrame:
    """A volume and a row of values each."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(50, 10, (count, COLUMNS)), columns=[f"c{k}" for k in range(COLUMNS)])
    paths = []
    for number in range(count):
        paths.append(folder / f"{number:04}.nii")
        volume = rng.integers(0, 400, SHAPE, dtype=np.int16)
        nibabel.save(nibabel.Nifti1Image(volume, np.diag([-1.0, 1, 1, 1])), paths[-1])
    return table.assign(image=list(map(str, paths)), subject=[f"p{number:04}" for number in range(count)])


def bundle_for(patients: pd.DataFrame, fusion: str, slices: int) -> Bundle:
    """An untrained model with so many coronal slices per patient."""
    columns = tuple(Column(f"c{k}", "number", "") for k in range(COLUMNS))
    encoding = ClinicalEncoding.fit(patients[[column.name for column in columns]], columns)
    torch.manual_seed(0)
    model = build(fusion, backbone="resnet18", columns=len(encoding.features), classes=2)
    policy = SlicePolicy(plane="coronal", space="voxel", start=32, stop=32 + slices)
    clinical = encoding if model.reads_clinical else None
    return Bundle(model.eval(), Classes(("negative", "positive")), clinical, policy, SIZE, Pixels((120.0,), (60.0,)))


def seconds(work: Callable[[], object], repeat: int = 3) -> tuple[float, float]:
    """Of the wall and of the processor: the shortest of a few times, as the others were disturbed."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return min(times)


def measure(count: int, fusion: str, slices: int) -> dict[str, float]:
    """Milliseconds a patient, together and alone, and how far their probabilities lie apart."""
    with tempfile.TemporaryDirectory() as folder:
        patients = write_patients(Path(folder), count)
        bundle = bundle_for(patients, fusion, slices)
        few = patients.head(ALONE)

        def alone() -> pd.DataFrame:
            return pd.concat([bundle.predict(few.iloc[[row]], device="cpu").slices for row in range(len(few))])

        apart = np.abs(bundle.predict(few, device="cpu").slices["p_1"].to_numpy() - alone()["p_1"].to_numpy()).max()
        wall, work = seconds(lambda: bundle.predict(patients, device="cpu"))
        single, single_work = seconds(alone)
        return {
            "together": 1000 * wall / count,
            "together, processor": 1000 * work / count,
            "one by one": 1000 * single / len(few),
            "one by one, processor": 1000 * single_work / len(few),
            "largest difference": float(apart),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=500)
    parser.add_argument("--fusion", default="concat")
    parser.add_argument("--slices", type=int, default=1, help="slices per patient")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    found = measure(given.patients, given.fusion, given.slices)
    print(f"{given.fusion}, ResNet-18 at {SIZE} pixels, {given.slices} slices per patient, {given.threads} threads")
    for name, value in found.items():
        print(f"{name:24} {value:.2e}" if name.startswith("largest") else f"{name:24} {value:8.2f} ms per patient")
    if given.json:
        about = {"torch": torch.__version__, "machine": platform.platform(), "threads": given.threads}
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps({**about, "milliseconds": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
