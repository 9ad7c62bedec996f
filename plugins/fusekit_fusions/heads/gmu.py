"""Gated multimodal unit: for each hidden unit and patient a share of the image, the rest of the table."""

import torch
from torch import Tensor, nn

from fusekit.models import ClinicalFeatures, FusionHead, ImageFeatures, ImageWidths, Output
from fusekit.models.heads.linear import widths_of
from fusekit_fusions.sizes import positive


class GMU(FusionHead):
    """Gated multimodal unit (Arevalo et al. 2017, arXiv 1702.01992), bimodal; one linear layer after it.

    hv = tanh(Wv v), hc = tanh(Wc c), z = sigmoid(Wz [v; c]), all without biases; h = z * hv + (1 - z) * hc.

    ``gates["image"]`` is z, (B, H): 1 where the image alone decides, 0 where the table does.

    Args:
        hidden: H.
    """

    reads = ("image", "clinical")

    def __init__(self, image_widths: ImageWidths, clinical_width: int, classes: int, *, hidden: int = 128):
        super().__init__()
        positive("head.hidden", hidden)
        image, table = widths_of("gmu", self.reads, image_widths, clinical_width)
        self.image = nn.Linear(image, hidden, bias=False)  # Wv
        self.table = nn.Linear(table, hidden, bias=False)  # Wc
        self.gate = nn.Linear(image + table, hidden, bias=False)  # Wz
        self.classify = nn.Linear(hidden, classes)

    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Output:
        """Vectors (B, D) and (B, E) -> (B, W)."""
        assert image is not None
        assert clinical is not None
        v, c = image.vector, clinical.vector
        z = self.gate(torch.cat((v, c), dim=1)).sigmoid()
        h: Tensor = z * self.image(v).tanh() + (1 - z) * self.table(c).tanh()
        return Output(self.classify(h), gates={"image": z})
