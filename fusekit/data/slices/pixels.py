"""From stored grey levels to what a network sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
from annotated_types import Ge, Le

from fusekit.data.images.channels import MASK, Channel

if TYPE_CHECKING:
    import torch
    from torch import Tensor


#: A mask's grey levels are 0 and 255: it becomes 0 and 1, and is not standardised.
MASK_SCALE = (0.0, 255.0)


class Pixels(NamedTuple):
    """Mean and standard deviation of the training items' grey levels (0 to 255), channel by channel.

    They are fitted on training subjects only.
    """

    mean: tuple[Annotated[float, Ge(0), Le(255)], ...]
    std: tuple[Annotated[float, Ge(1), Le(255)], ...]

    @classmethod
    def fit(cls, images: np.ndarray, rows: np.ndarray, channels: Sequence[Channel] = ()) -> Pixels:
        """Measure the rows (n,) of a store's images (N, C, H, W) or (N, C, S, S, S), uint8 or float16.

        A thousand slices, evenly spread, are enough; or every fourth plane of a hundred volumes. They are read one at a
        time, and every grey level is counted, so that sums are exact. ``channels`` say which one is a mask. Of no row,
        nothing is moved or scaled.
        """
        count, plane = (1000, 1) if images.ndim == 4 else (100, 4)
        bits = np.dtype(f"u{images.dtype.itemsize}")  # two bytes have 65,536 values: they can be counted as well
        counts = np.zeros((images.shape[1], 256**images.dtype.itemsize), dtype=np.int64)
        for row in rows[:: max(1, len(rows) // count)]:
            some = np.ascontiguousarray(images[row][:, ::plane])
            for own, levels in zip(counts, some, strict=True):
                own += np.bincount(levels.view(bits).ravel(), minlength=len(own))
        scales = [_scale(own, images.dtype) for own in counts]
        for number, channel in enumerate(channels):
            if channel.image == MASK:
                scales[number] = MASK_SCALE
        means, deviations = zip(*scales, strict=True)
        return cls(means, deviations)

    def to_tensor(self, images: np.ndarray, device: str | torch.device = "cpu") -> Tensor:
        """Grey levels (B, C, H, W) or (B, C, S, S, S), uint8 or float16 -> standardised float32 on a device.

        Of one channel the axis may be left out, as ``cut`` does.
        """
        if len(self.mean) == 1 and images.shape[1] != 1:
            images = images[:, None]
        return self.standardise(grey_tensor(images).to(device))

    def standardise(self, grey: Tensor) -> Tensor:
        """Grey levels (B, C, ...) of any type -> float32 on their device: the one way, of training and prediction."""
        import torch

        each = (len(self.mean), *[1] * (grey.ndim - 2))
        # By tensors: on CUDA, torch would multiply by a number's inverse, which rounds twice.
        mean, std = (torch.tensor(values, dtype=torch.float32, device=grey.device).reshape(each) for values in self)
        return grey.to(torch.float32, copy=True).sub_(mean).div_(std)


def grey_tensor(images: np.ndarray) -> Tensor:
    """Stored grey levels (B, C, ...) -> the same as a tensor of the same type: a quarter of float32."""
    import torch

    return torch.from_numpy(np.require(images, requirements=["C", "W"]))  # torch wants it writable


def _scale(counts: np.ndarray, dtype: np.dtype) -> tuple[float, float]:
    """Mean and standard deviation of the values of a type, counted by their bits."""
    seen = np.flatnonzero(counts)
    if not len(seen):
        return 0.0, 1.0
    levels, weights = seen.astype(f"u{dtype.itemsize}").view(dtype).astype(np.float64), counts[seen]
    mean = float(np.average(levels, weights=weights))
    return mean, max(float(np.sqrt(np.average((levels - mean) ** 2, weights=weights))), 1.0)
