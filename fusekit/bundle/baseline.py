"""A classical model that is shipped, in a file of its own beside the description."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from fusekit.baselines.baseline import Baseline, with_images
from fusekit.baselines.images import of_slices
from fusekit.baselines.shipping import name_of
from fusekit.bundle.bundle import Bundle
from fusekit.bundle.formats import BASELINE, FORMATS
from fusekit.bundle.forward import Answer
from fusekit.bundle.prior import save_baseline
from fusekit.data.absence import Modality
from fusekit.data.store.blanks import Images
from fusekit.errors import DataError
from fusekit.models import FusionModel


@dataclass(frozen=True, repr=False)
class WithoutNetwork(Bundle):
    """A bundle without one network: it predicts from files and values, and takes no tensors."""

    model: FusionModel = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """There are no weights to lay out."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name == "model":
                raise DataError(
                    f"this bundle is {self}, and no network, which tensors could be given to: give files and values."
                )
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    @property
    def pooled(self) -> bool:  # noqa: D102
        return False

    @property
    def absent(self) -> tuple[Modality, ...]:
        """Nothing; a baseline has gaps."""
        return ()

    @property
    def description(self) -> Mapping[str, Any] | None:
        """There is no network."""
        return None


@dataclass(frozen=True, repr=False)
class BaselineBundle(WithoutNetwork):
    """A baseline with everything it needs to read a new patient; its arguments are those of ``Bundle``, and itself."""

    baseline: Baseline = field(kw_only=True)

    def __str__(self) -> str:
        return f"the baseline {name_of(self.baseline)}"

    @property
    def reads_image(self) -> bool:  # noqa: D102
        return self.baseline.reads_image

    def answering(
        self, values: pd.DataFrame, device: str | torch.device = "cpu", with_image: np.ndarray | None = None
    ) -> Answer:
        """As of a network; a baseline is computed by the processor."""

        def answer(images: Images | None, scans: Sequence[int]) -> np.ndarray:
            owners = np.asarray(scans, dtype=np.int64)
            if not len(owners):
                return np.empty((0, len(self.target.columns)))
            return of_slices(self.baseline, images, np.arange(len(owners)), values.iloc[owners], owners)

        return answer

    def of_scan(self, scan: np.ndarray | None) -> Callable[[pd.DataFrame], np.ndarray]:
        """Slices (n, C, *S) of one scan, or None -> a function of n lines of values that gives answers (n, A)."""

        def answer(values: pd.DataFrame) -> np.ndarray:
            shown = with_images(self.baseline, None if scan is None else [scan] * len(values))
            return np.asarray(self.baseline.answers(values, **shown), dtype=float)

        return answer

    def _save_parts(self, folder: Path) -> dict[str, Any]:
        return {
            "format": FORMATS["baseline", self.target.kind],
            "baseline": save_baseline(self.baseline, folder / BASELINE),
        }
