"""One token per table column, read by attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, scaled_dot_product_attention

from fusekit.data.clinical.layout import ColumnLayout
from fusekit.errors import OptionError
from fusekit.models.encoders.defaults import checked_decay, width_for
from fusekit.models.encoders.drop import DropColumns
from fusekit.models.parts import ClinicalEncoder, ClinicalFeatures


class TokenEncoder(ClinicalEncoder):
    """F columns -> E = ``width``: a token of each table column, which a learned query reads by attention.

    A number's token is ``value * weight + bias`` with a weight and a bias of its own, a category's the sum of its
    one-hot inputs' weights and a bias (FT-Transformer: Gorishniy et al. 2021, Revisiting Deep Learning Models for
    Tabular Data, section 3.3). Where a mask says that the value was not observed, the token is one learned for that
    column. Then ``depth`` pre-norm layers of a transformer, attention with ``heads`` and a feed-forward part: the
    query reads the tokens, which stay as they are, so that work grows with the columns and not with their square.
    ``dropout`` is that of the layers; ``drop_columns`` is the probability with which a table column is hidden in
    training: see ``DropColumns``. ``weight_decay`` is that of the encoder's weights; none: ``training.weight_decay``.
    """

    owners: Tensor  # (V,) the table column of each input that holds a value
    values: Tensor  # (V,) its index among the F inputs
    masked: Tensor  # (masked columns,) table columns that have a mask
    masks: Tensor  # (masked columns,) the mask's index among the F inputs

    def __init__(
        self,
        columns: int,
        *,
        width: int | None = None,
        depth: int = 1,
        heads: int = 4,
        dropout: float = 0.1,
        drop_columns: float = 0.0,
        weight_decay: float | None = None,
        layout: ColumnLayout | None = None,
        people: int | None = None,
    ):
        super().__init__()
        width = width_for(people) if width is None else width
        if min(width, depth, heads) < 1 or width % heads or not 0 <= dropout < 1:
            raise OptionError(
                "encoder.width takes a multiple of encoder.heads, encoder.depth 1 or more and encoder.dropout 0 or "
                f"more and below 1, not {width}, {heads}, {depth} and {dropout}."
            )
        places = (layout or ColumnLayout.plain(columns)).places
        self.width = width
        self.weight_decay = checked_decay(weight_decay)
        self.drop = DropColumns(layout or ColumnLayout.plain(columns), drop_columns)
        values = [(number, index) for number, place in enumerate(places) for index in range(place.first, place.stop)]
        masks = [(number, place.mask) for number, place in enumerate(places) if place.mask is not None]
        for names, pairs in ((("owners", "values"), values), (("masked", "masks"), masks)):
            for name, indices in zip(names, zip(*pairs, strict=True) if pairs else ((), ()), strict=True):
                self.register_buffer(name, torch.tensor(indices, dtype=torch.int64), persistent=False)
        # Where each place gets one part, they are added as they are: ONNX's exporter forgets to add what index_add puts
        # into every place in order.
        whole = list(range(len(places)))
        self.one_each = [owner for owner, _ in values] == whole
        self.all_masked = [owner for owner, _ in masks] == whole
        self.weight = _uniform(len(values), width)
        self.bias = _uniform(len(places), width)
        self.missing = _uniform(len(masks), width)
        self.query = _uniform(1, width)
        self.layers = nn.ModuleList(_Layer(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def tokens(self, columns: Tensor) -> Tensor:
        """(B, F) -> (B, table columns, E)."""
        parts = columns[:, self.values, None] * self.weight
        if self.one_each:
            tokens = self.bias + parts
        else:  # not len(), which torch.export takes for a constant
            tokens = self.bias.expand(columns.shape[0], -1, -1).index_add(1, self.owners, parts)
        unseen = 1 - columns[:, self.masks, None]
        if self.all_masked:
            return tokens + unseen * (self.missing - tokens)
        return tokens.index_add(1, self.masked, unseen * (self.missing - tokens[:, self.masked]))

    def forward(self, columns: Tensor) -> ClinicalFeatures:
        """(B, F) -> what the query has read (B, E), and the tokens (B, table columns, E)."""
        tokens = self.tokens(self.drop(columns))
        query = self.query.expand(columns.shape[0], 1, -1)
        for layer in self.layers:
            query = layer(query, tokens)
        return ClinicalFeatures(self.norm(query[:, 0]), tokens)


def _uniform(count: int, width: int) -> nn.Parameter:
    bound = width**-0.5  # as the paper's
    return nn.Parameter(torch.empty(count, width).uniform_(-bound, bound))


class _Layer(nn.Module):
    """A transformer's layer for a query that reads tokens."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.query, self.key, self.value, self.read = (nn.Linear(width, width) for _ in range(4))
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )

    def forward(self, query: Tensor, tokens: Tensor) -> Tensor:
        """(B, 1, E) and (B, T, E) -> (B, 1, E)."""
        of_query, of_tokens, of_result = self.norms
        known = of_tokens(tokens)
        parts = self.query(of_query(query)), self.key(known), self.value(known)
        q, k, v = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in parts)  # (B, heads, T, E / heads)
        read = scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        query = query + dropout(self.read(read.transpose(1, 2).flatten(2)), self.dropout, self.training)
        return query + dropout(self.feed_forward(of_result(query)), self.dropout, self.training)
