"""One token per table column, and attention among them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusekit.data.clinical.layout import ColumnLayout
from fusekit.errors import OptionError
from fusekit.models.encoders.drop import DropColumns
from fusekit.models.encoders.width import width_for
from fusekit.models.parts import ClinicalEncoder


class TokenEncoder(ClinicalEncoder):
    """F columns -> E = ``width``: a token of each table column, a small transformer, its result at a learned token.

    A number's token is ``value * weight + bias`` with a weight and a bias of its own, a category's the sum of its
    one-hot inputs' weights and a bias (FT-Transformer: Gorishniy et al. 2021, Revisiting Deep Learning Models for
    Tabular Data, section 3.3). Where a mask says that the value was not observed, the token is one learned for that
    column. ``depth`` pre-norm layers with ``heads`` follow; ``dropout`` is theirs. ``drop_columns`` is the probability
    with which a table column is hidden in training: see ``DropColumns``.
    """

    owned: Tensor  # (columns, F) 1 where a column's value lies in an input, masks left out
    masks: Tensor  # (masked columns,) indices of their masks among the F inputs
    masked: Tensor  # (columns, masked columns) 1 where a column has a mask

    def __init__(
        self,
        columns: int,
        *,
        width: int | None = None,
        depth: int = 1,
        heads: int = 4,
        dropout: float = 0.1,
        drop_columns: float = 0.0,
        layout: ColumnLayout | None = None,
        people: int | None = None,
    ):
        super().__init__()
        width = width_for(people) if width is None else width
        if width < 1 or depth < 1 or heads < 1 or width % heads or not 0 <= dropout < 1:
            raise OptionError(
                "encoder.width takes a multiple of encoder.heads, encoder.depth 1 or more and encoder.dropout 0 or "
                f"more and below 1, not {width}, {heads}, {depth} and {dropout}."
            )
        layout = layout or ColumnLayout.plain(columns)
        self.width = width
        self.drop = DropColumns(layout, drop_columns)
        owned = torch.zeros(len(layout.places), columns)
        with_mask = [number for number, place in enumerate(layout.places) if place.mask is not None]
        masked = torch.zeros(len(layout.places), len(with_mask))
        for number, place in enumerate(layout.places):
            owned[number, place.first : place.stop] = 1
        for rank, number in enumerate(with_mask):
            masked[number, rank] = 1
        masks = torch.tensor([layout.places[number].mask for number in with_mask], dtype=torch.int64)
        for name, buffer in (("owned", owned), ("masked", masked), ("masks", masks)):
            self.register_buffer(name, buffer, persistent=False)
        bound = width**-0.5  # as the paper's
        self.weight = nn.Parameter(torch.empty(columns, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(len(layout.places), width).uniform_(-bound, bound))
        self.missing = nn.Parameter(torch.empty(len(with_mask), width).uniform_(-bound, bound)) if with_mask else None
        self.result = nn.Parameter(torch.empty(width).uniform_(-bound, bound))
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, depth, nn.LayerNorm(width), enable_nested_tensor=False)

    def forward(self, columns: Tensor) -> Tensor:
        """(B, F) -> (B, E)."""
        columns = self.drop(columns)
        tokens = (self.owned * columns[:, None]) @ self.weight + self.bias  # (B, columns, E)
        if self.missing is not None:
            unseen = (1 - columns[:, self.masks])[:, None] * self.masked  # (B, columns, masked columns)
            tokens = tokens * (1 - unseen.sum(dim=2, keepdim=True)) + unseen @ self.missing
        first = self.result.expand(len(columns), 1, -1)
        encoded: Tensor = self.layers(torch.cat((first, tokens), dim=1))[:, 0]
        return encoded
