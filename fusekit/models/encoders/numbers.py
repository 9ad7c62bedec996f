"""Encodings of numbers by the quantiles of their training values."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from fusekit.data.clinical.layout import ColumnLayout
from fusekit.errors import OptionError

Numbers = Literal["plain", "quantile", "piecewise"]
#: Bins of a number; more would be more than most cohorts have people.
MOST = 1000


class QuantileBins(nn.Module):
    """Replaces the numbers among F inputs by an encoding in bins between quantiles of their training values.

    With bin edges ``b_0 < ... < b_T`` of a number ``x``:

    - ``piecewise``: T inputs, ``e_t = (x - b_(t-1)) / (b_t - b_(t-1))``, clipped below at 0 except in the first bin and
      above at 1 except in the last (Gorishniy et al. 2022, On Embeddings for Numerical Features in Tabular Deep
      Learning, equation 1).
    - ``quantile``: one input, the normal score of the share of training values below ``x``, interpolated within bins
      and held half a bin from 0 and 1.

    Equal quantiles are one edge, so a number with few values has fewer bins; those left over are 0. Before ``fit``, the
    edges are the quantiles of a standard normal, which numbers with mean 0 and standard deviation 1 may be. Categories
    and masks stay as they are.
    """

    edges: Tensor  # (numbers, bins + 1), ascending; the last one repeated where there are fewer bins
    shares: Tensor  # (numbers, bins + 1), share of training values below each edge
    numbers: Tensor  # (numbers,) their indices among the F inputs
    rest: Tensor  # indices of the others

    def __init__(self, layout: ColumnLayout, kind: Literal["quantile", "piecewise"], bins: int):
        super().__init__()
        if not 1 <= bins <= MOST:
            raise OptionError(f"encoder.bins takes 1 to {MOST}, not {bins}.")
        self.kind, self.bins = kind, bins
        places = [place for place in layout.places if place.kind == "number"]
        numbers = [place.first for place in places]
        self.masks = [place.mask for place in places]
        rest = sorted({*range(layout.inputs)} - {*numbers})
        each = bins if kind == "piecewise" else 1
        #: For each result, the number of the table column that it is of.
        self.owners = [layout.owners[index] for index in (*(index for index in numbers for _ in range(each)), *rest)]
        self.width = len(self.owners)
        for name, indices in (("numbers", numbers), ("rest", rest)):
            self.register_buffer(name, torch.tensor(indices, dtype=torch.int64), persistent=False)
        shares = torch.linspace(0, 1, bins + 1)
        edges = torch.special.ndtri(shares.clamp(0.5 / bins, 1 - 0.5 / bins) if bins > 1 else torch.tensor([0.1, 0.9]))
        self.register_buffer("edges", edges.repeat(len(numbers), 1))
        self.register_buffer("shares", shares.repeat(len(numbers), 1))

    def fit(self, columns: Tensor) -> None:
        """Place the edges at quantiles of observed values, from the training scans' inputs (N, F)."""
        shares = torch.linspace(0, 1, self.bins + 1, dtype=torch.float64)
        for row, (index, mask) in enumerate(zip(self.numbers.tolist(), self.masks, strict=True)):
            values = columns[:, index].double()
            values = values if mask is None else values[columns[:, mask] > 0]
            if len(values):
                edges, which = torch.unique(values.quantile(shares).to(self.edges), return_inverse=True)
                last = edges[-1:].expand(self.bins + 1 - len(edges))
                self.edges[row] = torch.cat((edges, last))
                # An edge that several quantiles share has the mean of their shares, as half of the equal values do.
                mean = torch.zeros(len(edges), dtype=torch.float64).index_add(0, which, shares) / which.bincount()
                self.shares[row] = torch.cat((mean, mean[-1:].expand(len(last)))).to(self.shares)
            else:
                self.edges[row] = self.shares[row] = 0

    def forward(self, columns: Tensor) -> Tensor:
        """(B, F) -> (B, width): the encoded numbers, then everything else."""
        low, high = self.edges[:, :-1], self.edges[:, 1:]
        size = high - low  # (numbers, bins)
        used = size > 0
        place = (columns[:, self.numbers, None] - low) / torch.where(used, size, 1)  # (B, numbers, bins)
        if self.kind == "quantile":
            rise = place.clamp(0, 1) * (self.shares[:, 1:] - self.shares[:, :-1])
            share = self.shares[:, 0] + rise.sum(dim=2)
            held = share.clamp(0.5 / self.bins, 1 - 0.5 / self.bins)
            encoded = torch.special.ndtri(held)
        else:
            last = high == self.edges[:, -1:]
            place = torch.cat((place[..., :1], place[..., 1:].clamp(min=0)), dim=2)
            place = torch.where(last, place, place.clamp(max=1))
            encoded = torch.where(used, place, 0).flatten(1)
        return torch.cat((encoded, columns[:, self.rest]), dim=1)
