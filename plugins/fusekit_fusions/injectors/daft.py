"""DAFT: as FiLM, by a bottleneck that sees image and table."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from fusekit.models import Injector, Site
from fusekit_fusions.injectors.modulation import modulated, pooled
from fusekit_fusions.sizes import positive

_SCALES = {"identity": nn.Identity, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


class DAFT(Injector):
    """Dynamic affine feature map transform (Wolf et al. 2022, arXiv 2107.05990, equations 1 and 2).

    [a, b] = W2 relu(W1 [GAP(x); c]), without biases; x' = s(a) * x + b at every place of the map.

    In the paper c are the columns themselves; here they are what the encoder makes of them. The fusion takes the
    branches of the last stage. In the paper DAFT lies in the last block alone, behind the first norm of its branch;
    sites lie before it. The gain starts around 0, as published: the norm that follows brings the scale back.

    Args:
        bottleneck: rows of W1.
        scale: s; the paper prefers the identity.
    """

    def __init__(
        self,
        sites: Sequence[Site],
        clinical_width: int,
        *,
        bottleneck: int = 7,
        scale: Literal["identity", "tanh", "sigmoid"] = "identity",
    ):
        super().__init__()
        positive("injector.bottleneck", bottleneck)
        self.squeeze = nn.ModuleList(
            nn.Linear(site.channels + clinical_width, bottleneck, bias=False) for site in sites
        )
        self.excite = nn.ModuleList(nn.Linear(bottleneck, 2 * site.channels, bias=False) for site in sites)
        self.scale = _SCALES[scale]()

    def prepare(self, clinical: Tensor) -> Tensor:
        """(B, E) as it is: each site joins it with features of its own."""
        return clinical

    def forward(self, site: int, features: Tensor, prepared: Tensor) -> Tensor:
        """Features (B, C, *S) -> (B, C, *S)."""
        return modulated(features, *self._affine(site, features, prepared))

    def gate_values(self, site: int, features: Tensor, prepared: Tensor) -> Tensor:
        """s(a), (B, C): of any size and sign, from -1 to 1 or from 0 to 1, by ``scale``."""
        return self._affine(site, features, prepared)[0]

    def _affine(self, site: int, features: Tensor, clinical: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.cat((pooled(features), clinical), dim=1)  # (B, C + E)
        gain, shift = self.excite[site](self.squeeze[site](both).relu()).chunk(2, dim=1)
        return self.scale(gain), shift
