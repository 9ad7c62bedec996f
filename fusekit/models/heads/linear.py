"""Plain heads: one linear layer on the image's vector, on the clinical features, or on both side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusekit.errors import OptionError
from fusekit.models.parts import FusionHead, ImageFeatures, ImageWidths


class ConcatHead(FusionHead):
    """Image vector and clinical features side by side -> one linear layer (Yang et al. 2021, section 2.3)."""

    def __init__(self, image_widths: ImageWidths, clinical_width: int, classes: int):
        super().__init__()
        _needs("concat", image=image_widths.vector, clinical=clinical_width)
        self.classify = nn.Linear(image_widths.vector + clinical_width, classes)

    def forward(self, image: ImageFeatures | None, clinical: Tensor | None) -> Tensor:
        """Vector (B, D) and clinical (B, E) -> logits (B, K)."""
        assert image is not None
        assert clinical is not None
        logits: Tensor = self.classify(torch.cat((image.vector, clinical), dim=1))
        return logits


class ImageHead(FusionHead):
    """Image vector -> one linear layer; clinical features are not read."""

    def __init__(self, image_widths: ImageWidths, clinical_width: int, classes: int):
        super().__init__()
        _needs("image", image=image_widths.vector)
        self.classify = nn.Linear(image_widths.vector, classes)

    def forward(self, image: ImageFeatures | None, clinical: Tensor | None) -> Tensor:
        """Vector (B, D) -> logits (B, K)."""
        assert image is not None
        logits: Tensor = self.classify(image.vector)
        return logits


class ClinicalHead(FusionHead):
    """Clinical features -> one linear layer; the image is not read."""

    def __init__(self, image_widths: ImageWidths, clinical_width: int, classes: int):
        super().__init__()
        _needs("clinical", clinical=clinical_width)
        self.classify = nn.Linear(clinical_width, classes)

    def forward(self, image: ImageFeatures | None, clinical: Tensor | None) -> Tensor:
        """Clinical (B, E) -> logits (B, K)."""
        assert clinical is not None
        logits: Tensor = self.classify(clinical)
        return logits


def _needs(head: str, **widths: int) -> None:
    for part, width in widths.items():
        if width < 1:
            raise OptionError(f"the head {head!r} reads {part} features, but the fusion that names it has none.")
