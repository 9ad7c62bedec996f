"""Cross-attention: each clinical column looks for its own places in the image."""

import torch
from torch import Tensor, nn

from fusekit.errors import OptionError
from fusekit.models import ClinicalFeatures, FusionHead, ImageFeatures, ImageWidths, Output
from fusekit.models.heads.linear import widths_of
from fusekit_fusions.heads.waves import AXES, WAVES, waves
from fusekit_fusions.sizes import positive


class CrossAttentionHead(FusionHead):
    """Columns ask, places of the map answer (scaled dot-product attention: Vaswani et al. 2017, equation 1).

    q_j = Wq t_j of each column's token; k_n = Wk x_n + Wp p_n and u_n = Wu x_n of each place of the map;
    r_j = sum over n of softmax over n (q_j k_n / sqrt(d)) u_n. Columns are then pooled with their tokens: r = sum over
    j of a_j r_j, a = softmax over j (s^T tanh(S [r_j; t_j])). outputs = W [v; c; r] + b: what it adds to ``concat``.

    p_n are waves of where the place lies, -1 to 1 along each axis (Jaegle et al. 2021, Perceiver): without
    them a column could ask what is there, and not where. The encoder must make tokens (``tokens``).
    ``gates["columns"]`` are a, (B, T); ``attended`` gives the softmax over places.

    Args:
        width: d, rows of Wq, Wk and Wu.
    """

    reads = ("image", "clinical")

    def __init__(self, image_widths: ImageWidths, clinical_width: int, classes: int, *, width: int = 64):
        super().__init__()
        positive("head.width", width)
        image, table = widths_of("cross-attention", self.reads, image_widths, clinical_width)
        self.query = nn.Linear(table, width, bias=False)  # Wq
        self.key = nn.Linear(image_widths.map, width, bias=False)  # Wk
        self.place = nn.Linear(2 * WAVES * AXES, width, bias=False)  # Wp
        self.value = nn.Linear(image_widths.map, width, bias=False)  # Wu
        self.content, self.score = nn.Linear(width + table, width), nn.Linear(width, 1, bias=False)  # S, s
        self.classify = nn.Linear(image + table + width, classes)

    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Output:
        """Map (B, M, *S), vectors (B, D) and (B, E), tokens (B, T, E) -> (B, W)."""
        assert image is not None
        assert clinical is not None
        if clinical.tokens is None:
            raise OptionError("the head 'cross-attention' reads tokens of columns: take the encoder 'tokens'.")
        x = image.map.flatten(2).mT  # (B, N, M)
        read = self.attended(image, clinical.tokens).flatten(2) @ self.value(x)  # (B, T, d)
        score = self.score(self.content(torch.cat((read, clinical.tokens), dim=2)).tanh())[..., 0]
        weights = score.softmax(dim=1)  # (B, T)
        pooled = torch.bmm(weights[:, None], read)[:, 0]
        outputs: Tensor = self.classify(torch.cat((image.vector, clinical.vector, pooled), dim=1))
        return Output(outputs, gates={"columns": weights})

    def attended(self, image: ImageFeatures, tokens: Tensor) -> Tensor:
        """Where each column looks (B, T, *S), which sums to 1 over the places."""
        places = image.map.shape[2:]
        keys = self.key(image.map.flatten(2).mT) + self.place(waves(places, image.map))
        query = self.query(tokens)
        weights: Tensor = (query @ keys.mT / query.shape[2] ** 0.5).softmax(dim=2)
        return weights.reshape(*weights.shape[:2], *places)
