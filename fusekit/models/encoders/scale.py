"""A learned scale for each table column, so that few columns can matter."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fusekit.errors import OptionError

#: The parameter is the scale over this, so that Adam, whose steps have one size, moves the scale so much faster.
FASTER = 6.0


class ColumnScale(nn.Module):
    """Multiplies all inputs of a table column, its mask too, by one learned number, which starts at ``start``.

    A column that helps gets a larger scale, with which the layers after it learn faster from it. From a small start on,
    columns that do not help stay small: a first layer by itself gives every one of hundreds of columns the same say.
    The scaling layer of RealMLP (Holzmueller et al. 2024, Better by Default), which has a scale for each input, from 1
    on, and the same faster learning.
    """

    owners: Tensor  # (F,) number of the table column that an input is of

    def __init__(self, owners: Sequence[int], start: float):
        super().__init__()
        if not 0 < start <= 1:
            raise OptionError(f"encoder.scale takes a number above 0 and at most 1, or none, not {start:g}.")
        self.scale = nn.Parameter(torch.full((max(owners, default=-1) + 1,), start / FASTER))
        self.register_buffer("owners", torch.tensor(owners, dtype=torch.int64), persistent=False)

    def forward(self, columns: Tensor) -> Tensor:
        """(B, F) -> (B, F)."""
        return columns * (FASTER * self.scale)[self.owners]
