"""MONAI's networks: the numbers that MONAI computes, at sites, with weights as they are published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor

pytest.importorskip("monai", reason="MONAI is not installed: pip install 'fusekit[monai]'")
pytest.importorskip("einops", reason="einops is not installed: pip install 'fusekit[monai]'")

from monai.networks import nets

import fusekit
from fusekit.errors import OptionError
from fusekit.models.backbones.hooked import HookedBackbone
from fusekit.testing import check_backbone
from fusekit_monai.backbones import DenseNetBackbone, ResNetBackbone, SegResNetBackbone, SwinBackbone

EDGE = (32, 32, 32)


def made(kind: str, **options: Any) -> HookedBackbone:
    torch.manual_seed(0)
    if kind == "resnet":
        return ResNetBackbone("monai_resnet10", 1, **options)
    if kind == "densenet":
        return DenseNetBackbone("monai_densenet121", 1, **options)
    return SegResNetBackbone(1, filters=8, **options) if kind == "segresnet" else SwinBackbone(1, width=12, **options)


def theirs(kind: str) -> Any:
    if kind == "resnet":
        return nets.resnet10(spatial_dims=3, n_input_channels=1, conv1_t_stride=2, bias_downsample=False)
    if kind == "densenet":
        return nets.densenet121(spatial_dims=3, in_channels=1, out_channels=3)
    if kind == "segresnet":
        return nets.SegResNet(3, 8, 1, blocks_down=(1, 2, 2, 4), blocks_up=(1, 1, 1))
    return nets.SwinUNETR(in_channels=1, out_channels=2, feature_size=12, use_v2=False)


def features(kind: str, net: Any, volume: Tensor) -> Any:
    """The last map, by MONAI's own forward passes."""
    if kind in ("resnet", "densenet"):
        seen: list[Tensor] = []
        last = net.layer4 if kind == "resnet" else net.class_layers.relu
        handle = last.register_forward_hook(lambda module, given, result: seen.append(result))
        net(volume)
        handle.remove()
        return seen[0]
    return net.encode(volume)[0] if kind == "segresnet" else net.swinViT(volume, True)[-1]


@pytest.mark.parametrize("kind", ["resnet", "densenet", "segresnet", "swin"])
def test_weights_of_monai_s_network_give_its_features(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    net, volume = theirs(kind).eval(), torch.randn(1, 1, *EDGE)
    torch.save({"state_dict": {f"module.{name}": value for name, value in net.state_dict().items()}}, tmp_path / "w.pt")
    backbone = made(kind, weights=tmp_path / "w.pt").eval()
    assert backbone.loaded is not None
    assert backbone.loaded.missing == ()
    with torch.no_grad():
        found, expected = backbone(volume), features(kind, net, volume)
    assert torch.equal(found.map, expected)
    assert torch.allclose(found.vector, expected.mean(dim=(2, 3, 4)), atol=1e-6)


def test_shortcuts_without_weights_are_monai_s_and_let_gradients_pass() -> None:
    torch.manual_seed(0)
    net: Any = nets.resnet18(
        spatial_dims=3, n_input_channels=1, conv1_t_stride=2, shortcut_type="A", bias_downsample=False
    )
    backbone = ResNetBackbone("monai_resnet18", 1)
    backbone.net.load_state_dict({name: value for name, value in net.state_dict().items() if name[:3] != "fc."})
    volume = torch.randn(2, 1, *EDGE)
    assert torch.equal(backbone.eval()(volume).map, features("resnet", net.eval(), volume))
    block: Any = backbone.net.layer2[0]
    for weight in block.conv2.parameters():
        weight.data.zero_()  # the branch gives what is the same for every volume
    given = torch.randn(1, 64, 4, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(block.eval()(given).sum(), given)
    assert bool(gradient[:, :, ::2, ::2, ::2].any())
    assert not bool(gradient[:, :, 1::2].any())


@pytest.mark.parametrize(("kind", "edge"), [("segresnet", 16), pytest.param("swin", 32, marks=pytest.mark.slow)])
def test_keeps_what_backbones_promise(kind: str, edge: int) -> None:
    check_backbone(made(kind, sites="branch"), size=(edge,) * 3)


@pytest.mark.parametrize("kind", ["resnet", "densenet", "segresnet", "swin"])
def test_stages_freeze_from_the_front(kind: str) -> None:
    backbone = made(kind, freeze=1)
    trained = [weight.requires_grad for weight in backbone.parameters()]
    assert 0 < sum(trained) < len(trained)
    assert trained == sorted(trained)
    assert sorted(set(backbone.heights.values()))[-5:] == [1, 2, 3, 4, 5]


def test_a_resnet_of_images_becomes_one_of_volumes(tmp_path: Path) -> None:
    flat = timm.create_model("resnet34").state_dict()
    torch.save(flat, tmp_path / "w.pth")
    backbone = ResNetBackbone("monai_resnet34", 1, shortcut="B", weights=tmp_path / "w.pth")
    assert backbone.loaded is not None
    assert backbone.loaded.missing == ()
    deep = backbone.net.state_dict()
    assert torch.allclose(deep["layer2.1.conv2.weight"].sum(dim=2), flat["layer2.1.conv2.weight"], atol=1e-6)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ResNetBackbone("monai_resnet10", 1, stride=0), "stride takes 1 or more"),
        (lambda: SegResNetBackbone(1, filters=9), "multiple of 8"),
        (lambda: SwinBackbone(1, width=13), "multiple of 12"),
    ],
)
def test_options_are_checked(make: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        make()


@pytest.mark.parametrize("name", ["monai_resnet18", "monai_densenet121", "monai_segresnet", "monai_swin_unetr"])
def test_each_is_checked_before_data_are_read(name: str) -> None:
    described = fusekit.describe("rbca-light", backbone=name, size=32, columns=3)
    net = described.parts[0]
    built = fusekit.build("rbca-light", backbone=name, columns=3, classes=2).backbone
    assert built is not None
    assert net.parameters == sum(weight.numel() for weight in built.parameters())
