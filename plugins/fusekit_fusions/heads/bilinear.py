"""Bilinear fusion of low width: all products of a few features of image and table."""

import torch
from torch import Tensor, nn

from fusekit.models import ClinicalFeatures, FusionHead, ImageFeatures, ImageWidths
from fusekit.models.heads.linear import widths_of
from fusekit_fusions.sizes import positive


class BilinearHead(FusionHead):
    """Tensor fusion (Zadeh et al. 2017, arXiv 1707.07250) of two vectors that are first made short.

    v' = Pv v and c' = Pc c of ``width`` values each; outputs = W vec([1; v'] [1; c']^T) + b. The 1s keep each vector
    by itself beside the products.
    """

    reads = ("image", "clinical")

    def __init__(self, image_widths: ImageWidths, clinical_width: int, classes: int, *, width: int = 32):
        super().__init__()
        positive("head.width", width)
        image, table = widths_of("bilinear", self.reads, image_widths, clinical_width)
        self.image = nn.Linear(image, width)
        self.table = nn.Linear(table, width)
        self.classify = nn.Linear((width + 1) ** 2, classes)

    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Tensor:
        """Vectors (B, D) and (B, E) -> (B, W)."""
        assert image is not None
        assert clinical is not None
        v, c = _with_one(self.image(image.vector)), _with_one(self.table(clinical.vector))
        outputs: Tensor = self.classify((v[:, :, None] * c[:, None, :]).flatten(1))
        return outputs


def _with_one(vector: Tensor) -> Tensor:
    return torch.cat((torch.ones_like(vector[:, :1]), vector), dim=1)
