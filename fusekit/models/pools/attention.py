"""Gated attention over the slices of a scan: the slices that tell the class apart get the weight."""

import torch
from torch import Tensor, nn

from fusekit.errors import OptionError
from fusekit.models.parts import ImageFeatures, ImageWidths, Pool


class GatedAttention(Pool):
    """Weights of slices by gated attention (Ilse et al. 2018, equation 9).

    a_k = softmax over k of w^T (tanh(V h_k) * sigmoid(U h_k)), of the vectors h_k of a scan's slices, without biases.
    w starts at zero: all slices have the same weight before training.

    Args:
        hidden: rows of V and U; the paper takes 64 to 512.
    """

    def __init__(self, image_widths: ImageWidths, clinical_width: int, *, hidden: int = 128):
        super().__init__()
        if hidden < 1:
            raise OptionError(f"pool.hidden takes 1 or more, not {hidden}.")
        self.content = nn.Linear(image_widths.vector, hidden, bias=False)  # V
        self.gate = nn.Linear(image_widths.vector, hidden, bias=False)  # U
        self.score = nn.Linear(hidden, 1, bias=False)  # w
        nn.init.zeros_(self.score.weight)

    def weigh(self, features: ImageFeatures, mask: Tensor, clinical: Tensor | None) -> Tensor:
        """Softmax over the slices that are there."""
        scores: Tensor = self.score(self.content(features.vector).tanh() * self.gate(features.vector).sigmoid())
        return torch.softmax(scores.reshape(mask.shape).masked_fill(~mask, -torch.inf), dim=1)
