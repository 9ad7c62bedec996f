"""From stored grey levels to what a network sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
from annotated_types import Ge, Le

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Pixels(NamedTuple):
    """Mean and standard deviation of the training items' grey levels (0 to 255), fitted on training subjects only."""

    mean: Annotated[float, Ge(0), Le(255)]
    std: Annotated[float, Ge(1), Le(255)]

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

    def to_tensor(self, images: np.ndarray, device: str | torch.device = "cpu") -> Tensor:
        """Grey levels (B, H, W) or (B, S, S, S), uint8 or float16 -> standardised float32 (B, 1, ...) on a device."""
        return self.standardise(grey_tensor(images).to(device))

    def standardise(self, grey: Tensor) -> Tensor:
        """Grey levels of any type and shape -> float32 on the same device: the one way, of training and prediction."""
        import torch

        standard = grey.to(torch.float32, copy=True).sub_(self.mean)
        # By a tensor: on CUDA, torch would multiply by a number's inverse, which rounds twice.
        return standard.div_(torch.full((), self.std, dtype=torch.float32, device=grey.device))


def grey_tensor(images: np.ndarray) -> Tensor:
    """Stored grey levels (B, H, W) or (B, S, S, S) -> the same (B, 1, ...), of the same type: a quarter of float32."""
    import torch

    return torch.from_numpy(np.require(images, requirements=["C", "W"])).unsqueeze(1)  # torch wants it writable
