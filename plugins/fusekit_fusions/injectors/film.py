"""FiLM: each channel scaled and shifted by the table."""

from collections.abc import Sequence

from torch import Tensor, nn

from fusekit.models import Injector, Site
from fusekit_fusions.injectors.modulation import modulated


class FiLM(Injector):
    """Feature-wise linear modulation (Perez et al. 2018, arXiv 1709.07871, equations 1 and 2), at any sites.

    [g, b] = W c + w, a linear map (E -> 2 C) of each site's own; x' = (1 + g) * x + b at every place of the map.

    The paper has the 1 so that gains lie around 1 before training, where gains around 0 would let next to nothing pass.
    W starts as torch starts linear maps, as the paper's does: a FiLM network starts near the plain one, and not as it.
    The fusion takes the branches of all blocks: as in the paper, a block's shortcut keeps the unchanged features. There
    FiLM follows the norm at the branch's end; here it changes what the branch reads.
    """

    def __init__(self, sites: Sequence[Site], clinical_width: int):
        super().__init__()
        self.generate = nn.ModuleList(nn.Linear(clinical_width, 2 * site.channels) for site in sites)

    def prepare(self, clinical: Tensor) -> list[Tensor]:
        """(B, E) -> [g, b] of each site, (B, 2 C)."""
        return [generate(clinical) for generate in self.generate]

    def at_rest(self, prepared: list[Tensor], present: Tensor) -> list[Tensor]:
        """A gain of exactly 1 and a shift of 0."""
        return [condition * present[:, None] for condition in prepared]

    def forward(self, site: int, features: Tensor, prepared: list[Tensor]) -> Tensor:
        """Features (B, C, *S) -> (B, C, *S)."""
        gain, shift = prepared[site].chunk(2, dim=1)
        return modulated(features, 1 + gain, shift)

    def gate_values(self, site: int, features: Tensor, prepared: list[Tensor]) -> Tensor:
        """1 + g (B, C), of any size and sign."""
        return 1 + prepared[site].chunk(2, dim=1)[0]
