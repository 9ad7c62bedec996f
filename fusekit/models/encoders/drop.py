"""Hide whole table columns in training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusekit.data.clinical.layout import ColumnLayout
from fusekit.errors import OptionError


class DropColumns(nn.Module):
    """In training, hides each table column of each sample with a probability, as if it had not been observed.

    All inputs of the column become 0, its mask too. What is left is not scaled up, in contrast to ``nn.Dropout``: a
    patient of whom little is known looks the same. In evaluation nothing is hidden.
    """

    owners: Tensor  # (F,) number of the table column that an input is of

    def __init__(self, layout: ColumnLayout, probability: float):
        super().__init__()
        if not 0 <= probability < 1:
            raise OptionError(f"encoder.drop_columns takes a probability from 0 to below 1, not {probability:g}.")
        self.probability, self.count = probability, len(layout.places)
        self.register_buffer("owners", torch.tensor(layout.owners, dtype=torch.int64), persistent=False)

    def forward(self, columns: Tensor) -> Tensor:
        """(B, F) -> (B, F)."""
        if not self.training or not self.probability:
            return columns
        kept = torch.rand(columns.shape[0], self.count, device=columns.device) >= self.probability
        return columns * kept[:, self.owners]
