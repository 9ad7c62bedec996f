"""RBCA as an injector: clinical attention at every site, one clinical projection per width."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from torch import Tensor, nn

from fusekit.errors import OptionError
from fusekit.models import Injector, Site
from fusekit_rbca.fast.attention import ClinicalAttention


class Conditions(NamedTuple):
    """Half the channels of a site -> its condition (B, C/2); and which samples have a table (B,), None: all."""

    of_half: dict[int, Tensor]
    present: Tensor | None = None


class RBCAInjector(Injector):
    """Residual blocks with clinical attention (Yang et al. 2021), at branch sites of any backbone.

    At a branch site the block's own convolutions and a projecting shortcut read the attended features while an
    identity shortcut keeps the raw ones, as in the published code. Each site needs an even number of channels.

    Args:
        reduction: ``separate`` for each half, as in the published code; ``shared``, as the paper's text reads.
        spatial_dims: 2 for images, 3 for volumes.
    """

    def __init__(
        self,
        sites: Sequence[Site],
        clinical_width: int,
        *,
        reduction: Literal["separate", "shared"] = "separate",
        spatial_dims: int = 2,
    ):
        super().__init__()
        for site in sites:
            if site.channels % 2:
                raise OptionError(
                    f"RBCA halves the channels, and {site.name!r} in stage {site.stage} has {site.channels}, which is "
                    "odd. Leave out its stage (-o sites.stages=...), or choose another backbone."
                )
        self.projections = nn.ModuleDict(
            {
                str(width): nn.Sequential(nn.Linear(clinical_width, width), nn.BatchNorm1d(width), nn.ReLU())
                for width in sorted({site.channels // 2 for site in sites})
            }
        )
        self.attentions = nn.ModuleList(
            ClinicalAttention(site.channels, spatial_dims, shared=reduction == "shared") for site in sites
        )

    def prepare(self, clinical: Tensor) -> Conditions:
        """(B, E) -> the conditions of all sites."""
        return Conditions({int(width): project(clinical) for width, project in self.projections.items()})

    def at_rest(self, prepared: Conditions, present: Tensor) -> Conditions:
        """No gate leaves features as they are: the attention puts them back."""
        return prepared._replace(present=present)

    def forward(self, site: int, features: Tensor, prepared: Conditions) -> Tensor:
        """Features (B, C, *S) -> attended and original half, (B, C, *S); as they are where there is no table."""
        condition = prepared.of_half[features.shape[1] // 2]
        attended: Tensor = self.attentions[site](features, condition, prepared.present)
        return attended

    def gate_values(self, site: int, features: Tensor, prepared: Conditions) -> Tensor:
        """Features (B, C, *S) -> what the attended half is multiplied with (B, C/2), from 1/2 to 1."""
        attention: ClinicalAttention = self.attentions[site]  # type: ignore[assignment]  # a ModuleList of nothing else
        return attention.gate(features, prepared.of_half[features.shape[1] // 2])
