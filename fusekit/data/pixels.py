"""From stored grey levels to what a network sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


class Pixels(NamedTuple):
    """Mean and standard deviation of the training items' grey levels (0 to 255), fitted on training subjects only."""

    mean: float
    std: float

    @classmethod
    def fit(cls, images: np.ndarray, rows: np.ndarray) -> Pixels:
        """Measure the rows (n,) of a store's images (N, H, W) or (N, S, S, S), uint8 or float16.

        A thousand slices, evenly spread, are enough; or every fourth plane of a hundred volumes. They are read one at a
        time, and every grey level is counted, so that sums are exact.
        """
        count, plane = (1000, 1) if images.ndim == 3 else (100, 4)
        bits = np.dtype(f"u{images.dtype.itemsize}")  # two bytes have 65,536 values: they can be counted as well
        counts = np.zeros(256**images.dtype.itemsize, dtype=np.int64)
        for row in rows[:: max(1, len(rows) // count)]:
            some = np.ascontiguousarray(images[row][::plane])
            counts += np.bincount(some.view(bits).ravel(), minlength=len(counts))
        seen = np.flatnonzero(counts)
        levels, weights = seen.astype(bits).view(images.dtype).astype(np.float64), counts[seen]
        mean = float(np.average(levels, weights=weights))
        std = float(np.sqrt(np.average((levels - mean) ** 2, weights=weights)))
        return cls(mean, max(std, 1.0))

    def to_tensor(self, images: np.ndarray) -> Tensor:
        """Grey levels (B, H, W) or (B, S, S, S), uint8 or float16 -> standardised float32 (B, 1, ...)."""
        import torch

        # Item by item, as one fits a core's cache; by numpy, as torch would wake a thread for every core three times.
        standard = np.empty(images.shape, dtype=np.float32)
        mean, std = np.float32(self.mean), np.float32(self.std)
        for target, item in zip(standard, images, strict=True):
            target[...] = item
            target -= mean
            target /= std
        return torch.from_numpy(standard).unsqueeze(1)
