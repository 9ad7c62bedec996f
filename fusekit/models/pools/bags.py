"""Slices of several scans in one batch, as the network reads them and as a pool joins them."""

from __future__ import annotations

import torch
from torch import Tensor

from fusekit.errors import DataError
from fusekit.models.parts import ImageFeatures


class Bags:
    """Which slices of a batch are of which of its B scans.

    Scans of N slices each come as (B, N, ...). Scans of different lengths come one after the other, (T, ...), with a
    mask (B, N) of which of N slices each has: no padding runs through a backbone, whose batch normalisation would count
    it. Features always come one after the other.

    Args:
        given: the slices, as images or as vectors.
        axes: of one slice.
        mask: None where all scans have N.

    Raises:
        DataError: they have another shape.
    """

    def __init__(self, given: Tensor, axes: int, mask: Tensor | None = None):
        wanted = axes + (2 if mask is None else 1)
        if given.ndim != wanted:
            raise DataError(
                f"this model reads all slices of a scan together: (B, N, ...) of {axes + 2} axes, or (T, ...) of "
                f"{axes + 1} with a mask (B, N) of the slices that each scan has. These have the shape "
                f"{tuple(given.shape)}{'' if mask is None else f', and the mask {tuple(mask.shape)}'}."
            )
        self.even = mask is None
        self.mask = torch.ones(given.shape[:2], dtype=torch.bool, device=given.device) if mask is None else mask

    def flat(self, given: Tensor) -> Tensor:
        """The slices one after the other, (T, ...)."""
        return given.flatten(0, 1) if self.even else given

    def each(self, clinical: Tensor) -> Tensor:
        """What is known of the scans (B, E), for each of their slices (T, E)."""
        if self.even:
            # Not repeat_interleave, whose ONNX is wrong for batches of another size than that of the export.
            return clinical[:, None].expand(*self.mask.shape, -1).flatten(0, 1)
        return clinical.repeat_interleave(self.mask.sum(dim=1), dim=0)

    def of_slices(self, present: Tensor) -> Tensor:
        """What is known of the scans (B,), for each of their slices (T,)."""
        return self.each(present[:, None])[:, 0]

    def padded(self, features: ImageFeatures) -> ImageFeatures:
        """Features (T, ...) -> (B * N, ...), zeros for slices that a scan does not have."""
        if self.even:
            return features
        there = self.mask.flatten()
        place = (there.cumsum(0) - 1).clamp_min(0)

        def spread(part: Tensor) -> Tensor:
            return part[place].masked_fill(~there.reshape(-1, *[1] * (part.ndim - 1)), 0.0)

        return ImageFeatures(*(spread(part) for part in features))
