"""A network and the baseline on top of it, shipped together: the network is a bundle in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from fusekit.baselines.shipping import name_of
from fusekit.baselines.stack import Stack, beside, log_odds
from fusekit.bundle.baseline import BaselineBundle
from fusekit.bundle.bundle import Bundle
from fusekit.bundle.formats import DESCRIPTION, FORMATS, NETWORK
from fusekit.bundle.forward import Answer
from fusekit.data.absence import Modality
from fusekit.data.store.blanks import Images
from fusekit.disk import checksum_of
from fusekit.errors import DataError


@dataclass(frozen=True, repr=False)
class StackedBundle(BaselineBundle):
    """A baseline that reads the table and what a ``network`` says; its other arguments are those of a baseline's.

    ``encoding`` reads patients; the network encodes them by its own.
    """

    network: Bundle = field(kw_only=True)

    def __post_init__(self) -> None:
        """DataError if the two do not read and distinguish the same."""
        compared = {"target": "classes", "slices": "slices", "image_size": "sizes", "images": "images"}
        for name, what in compared.items():
            if getattr(self.network, name) != getattr(self, name):
                raise DataError(f"the network has other {what} than the baseline on top of it.")
        own = {column.name: column.column.kind for column in self.encoding.columns} if self.encoding else {}
        for column in self.network.encoding.columns if self.network.encoding else ():
            if own.get(column.name) != column.column.kind:
                raise DataError(f"the network reads a column {column.name!r} that is not described.")

    def __str__(self) -> str:
        return f"the baseline {name_of(self.baseline)} on top of a network"

    @property
    def reads_image(self) -> bool:  # noqa: D102
        return self.network.reads_image

    @property
    def pooled(self) -> bool:  # noqa: D102
        return self.network.pooled

    @property
    def absent(self) -> tuple[Modality, ...]:
        """What a patient may lack: as of its network; the baseline has gaps."""
        return self.network.absent

    @property
    def description(self) -> Mapping[str, Any] | None:
        """Of its network."""
        return self.network.description

    def answering(
        self, values: pd.DataFrame, device: str | torch.device = "cpu", with_image: np.ndarray | None = None
    ) -> Answer:
        """As of a network; all slices of a scan get the same, which all of them together say."""
        network, stack = self.network.answering(values, device, with_image), Stack(self.baseline)

        def answer(images: Images | None, scans: Sequence[int]) -> np.ndarray:
            owners = np.asarray(scans, dtype=np.int64)
            if not len(owners):
                return np.empty((0, len(self.target.columns)))
            return stack.probabilities(network(images, scans), values.iloc[owners], owners)

        return answer

    def of_scan(self, scan: np.ndarray | None) -> Callable[[pd.DataFrame], np.ndarray]:  # noqa: D102
        count = 1 if scan is None else len(scan)
        if self.network.encoding is None:  # whatever the table holds, the network says the same
            nobody, lines = pd.DataFrame(index=[0]), np.zeros(count, dtype=np.int64)
            said = log_odds(self.network.answering(nobody)(scan, lines.tolist()), lines)
            return lambda values: np.asarray(
                self.baseline.probabilities(beside(values, said.repeat(len(values), axis=0))), dtype=float
            )

        def answer(values: pd.DataFrame) -> np.ndarray:
            images = None if scan is None else np.concatenate([scan] * len(values))
            return self.answering(values)(images, np.arange(len(values)).repeat(count).tolist())[::count]

        return answer

    def _save_parts(self, folder: Path) -> dict[str, Any]:
        parts = super()._save_parts(folder)
        replace(self.network, provenance=self.provenance).save(folder / NETWORK)
        return {
            **parts,
            "format": FORMATS["stack", self.target.kind],
            "network": checksum_of(folder / NETWORK / DESCRIPTION),
        }
