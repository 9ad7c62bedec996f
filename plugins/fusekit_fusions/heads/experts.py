"""Product of experts: each modality says a value and how sure it is."""

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from fusekit.models import ClinicalFeatures, FusionHead, ImageFeatures, ImageWidths, Output
from fusekit.models.heads.linear import widths_of
from fusekit_fusions.sizes import positive


class ExpertsHead(FusionHead):
    """Product of Gaussian experts (Wu and Goodman 2018, arXiv 1802.05335), then one linear layer.

    Each modality m says means mu_m and precisions T_m of H hidden values, linear in its vector (T_m by softplus, above
    0); a prior expert says mean 0 and precision 1. mu = sum of T_m mu_m / (1 + sum of T_m), the mean of the product
    of the three densities; outputs = W mu + b. The paper draws from the product to train an autoencoder; nothing is
    drawn here.

    ``gates`` are the shares T_m / (1 + sum of T_m) of "image" and "table", (B, H); what is left is the prior's.

    Args:
        hidden: H.
    """

    reads = ("image", "clinical")

    def __init__(self, image_widths: ImageWidths, clinical_width: int, classes: int, *, hidden: int = 64):
        super().__init__()
        positive("head.hidden", hidden)
        image, table = widths_of("experts", self.reads, image_widths, clinical_width)
        self.image = nn.Linear(image, 2 * hidden)
        self.table = nn.Linear(table, 2 * hidden)
        self.classify = nn.Linear(hidden, classes)

    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Output:
        """Vectors (B, D) and (B, E) -> (B, W)."""
        assert image is not None
        assert clinical is not None
        both = torch.stack((self.image(image.vector), self.table(clinical.vector)))  # (2, B, 2 H)
        means, precisions = both.chunk(2, dim=2)
        precisions = softplus(precisions)
        shares = precisions / (1 + precisions.sum(dim=0))
        mean: Tensor = (shares * means).sum(dim=0)
        return Output(self.classify(mean), gates={"image": shares[0], "table": shares[1]})
