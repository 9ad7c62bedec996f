"""Pictures of the explanations that a run folder holds: whatever is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Ge
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.disk import OPEN, Schema, read_json, read_written, regular
from fusekit.errors import DataError, attempt
from fusekit.report.drawing.picture import Picture
from fusekit.report.evidence import Evidence
from fusekit.report.explanations.attributions import attributions, gates
from fusekit.report.explanations.examples import examples
from fusekit.report.explanations.what_if import mean_maps, what_if
from fusekit.report.formatting import file_names

_WHOLE = ("row", "slice", "fold", "label", "called", "explained", "example", "stage", "channels", "position")
_NUMBERS = ("p_*", "maximum", "attribution", "number", "change", "low", "median", "high", "spread", "template_mm")

#: Of every table of explanations, whose columns have the same meaning wherever they stand.
_SCHEMA: Schema = {
    **dict.fromkeys((*_WHOLE, "slices", "subjects"), int),
    **dict.fromkeys((*_NUMBERS, "likeness"), float),
    "is_original": bool,
}
_MAY_BE_EMPTY = ("level", "unit", "original", "value")


def explanations(evidence: Evidence, failed: Callable[[str], None] | None = None) -> list[Picture]:
    """Draw the explanations of the first seed of every arm, kind by kind: examples of all arms come first.

    Maps for other clinical values are drawn only where the table acts inside of the image's network. ``failed`` gets a
    sentence for each kind that cannot be drawn.
    """
    names = file_names(evidence.names)
    kinds: list[list[Picture]] = [[], [], [], [], []]
    for arm in evidence.arms:
        folder = arm.runs[0].explanations
        if folder is None:
            continue
        with attempt(f"the explanations of {arm.name}", failed):
            own = _Explained(folder, arm.name, names[arm.name], evidence)
            for pictures, draw in zip(kinds, (own.slices, own.changes, own.means, own.columns, own.gates), strict=True):
                with attempt(f"the {draw.__name__} of {arm.name}", failed):
                    pictures += draw()
    return [picture for pictures in kinds for picture in pictures]


@with_config(OPEN)
class _Facts(TypedDict, total=False):
    """``explanation.json``."""

    plane: str
    target: Annotated[int, Ge(0)]
    injector: bool


class _Explained:
    """One arm's explanations."""

    def __init__(self, folder: Path, arm: str, stem: str, evidence: Evidence):
        self.folder, self.arm, self.stem = folder, arm, stem
        self.facts: dict[str, Any] = {}
        if (folder / "explanation.json").exists():
            self.facts = dict(read_json(folder / "explanation.json", _Facts))
        # Folders of older runs do not say whether the orientation was read: then nothing is said of sides.
        self.plane = str(self.facts.get("plane", "")) if self.facts.get("oriented") is True else ""
        self.classes, self.synthetic = evidence.classes, evidence.synthetic
        target = self.facts.get("target", 1)  # none where each slice is explained by what it is called
        if target is not None and target >= len(self.classes):
            raise DataError(f"{folder / 'explanation.json'}: target is {target}, of {len(self.classes)} classes.")
        self.speaks_for = "the class called" if target is None else self.classes[target]

    def table(self, name: str) -> pd.DataFrame | None:
        path = self.folder / name
        if not path.exists():
            return None
        table = read_written(path, _SCHEMA)
        texts = [column for column in table.columns if column in _MAY_BE_EMPTY]
        table[texts] = table[texts].fillna("")
        return None if table.empty else table

    def array(self, name: str) -> np.ndarray | None:
        path = self.folder / name
        return np.load(regular(path), allow_pickle=False) if path.exists() else None

    def slices(self) -> list[Picture]:
        table, images = self.table("examples.csv"), self.array("images.npy")
        if table is None or images is None or "called" not in table:  # as in folders of older runs
            return []
        name, maps = f"examples-{self.stem}", self.array("grad_cam.npy")
        return [examples(name, self.arm, table, images, maps, self.classes, plane=self.plane, synthetic=self.synthetic)]

    def changes(self) -> list[Picture]:
        table, images, maps = self.table("what_if.csv"), self.array("images.npy"), self.array("what_if.npy")
        if table is None or images is None or maps is None or not self.facts.get("injector", True):
            return []
        return [
            what_if(
                f"what-if-{self.stem}-{k}",
                self.arm,
                own,
                images[int(str(example))],
                maps[own.index.to_numpy()],
                self.classes,
                plane=self.plane,
                synthetic=self.synthetic,
            )
            for k, (example, own) in enumerate(table.groupby("example", sort=False), start=1)
        ]

    def means(self) -> list[Picture]:
        table, images, maps = self.table("mean_map.csv"), self.array("mean_image.npy"), self.array("mean_map.npy")
        if table is None or images is None or maps is None:
            return []
        brain, laid = self.array("template_image.npy"), self.array("template_map.npy")
        template = (brain, laid) if brain is not None and laid is not None and "template_mm" in table else None
        return [
            mean_maps(
                f"mean-map-{self.stem}",
                self.arm,
                table,
                images,
                maps,
                plane=self.plane,
                target=self.speaks_for,
                template=template,
                synthetic=self.synthetic,
            )
        ]

    def columns(self) -> list[Picture]:
        table = self.table("attributions.csv")
        if table is None or "label" not in table:
            return []
        name = f"attributions-{self.stem}"
        return [attributions(name, self.arm, table, self.classes, synthetic=self.synthetic)]

    def gates(self) -> list[Picture]:
        table = self.table("gates.csv")
        if table is None:
            return []
        return [gates(f"gates-{self.stem}", self.arm, table, self.classes, synthetic=self.synthetic)]
