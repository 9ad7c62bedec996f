"""HyperFusion as a head: the table writes the weights of a layer that reads the image."""

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from fusekit.models import ClinicalFeatures, FusionHead, ImageFeatures, ImageWidths
from fusekit.models.heads.linear import widths_of
from fusekit_fusions.sizes import positive


class HyperHead(FusionHead):
    """HyperFusion (Duenias et al. 2024, arXiv 2403.13319, section 3): a layer whose weights are the patient's own.

    A = M e + m, a = N e + n with e = norm(P c + p); h = relu(A v + a); outputs = W h + b. A is (H, D), another matrix
    for every patient; e are ``embedding`` values, scaled to mean 0 and variance 1 for each patient.

    M starts with the variance 2 / (D embedding var(e)) (the paper's, after Chang et al. 2020), and var(e) is 1; m, N
    and n start at 0: A then starts as He et al. 2015 start a layer. In the paper some layers inside of the network are
    written so; here it is the one behind it.

    Args:
        hidden: H.
        embedding: length of e.
    """

    reads = ("image", "clinical")

    def __init__(
        self, image_widths: ImageWidths, clinical_width: int, classes: int, *, hidden: int = 32, embedding: int = 16
    ):
        super().__init__()
        positive("head.hidden", hidden)
        positive("head.embedding", embedding)
        image, table = widths_of("hyperfusion", self.reads, image_widths, clinical_width)
        self.shape = hidden, image
        self.embed = nn.Linear(table, embedding)  # P, p
        self.weights = nn.Linear(embedding, hidden * image)  # M, m
        self.biases = nn.Linear(embedding, hidden)  # N, n
        self.classify = nn.Linear(hidden, classes)
        nn.init.normal_(self.weights.weight, std=sqrt(2 / (image * embedding)))
        for weight in (self.weights.bias, *self.biases.parameters()):
            nn.init.zeros_(weight)

    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Tensor:
        """Vectors (B, D) and (B, E) -> (B, W)."""
        assert image is not None
        assert clinical is not None
        embedded = self.embed(clinical.vector)
        e = layer_norm(embedded, embedded.shape[1:])
        weights = self.weights(e).unflatten(1, self.shape)  # (B, H, D)
        hidden = torch.bmm(weights, image.vector[:, :, None])[:, :, 0] + self.biases(e)
        outputs: Tensor = self.classify(hidden.relu())
        return outputs
