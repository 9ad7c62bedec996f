"""Low-rank tensor fusion: the product of all pairs of features, by few weights."""

import torch
from torch import Tensor, nn

from fusekit.models import ClinicalFeatures, FusionHead, ImageFeatures, ImageWidths
from fusekit.models.heads.linear import widths_of
from fusekit_fusions.sizes import positive


class LowRankHead(FusionHead):
    """Low-rank multimodal fusion (Liu et al. 2018, arXiv 1806.00064).

    outputs = sum over r of (Wv_r [1; v]) * (Wc_r [1; c]) + b: what one linear layer on the tensor [1; v] x [1; c]
    would give if its weights had rank R. Factors start by Glorot and Bengio, as published.

    Args:
        rank: R.
    """

    reads = ("image", "clinical")

    def __init__(self, image_widths: ImageWidths, clinical_width: int, classes: int, *, rank: int = 4):
        super().__init__()
        positive("head.rank", rank)
        image, table = widths_of("lowrank", self.reads, image_widths, clinical_width)
        self.image = nn.Parameter(torch.empty(rank, image + 1, classes))  # Wv, transposed
        self.table = nn.Parameter(torch.empty(rank, table + 1, classes))  # Wc
        self.bias = nn.Parameter(torch.zeros(classes))
        for factor in (*self.image.detach(), *self.table.detach()):
            nn.init.xavier_normal_(factor)

    def start_at_zero(self) -> None:
        """Silence one factor of each product; the other is what it first learns from."""
        nn.init.zeros_(self.table)

    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Tensor:
        """Vectors (B, D) and (B, E) -> (B, W)."""
        assert image is not None
        assert clinical is not None
        return (_applied(self.image, image.vector) * _applied(self.table, clinical.vector)).sum(dim=0) + self.bias


def _applied(factors: Tensor, vector: Tensor) -> Tensor:
    """W_r [1; x] of every r: (R, 1 + D, W) and (B, D) -> (R, B, W); the weights of the 1 come first."""
    return vector @ factors[:, 1:] + factors[:, :1]
