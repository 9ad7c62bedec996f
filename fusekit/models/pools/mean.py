"""The mean over the slices of a scan: the baseline of every other pool."""

from torch import Tensor

from fusekit.models.parts import ImageFeatures, ImageWidths, Pool


class MeanPool(Pool):
    """Every slice of a scan counts the same."""

    def __init__(self, image_widths: ImageWidths, clinical_width: int):
        super().__init__()

    def weigh(self, features: ImageFeatures, mask: Tensor, clinical: Tensor | None) -> Tensor:
        """1 / N of a scan of N slices."""
        there = mask.to(features.vector.dtype)
        return there / there.sum(dim=1, keepdim=True)
