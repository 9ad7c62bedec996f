"""RBCA's clinical attention without its convolutions: the gate acts on the features that the block reads."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fusekit.errors import OptionError
from fusekit.models import Injector, Site


class PooledGate(nn.Module):
    """One gate per sample and channel, from a condition ``t`` and the pooled features ``p`` of the channel itself.

    c * sigmoid(t * (w * p + b)): w * p + b is GAP of the map w * a + b, so channels are scaled and shifted before they
    are pooled and no such map is made. With b = 0 the gate is RBCA's similarity of table and image, with w = 0 it is
    the table's alone; training decides between them. ``affine`` learns w and b, starting at 1 and 0, where they else
    stay; ``amplify`` sets c = 2 instead of RBCA's 1.
    """

    def __init__(self, channels: int, *, affine: bool = True, amplify: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.most = 2.0 if amplify else 1.0

    def forward(self, pooled: Tensor, condition: Tensor) -> Tensor:
        """Pooled features and condition (B, G) -> gates (B, G)."""
        if self.weight is not None and self.bias is not None:
            pooled = torch.addcmul(self.bias, self.weight, pooled)
        return self.most * torch.sigmoid(condition * pooled)


class LightInjector(Injector):
    """Clinical attention on half of the channels at next to no cost, at the branch sites of any backbone.

    What RBCA (Yang et al. 2021) does with two reductions of the features is done with the features themselves: the
    first half of the channels (of an odd number the smaller) is attended, the second stays as it is, and an identity
    shortcut keeps both raw. Sites of one width share a projection of the table, as in RBCA. It starts at 0: with
    ``amplify`` every gate starts at 1 and the network, pretrained or not, at plain concatenation.

    Args:
        affine: scale and shift the pooled features of each channel; see PooledGate.
        amplify: gates between 0 and 2 instead of RBCA's between 0 and 1.
    """

    def __init__(self, sites: Sequence[Site], clinical_width: int, *, affine: bool = True, amplify: bool = True):
        super().__init__()
        for site in sites:
            if site.channels < 2:
                raise OptionError(
                    f"rbca-light gates half of the channels, and {site.name!r} in stage {site.stage} has "
                    f"{site.channels}. Leave out its stage (-o sites.stages=...), or choose another backbone."
                )
        self.amplify = amplify
        halves = [site.channels // 2 for site in sites]
        self.projections = nn.ModuleDict({str(half): nn.Linear(clinical_width, half) for half in sorted(set(halves))})
        for weight in self.projections.parameters():
            nn.init.zeros_(weight)
        self.gates = nn.ModuleList(PooledGate(half, affine=affine, amplify=amplify) for half in halves)

    def prepare(self, clinical: Tensor) -> dict[int, Tensor]:
        """(B, E) -> half the channels of a site -> its condition (B, C/2), of either sign."""
        return {int(half): project(clinical) for half, project in self.projections.items()}

    def at_rest(self, prepared: dict[int, Tensor], present: Tensor) -> dict[int, Tensor] | None:
        """A condition of 0 makes a gate of exactly 1, where gates reach 2."""
        if not self.amplify:
            return None
        return {half: condition * present[:, None] for half, condition in prepared.items()}

    def forward(self, site: int, features: Tensor, prepared: dict[int, Tensor]) -> Tensor:
        """Features (B, C, *S) -> attended half and original half, (B, C, *S)."""
        gate = self.gate_values(site, features, prepared)
        rest = gate.new_ones(gate.shape[0], features.shape[1] - gate.shape[1])  # len() is a constant to torch.export
        factor = torch.cat((gate, rest), dim=1).to(features.dtype)
        return features * factor.reshape(*factor.shape, *[1] * (features.ndim - 2))

    def gate_values(self, site: int, features: Tensor, prepared: dict[int, Tensor]) -> Tensor:
        """Features (B, C, *S) -> what the attended half is multiplied with (B, C/2), from 0 to 2 (or 1)."""
        half = features.shape[1] // 2
        # For speed: the gradient of a sum is a view, that of a mean or of a part of the map is a map of its own.
        pooled = features.sum(dim=tuple(range(2, features.ndim))) / features[0, 0].numel()
        gate: Tensor = self.gates[site](pooled[:, :half], prepared[half])
        return gate
