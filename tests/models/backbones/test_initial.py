"""What weights start as: branches are open, so that what is injected into them has an effect."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from fusekit import build
from fusekit.models import TimmBackbone
from fusekit.models.backbones.initial import closed, he
from fusekit.models.probe import shaken


def share(init: str, sites: str = "branch") -> float:
    """By how much of itself a ConvNeXt's vector changes with the table, if RBCA injects."""
    torch.manual_seed(0)
    options = {"backbone": {"init": init}, "sites": {"kind": sites}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = build("rbca", backbone="test_convnext", columns=3, classes=2, options=options)
    model.injector = shaken(model.injector) if model.injector is not None else None
    image, columns = torch.randn(2, 1, 64, 64), torch.randn(2, 3)
    with torch.no_grad():
        vectors = [vector_of(model.eval(), image, table) for table in (columns, -columns)]
    return float((vectors[0] - vectors[1]).norm() / vectors[0].norm())


def vector_of(model: Any, image: Tensor, columns: Tensor) -> Tensor:
    vector: Tensor = model.output(image, columns).image.vector
    return vector


def test_rbca_has_an_effect_in_a_network_with_layer_scale() -> None:
    assert share("timm") < 1e-5  # timm's layer scale is 1e-6
    assert share("he") > 1e-3
    assert share("timm", sites="block") > 1e-3  # the other way out


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("test_convnext", "stages.0.blocks.0.gamma"),  # a parameter of the block
        ("test_vit_relpos", "blocks.0.ls1.gamma"),  # timm's LayerScale
        ("poolformer_s12", "stages.0.blocks.0.layer_scale1.scale"),
        ("test_nfnet", "stages.0.0.conv3.gain"),  # norm-free: a gain of 0 of the last convolution
        ("resnet10t", "layer1.0.bn2.weight"),  # the zero of a block's last norm
    ],
)
def test_what_multiplies_a_branch_starts_at_one(name: str, factor: str) -> None:
    theirs = timm.create_model(name, in_chans=1, num_classes=0)
    assert float(theirs.get_parameter(factor).detach().abs().max()) < 0.01
    assert any(weight is theirs.get_parameter(factor) for weight in closed(theirs))
    he(theirs)
    assert bool((theirs.get_parameter(factor) == 1).all())
    assert not list(closed(theirs))


def test_norms_that_come_after_a_branch_start_at_one() -> None:
    norm = nn.LayerNorm(4)
    nn.init.zeros_(norm.weight)  # as Swin V2 starts them
    he(nn.Sequential(norm))
    assert bool((norm.weight == 1).all())


def test_a_response_norm_that_starts_as_the_identity_is_left_alone() -> None:
    net = timm.create_model("convnextv2_atto", in_chans=1, num_classes=0)
    he(net)
    assert bool((net.get_parameter("stages.0.blocks.0.mlp.grn.weight") == 0).all())


def test_closed_branches_are_said_where_something_is_injected_into_them() -> None:
    with pytest.warns(UserWarning, match=r"start closed with backbone\.init=timm.*-o sites\.kind=block"):
        TimmBackbone("test_convnext", 1, sites="branch", init="timm")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TimmBackbone("test_convnext", 1, sites="block", init="timm")
        TimmBackbone("test_convnext", 1, sites="branch")
        with torch.device("meta"):  # of no numbers nothing is said
            TimmBackbone("test_convnext", 1, sites="branch", init="timm")
