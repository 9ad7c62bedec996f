"""A fusion: clinical values open and close the channels of the backbone's blocks."""

from __future__ import annotations

from torch import Tensor, nn

from fusekit import Fusion, Injector, Site


class ClinicalGate(Injector):
    """Multiply every channel by a gate in (0, 2), which is 1 at the start.

    Args:
        sites: where the gates sit.
        clinical_width: E, the width of the clinical features.
        strength: 1 lets gates range over (0, 2); 0 switches them off.
    """

    def __init__(self, sites: tuple[Site, ...], clinical_width: int, *, strength: float = 1.0):
        super().__init__()
        self.strength = strength
        gates = [nn.Linear(clinical_width, site.channels) for site in sites]
        for gate in gates:  # a gate of 1 everywhere leaves the backbone as it is until training says otherwise
            nn.init.zeros_(gate.weight)
            nn.init.zeros_(gate.bias)
        self.gates = nn.ModuleList(gates)

    def prepare(self, clinical: Tensor) -> Tensor:
        """(B, E) -> (B, E): nothing is shared between sites."""
        return clinical

    def forward(self, site: int, features: Tensor, prepared: Tensor) -> Tensor:
        """(B, C, *S) -> (B, C, *S)."""
        gate = 1 + self.strength * self.gates[site](prepared).tanh()  # (B, C)
        gated: Tensor = features * gate.reshape(*gate.shape, *[1] * (features.ndim - 2))
        return gated


#: Gates before every block, FuseKit's MLP encoder, and concatenation at the end.
RECIPE = Fusion(injector="clinical-gate", encoder="mlp", head="concat", sites="block")
