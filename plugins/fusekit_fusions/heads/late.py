"""Late fusion: image and table each predict, and learned weights mix what they say."""

import torch
from torch import Tensor, nn

from fusekit.models import ClinicalFeatures, FusionHead, ImageFeatures, ImageWidths, Output
from fusekit.models.heads.linear import widths_of


class LateHead(FusionHead):
    """Late fusion with learned weights: outputs = wv (Av v + av) + wc (Ac c + ac), where wv and wc sum to 1.

    [wv, wc] = softmax(s), the same for every patient, from 1/2 each on. Both terms are outputs of their own (a linear
    opinion pool of logits; Kittler et al. 1998, On combining classifiers, of probabilities and without weights): they
    are ``parts``, so that ``objective.image`` and ``objective.table`` train each term by itself too. ``gates`` are the
    weights, (B, 1).
    """

    part_names = ("image", "table")
    reads = ("image", "clinical")

    def __init__(self, image_widths: ImageWidths, clinical_width: int, classes: int):
        super().__init__()
        image, table = widths_of("late", self.reads, image_widths, clinical_width)
        self.image = nn.Linear(image, classes)
        self.table = nn.Linear(table, classes)
        self.scores = nn.Parameter(torch.zeros(2))

    def start_at_zero(self) -> None:
        """Both terms."""
        for weight in (*self.image.parameters(), *self.table.parameters()):
            nn.init.zeros_(weight)

    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Output:
        """Vectors (B, D) and (B, E) -> (B, W)."""
        assert image is not None
        assert clinical is not None
        terms: dict[str, Tensor] = {"image": self.image(image.vector), "table": self.table(clinical.vector)}
        weights = dict(zip(terms, self.scores.softmax(dim=0), strict=True))
        outputs = weights["image"] * terms["image"] + weights["table"] * terms["table"]
        each = {name: weight.expand(outputs.shape[0], 1) for name, weight in weights.items()}
        return Output(outputs, parts=terms, gates=each)
