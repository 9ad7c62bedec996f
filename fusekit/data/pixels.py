"""From stored grey levels to what a network sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


class Pixels(NamedTuple):
    """Mean and standard deviation of the training slices' grey levels (0 to 255), fitted on training subjects only."""

    mean: float
    std: float

    @classmethod
    def fit(cls, images: np.ndarray, rows: np.ndarray) -> Pixels:
        """Measure the rows (n,) of a store's images (N, H, W); a thousand of them, evenly spread, are enough."""
        some = images[rows[:: max(1, len(rows) // 1000)]]
        return cls(float(some.mean(dtype=np.float64)), float(max(some.std(dtype=np.float64), 1.0)))

    def to_tensor(self, images: np.ndarray) -> Tensor:
        """Grey levels (B, H, W) -> standardised float32 (B, 1, H, W)."""
        import torch

        return (torch.from_numpy(np.array(images)).float().unsqueeze(1) - self.mean) / self.std
