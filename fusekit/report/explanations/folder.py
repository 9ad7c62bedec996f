"""The explanations of one arm, as a run folder holds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Ge
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.data import Target
from fusekit.data.images.channels import ONE, Channel
from fusekit.data.target.target import Meaning
from fusekit.disk import OPEN, Schema, read_json, read_written, regular
from fusekit.errors import DataError
from fusekit.report.drawing.channels import Panel, panels_of
from fusekit.report.drawing.picture import Figure, Picture, draw
from fusekit.report.evidence import Evidence

_WHOLE = ("row", "slice", "fold", "group", "called", "explained", "example", "stage", "channels", "position")
_NUMBERS = (
    "maximum",
    "attribution",
    "number",
    "change",
    "low",
    "median",
    "high",
    "spread",
    "template_mm",
    "weight",
)

#: Of every table of explanations, besides ``Target.schema``; columns have the same meaning in all of them.
_SCHEMA: Schema = {
    **dict.fromkeys((*_WHOLE, "slices", "subjects"), int),
    **dict.fromkeys((*_NUMBERS, "likeness"), float),
    "is_original": bool,
}
_MAY_BE_EMPTY = ("level", "unit", "original", "value")


class _Channel(TypedDict):
    """``Channel``."""

    name: str
    image: str


@with_config(OPEN)
class _Facts(TypedDict, total=False):
    """``explanation.json``."""

    plane: str
    channels: list[_Channel]
    target: Annotated[int, Ge(0)] | None  # null where each slice is explained by what it is called, or none is a class
    groups: list[str]
    injector: bool
    networks: Annotated[int, Ge(1)]


@dataclass(frozen=True)
class Explained:
    """One arm's explanations.

    Attributes:
        stem: of the arm's pictures' names.
        plane: of the slices; empty where the files do not say how they lie in the body.
        target: what is predicted.
        meaning: what maps speak for.
        groups: names of what subjects are shown by.
        injected: whether the table acts inside the image's network.
        channels: of the images.
        networks: how many are averaged, of which the first is explained.
    """

    folder: Path
    arm: str
    stem: str
    target: Target
    synthetic: bool
    plane: str
    meaning: Meaning
    groups: tuple[str, ...]
    injected: bool
    channels: tuple[Channel, ...] = ONE
    networks: int = 1

    @classmethod
    def read(cls, folder: Path, arm: str, stem: str, evidence: Evidence) -> Explained:
        """Read what the explanations are of.

        Raises:
            DataError: ``explanation.json`` does not fit its schema, or names a class that there is not.
        """
        file, facts = folder / "explanation.json", dict[str, Any]()
        if file.exists():
            facts = dict(read_json(file, _Facts))
        of = facts.get("target", 1)
        if of is not None and of >= len(evidence.classes):
            raise DataError(f"{file}: target is {of}, of {len(evidence.classes)} classes.")
        # Folders of older runs do not say whether the orientation was read: then nothing is said of sides.
        plane = str(facts.get("plane", "")) if facts.get("oriented") is True else ""
        groups = tuple(facts.get("groups", evidence.classes))
        injected = bool(facts.get("injector", True))
        channels = tuple(Channel(**one) for one in facts.get("channels", ())) or ONE
        target, meaning = evidence.target, evidence.target.meaning(of)
        networks = int(facts.get("networks", 1))
        return cls(folder, arm, stem, target, evidence.synthetic, plane, meaning, groups, injected, channels, networks)

    def table(self, name: str) -> pd.DataFrame | None:
        """A table by its file name; None if there is none, or it is empty."""
        path = self.folder / name
        if not path.exists():
            return None
        table = read_written(path, {**self.target.schema, **_SCHEMA})
        if "group" not in table and "label" in table:  # of older runs, which knew classes alone
            table["group"] = table["label"].astype(int)
        texts = [column for column in table.columns if column in _MAY_BE_EMPTY]
        table[texts] = table[texts].fillna("")
        return None if table.empty else table

    def array(self, name: str) -> np.ndarray | None:
        """An array by its file name; None if there is none."""
        path = self.folder / name
        return np.load(regular(path), allow_pickle=False) if path.exists() else None

    def panels(self, name: str) -> list[list[Panel]] | None:
        """What to show of each image of an array of images; None if there is none.

        Raises:
            DataError: it does not have the channels that ``explanation.json`` names.
        """
        images = self.array(name)
        if images is None:
            return None
        images = images[:, None] if images.ndim == 3 else images  # of older runs, (n, H, W)
        if images.ndim != 4 or images.shape[1] != len(self.channels):
            raise DataError(f"{self.folder / name} has the shape {images.shape}, for {len(self.channels)} channels.")
        return [panels_of(image, self.channels) for image in images]

    def meaning_of(self, table: pd.DataFrame) -> Meaning:
        """What the rows of a table explain; of older runs, which do not say, the second class."""
        found = set(table["explained"]) if "explained" in table else {1}
        return self.target.meaning(int(found.pop()) if len(found) == 1 else None)

    def draw(self, kind: str, paint: Callable[[Figure], None], title: str, *, suffix: str = "", **rest: Any) -> Picture:
        """Make a picture of this arm, called KIND-STEM and the suffix; ``rest`` as for ``draw``."""
        name, title = f"{kind}-{self.stem}{suffix}", f"{self.arm}: {title}"
        if self.networks > 1:
            title += f" (the first of {self.networks} networks)"
        return draw(name, paint, title=title, synthetic=self.synthetic, **rest)
