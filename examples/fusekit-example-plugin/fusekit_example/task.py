"""A task: a folder with ``patients.csv`` and volumes in ``.npy`` files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from fusekit import Cohort, Column, Preset, SlicePolicy, Task
from fusekit.data import read_table
from fusekit.errors import DataError
from fusekit.progress import Progress

SLICES = SlicePolicy(plane="axial", start=7, stop=9)


class BrightSpot(Task):
    """Is there a bright spot in the volume? Age carries information too."""

    title = "Bright spot or none"
    classes: tuple[str, ...] = ("none", "spot")
    metrics: tuple[str, ...] = ("accuracy", "auc", "brier")
    paper = Preset(epochs=20, image_size=64, slices=SLICES)
    synthetic = Preset(backbone="resnet18", epochs=2, batch_size=8, lr=1e-3, image_size=32, slices=SLICES)

    def scan(self, folder: Path, progress: Progress) -> Cohort:
        """Read ``patients.csv``: patient, image (relative to the table), spot (yes or no), age, sex."""
        path = folder / "patients.csv"
        table = read_table(path, required=("patient", "image", "spot", "age", "sex"))
        for line, answer in table["spot"].items():
            if answer not in ("yes", "no"):
                raise DataError(f"{path}, line {line}, column 'spot': {answer!r} is neither 'yes' nor 'no'.")
        table.index = pd.Index(table["patient"], name="scan")
        scans = pd.DataFrame(
            {
                "subject": table["patient"],
                "image": [folder / name for name in table["image"]],
                "label": (table["spot"] == "yes").astype(int),
            }
        )
        columns = (Column("age", unit="years", low=0, high=120), Column("sex", kind="category", categories=("F", "M")))
        clinical = pd.DataFrame({"age": pd.to_numeric(table["age"]), "sex": table["sex"]})
        return Cohort(scans, clinical, columns, self.target)

    def synthesize(self, folder: Path, progress: Progress, *, patients: int = 40, seed: int = 0) -> None:
        """Write a synthetic cohort: half of the patients have a spot, and they are five years older on average."""
        rng = np.random.default_rng(seed)
        rows = []
        for number in progress.track(range(patients), "writing volumes", patients, "patients"):
            spot = number % 2 == 1
            volume = rng.normal(100, 10, (16, 16, 16))
            if spot:
                x, y = rng.integers(3, 12, 2)
                volume[x : x + 3, y : y + 3, 6:10] += 60
            np.save(folder / f"p{number:03}.npy", volume.astype(np.float32))
            rows.append(
                (
                    f"p{number:03}",
                    f"p{number:03}.npy",
                    "yes" if spot else "no",
                    rng.normal(65 + 5 * spot, 8),
                    "FM"[number // 2 % 2],
                )
            )
        table = pd.DataFrame(rows, columns=["patient", "image", "spot", "age", "sex"])
        table.to_csv(folder / "patients.csv", index=False, float_format="%.1f")
