"""Plain heads: one linear layer on the image's vector, on the clinical features, or on both side by side."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fusekit.errors import OptionError
from fusekit.models.parts import ClinicalFeatures, FusionHead, ImageFeatures, ImageWidths


def widths_of(head: str, reads: Sequence[str], image_widths: ImageWidths, clinical_width: int) -> list[int]:
    """The lengths D and E of what a head reads, "image" and "clinical"; OptionError where its fusion has none."""
    widths = {"image": image_widths.vector, "clinical": clinical_width}
    found = [widths[part] for part in reads]
    for part, width in zip(reads, found, strict=True):
        if width < 1:
            raise OptionError(f"the head {head!r} reads {part} features, but the fusion that names it has none.")
    return found


class _LinearHead(FusionHead):
    name: str
    reads: tuple[str, ...]

    def __init__(self, image_widths: ImageWidths, clinical_width: int, classes: int):
        super().__init__()
        self.classify = nn.Linear(sum(widths_of(self.name, self.reads, image_widths, clinical_width)), classes)

    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Tensor:
        """Vectors (B, D) and (B, E) -> logits (B, K)."""
        features: dict[str, Any] = {"image": image and image.vector, "clinical": clinical and clinical.vector}
        read = [features[part] for part in self.reads]
        logits: Tensor = self.classify(torch.cat(read, dim=1) if len(read) > 1 else read[0])
        return logits


class ConcatHead(_LinearHead):
    """Image vector and clinical features side by side -> one linear layer (Yang et al. 2021, section 2.3)."""

    name, reads = "concat", ("image", "clinical")


class ImageHead(_LinearHead):
    """Image vector -> one linear layer; clinical features are not read."""

    name, reads = "image", ("image",)


class ClinicalHead(_LinearHead):
    """Clinical features -> one linear layer; the image is not read."""

    name, reads = "clinical", ("clinical",)
