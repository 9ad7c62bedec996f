"""MetaNet: the table gates the image's channels."""

from collections.abc import Sequence

from torch import Tensor, nn

from fusekit.models import Injector, Site
from fusekit_fusions.injectors.modulation import spread
from fusekit_fusions.sizes import positive


class MetaNet(Injector):
    """Channel gates from metadata (Li et al. 2020, IEEE ISBI, ieeexplore 9098645): squeeze-and-excitation by the table.

    x' = x * sigmoid(W2 relu(W1 c)), both maps with biases, at every place of the map.

    The fusion takes one site, before the last stage. Gates start around 1/2, as published.

    Args:
        hidden: rows of W1.
    """

    def __init__(self, sites: Sequence[Site], clinical_width: int, *, hidden: int = 64):
        super().__init__()
        positive("injector.hidden", hidden)
        self.gates = nn.ModuleList(
            nn.Sequential(nn.Linear(clinical_width, hidden), nn.ReLU(), nn.Linear(hidden, site.channels), nn.Sigmoid())
            for site in sites
        )

    def prepare(self, clinical: Tensor) -> list[Tensor]:
        """(B, E) -> the gates of each site, (B, C)."""
        return [gate(clinical) for gate in self.gates]

    def forward(self, site: int, features: Tensor, prepared: list[Tensor]) -> Tensor:
        """Features (B, C, *S) -> (B, C, *S)."""
        return features * spread(prepared[site], features)

    def gate_values(self, site: int, features: Tensor, prepared: list[Tensor]) -> Tensor:
        """The gates (B, C), from 0 to 1."""
        return prepared[site]
