"""A cohort of a few invented subjects with tiny volumes, whose images have ids: for tests of recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import nibabel
import numpy as np
import pandas as pd

from fusekit.data import Cohort, Column, Finding, Preset, SlicePolicy, Task
from fusekit.errors import DataError
from fusekit.progress import Progress

RULES = SlicePolicy(start=2, stop=5)
SUBJECTS = 8


class Tiny(Task):
    """``scans.csv`` says who, when and how ill; ``lab.csv`` and ``genes.csv`` hold values; ``images/ID.nii``.

    Args:
        visits: which to keep.
        ids: whether the cohort has the group ``image_id``.
        rules: a file, for the option's sake.
        place: some text.
    """

    title = "Well or ill?"
    classes: tuple[str, ...] = ("hearty", "dementia")
    paper = synthetic = Preset(backbone="test_resnet", epochs=1, batch_size=4, image_size=32, slices=RULES)

    def __init__(
        self,
        *,
        visits: Literal["all", "bl"] = "all",
        ids: bool = True,
        rules: Path | None = None,
        place: str = "",
    ):
        self.visits, self.ids = visits, ids

    def scan(self, folder: Path, progress: Progress) -> Cohort:
        table = pd.read_csv(folder / "scans.csv", dtype=str).sort_values(["label", "subject"])
        if self.visits == "bl":
            table = table[table["visit"] == "bl"]
        there = {path.name.partition(".")[0]: path for path in (folder / "images").iterdir()}
        table = table[table["image_id"].isin(list(there))]
        if self.wanted is not None:
            table = table[table["image_id"].isin(list(self.wanted))]
        table = table.drop_duplicates(["subject", "visit"])  # the first listed is preferred
        if table.empty:
            raise DataError(f"{folder}: no images.")
        names = table["subject"] + "_" + table["visit"] + ("_" + table["image_id"] if self.ids else "")
        index = pd.Index(names, name="scan")
        scans = table[["subject", "visit", "image_id", "acquired", "age"]].set_axis(index)
        scans["label"] = scans.index.map(dict(zip(names, table["label"].astype(int), strict=True)))
        scans["image"] = pd.Series([there[image] for image in table["image_id"]], index=index, dtype=object)
        clinical = pd.DataFrame({"age": scans["age"].astype(float)}, index=index)
        columns = [Column("age", unit="years", low=18, high=120, source="scans.age")]
        for name, described in TABLES.items():
            if (folder / f"{name}.csv").exists():
                values = pd.read_csv(folder / f"{name}.csv", dtype={c.name: _TYPES[c.kind] for c in described})
                values = values.set_index("image_id").reindex(table["image_id"]).set_axis(index)
                for column in described:
                    clinical[column.name] = values[column.name]
                columns += described
        groups = ("visit", *["image_id"] * self.ids, "acquired", "age")
        found = (Finding("odd-cell", f"{folder}: 4711.25 is odd", ("p1: 4711.25", "p2: 4711.25")),)
        return Cohort(scans, clinical, tuple(columns), self.target, groups, found)

    def synthesize(self, folder: Path, progress: Progress, *, seed: int = 0) -> None:
        """Two visits for every second subject; half are ill."""
        draw = np.random.default_rng(seed)
        (folder / "images").mkdir(exist_ok=True)
        rows: list[dict[str, Any]] = []
        for number in range(SUBJECTS):
            for visit in ("bl", "m12")[: 1 + number % 2]:
                image = f"I{100 + len(rows)}"
                write_image(folder / "images" / f"{image}.nii", draw.integers(0, 900, (8, 8, 8)))
                year, age = 2008 + (visit == "m12"), 60 + number * 3.0625
                rows.append(
                    {
                        "subject": f"p{number}",
                        "visit": visit,
                        "image_id": image,
                        "label": str(int(number in (1, 2, 5, 6))),
                        "acquired": f"{year}-07-31",
                        "age": repr(age),
                        "tau": repr(round(float(draw.uniform(80, 300)), 4)),
                        "plasma": repr(round(float(draw.uniform(10, 90)), 5)) if number % 3 else "",
                        "gene": ("e3/e3", "e3/e4")[number // 2 % 2],
                    }
                )
        table = pd.DataFrame(rows)
        table[["subject", "visit", "image_id", "label", "acquired", "age"]].to_csv(folder / "scans.csv", index=False)
        table[["image_id", "tau", "plasma"]].to_csv(folder / "lab.csv", index=False)
        table[["image_id", "gene"]].to_csv(folder / "genes.csv", index=False)


TABLES = {
    "lab": (
        Column("tau", unit="pg/mL", low=1, high=1300, source="lab.tau"),
        Column("plasma", unit="ng/L", source="lab.plasma"),
    ),
    "genes": (Column("gene", kind="category", source="genes.gene"),),
}
_TYPES: dict[str, Any] = {"number": float, "category": str}


def write_image(path: Path, data: np.ndarray, axes: str = "RAS") -> None:
    """Write a volume that is RAS in memory, stored along other axes, e.g. ``PIL``."""
    made: Any = nibabel  # has no types
    image = made.Nifti1Image(data.astype(np.int16), np.diag([2.0, 2.0, 2.0, 1.0]))
    turn = made.orientations.ornt_transform(
        made.orientations.axcodes2ornt("RAS"), made.orientations.axcodes2ornt(tuple(axes))
    )
    made.save(image.as_reoriented(turn), path)


def edit(path: Path, image: str, column: str, value: str) -> None:
    """Change one cell of one of the cohort's tables."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[table["image_id"] == image, column] = value
    table.to_csv(path, index=False)
