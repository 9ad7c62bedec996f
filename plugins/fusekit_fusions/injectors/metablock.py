"""MetaBlock: the table decides what of the image's features is kept, as the gates of an LSTM do."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fusekit.models import Injector, Site
from fusekit_fusions.injectors.modulation import spread


class MetaBlock(Injector):
    """The metadata processing block (Pacheco and Krohling 2021, IEEE J. Biomed. Health Inform.).

    x' = sigmoid(tanh(f(c) * x) + g(c)) at every place of the map; f and g are each a linear map to C values and a
    batch norm.

    The paper has it behind the network's last map. Sites end before the last stage, so that the fusion takes the one
    there: its blocks read x', between 0 and 1. It starts as published; no start is neutral.
    """

    def __init__(self, sites: Sequence[Site], clinical_width: int):
        super().__init__()
        self.scale = nn.ModuleList(_normed(clinical_width, site.channels) for site in sites)  # f
        self.shift = nn.ModuleList(_normed(clinical_width, site.channels) for site in sites)  # g

    def prepare(self, clinical: Tensor) -> list[tuple[Tensor, Tensor]]:
        """(B, E) -> f(c) and g(c) of each site, (B, C) each."""
        return [(f(clinical), g(clinical)) for f, g in zip(self.scale, self.shift, strict=True)]

    def forward(self, site: int, features: Tensor, prepared: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Features (B, C, *S) -> (B, C, *S), between 0 and 1."""
        scale, shift = (spread(values, features) for values in prepared[site])
        return torch.sigmoid(torch.tanh(scale * features) + shift)

    def gate_values(self, site: int, features: Tensor, prepared: list[tuple[Tensor, Tensor]]) -> Tensor:
        """f(c), (B, C): what a channel is multiplied with before tanh, of any size and sign."""
        return prepared[site][0]


def _normed(inputs: int, channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, channels), nn.BatchNorm1d(channels))
