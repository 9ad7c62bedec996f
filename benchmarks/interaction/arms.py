"""The arms: concat, RBCA, rbca-light, variants with parts removed, and the fusions of the literature."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import fusekit
from benchmarks.interaction.recipes import Recipe
from fusekit import FusionModel, Injector, Site
from fusekit.extension.fusion import registered
from fusekit_rbca import LightInjector, RBCAInjector
from fusekit_rbca.injector import Conditions


class Arm(NamedTuple):
    """A fusion, options of it, and an injector in place of its own that the product does not have."""

    fusion: str
    options: Mapping[str, Mapping[str, Any]] = {}
    injector: Callable[[Sequence[Site], int], Injector] | None = None


class ConvolutionsOnly(RBCAInjector):
    """RBCA's reductions with every gate open: what the convolutions are worth without the table."""

    def prepare(self, clinical: Tensor) -> Conditions:
        # sigmoid(1e6 * GAP) is 1, unless the channel is 0 everywhere and its gate does not matter
        return Conditions({int(w): clinical.new_full((len(clinical), int(w)), 1e6) for w in self.projections})


class TableOnly(LightInjector):
    """Gates that do not look at the image: 2 * sigmoid(b * t)."""

    def __init__(self, sites: Sequence[Site], clinical_width: int):
        super().__init__(sites, clinical_width)
        for gate in self.gates:
            nn.init.zeros_(gate.weight).requires_grad_(False)
            nn.init.ones_(gate.bias)


class FiLM(Injector):
    """Scale and shift of every channel by the table (Perez et al. 2018), from 1 and 0 on, shared as in rbca-light."""

    def __init__(self, sites: Sequence[Site], clinical_width: int):
        super().__init__()
        widths = sorted({site.channels for site in sites})
        self.projections = nn.ModuleDict({str(width): nn.Linear(clinical_width, 2 * width) for width in widths})
        for weight in self.projections.parameters():
            nn.init.zeros_(weight)

    def prepare(self, clinical: Tensor) -> dict[int, Tensor]:
        return {int(width): project(clinical) for width, project in self.projections.items()}

    def forward(self, site: int, features: Tensor, prepared: dict[int, Tensor]) -> Tensor:
        scale, shift = prepared[features.shape[1]][..., None, None].chunk(2, dim=1)
        return torch.addcmul(shift, features, 1 + scale)


ARMS = {
    "concat": Arm("concat"),
    "rbca": Arm("rbca"),
    "rbca-light": Arm("rbca-light"),
    "rbca-gates-open": Arm("rbca", injector=ConvolutionsOnly),
    "light-no-affine": Arm("rbca-light", {"injector": {"affine": False}}),
    "light-attenuate": Arm("rbca-light", {"injector": {"amplify": False}}),
    "light-table-only": Arm("rbca-light", injector=TableOnly),
    "light-stage-4": Arm("rbca-light", {"sites": {"stages": (4,)}}),
    "film": Arm("rbca-light", injector=FiLM),
}
MAIN = ("concat", "rbca", "rbca-light")
ABLATION = tuple(ARMS)
ZOO = (*MAIN, "film-branch", "daft", "metablock", "metanet", "gmu", "lowrank", "bilinear", "late", "hyperfusion")
ZOO += ("experts", "cross-attention")
ARMS |= {"film-branch": Arm("film")}  # as the plugin has it: ``film`` is rbca-light with FiLM's gates, from 1 on
ARMS |= {name: Arm(name) for name in ZOO if name not in ARMS}


def build_arm(name: str, recipe: Recipe, columns: int) -> FusionModel:
    """A new model of two classes; the same seed gives every arm the same backbone and clinical path to start with."""
    arm = ARMS[name]
    fusion, options = registered(arm.fusion), dict(arm.options)
    if recipe.encoder and fusion.encoder != "tokens":
        fusion, options["encoder"] = replace(fusion, encoder="mlp"), recipe.encoder
    model = fusekit.build(fusion, backbone=recipe.backbone, columns=columns, classes=2, options=options)
    if arm.injector is not None:
        assert model.backbone is not None
        assert model.encoder is not None
        model.injector = arm.injector([model.backbone.sites[i] for i in model.injected], model.encoder.width)
    return model
