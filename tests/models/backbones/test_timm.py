"""TimmBackbone: timm's numbers without an injector, ours at the sites with one."""

from __future__ import annotations

import math
from typing import Any

import pytest
import timm
import torch
from torch import nn

from fusekit.builtin import timm_names
from fusekit.errors import OptionError, UnknownName
from fusekit.extension import catalog
from fusekit.models import TimmBackbone
from fusekit.testing import check_backbone

FAMILIES = (
    "resnet18",
    "resnext26ts",
    "seresnet18",
    "regnetx_002",
    "convnext_atto",
    "densenet121",
    "efficientnet_b0",
    "mobilenetv3_small_050",
    "ghostnet_050",
    "repvgg_a0",
)


@pytest.mark.parametrize("name", FAMILIES)
def test_without_inject_it_is_timm_bit_for_bit_under_timm_s_keys(name: str) -> None:
    torch.manual_seed(0)
    backbone = TimmBackbone(name, 1, sites="branch")
    net: Any = timm.create_model(name, in_chans=1, num_classes=0)
    state = backbone.state_dict()
    assert [key.removeprefix("net.") for key in state] == list(net.state_dict())
    net.load_state_dict({key.removeprefix("net."): value for key, value in state.items()})
    image = torch.randn(2, 1, 64, 64)
    backbone.train()
    net.train()
    torch.manual_seed(1)  # stochastic depth and dropout, where a network has them
    expected = net(image)
    torch.manual_seed(1)
    assert torch.equal(backbone(image).vector, expected)
    assert torch.equal(backbone.eval()(image).map, net.eval().forward_features(image))


@pytest.mark.parametrize("name", ["resnet10t", "convnext_atto", "densenet121", "mobilenetv3_small_050"])
@pytest.mark.parametrize("sites", ["stage", "block", "branch"])
def test_keeps_what_backbones_promise(name: str, sites: str) -> None:
    torch.manual_seed(0)
    check_backbone(TimmBackbone(name, 1, sites=sites))  # type: ignore[arg-type]  # one of the three literals


def test_around_uses_the_user_s_own_network() -> None:
    net = timm.create_model("resnet10t", in_chans=3, num_classes=7).eval()
    backbone = TimmBackbone.around(net, 3, sites="branch").eval()
    assert backbone.net is net
    image = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(net.get_classifier()(backbone(image).vector), net(image))


def test_he_draws_by_fan_out_and_starts_every_norm_at_one() -> None:
    torch.manual_seed(0)
    backbone = TimmBackbone("resnet50", 1, init="he")
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * math.prod(module.kernel_size) / module.groups
            assert float(module.weight.detach().std()) == pytest.approx(math.sqrt(2 / fan_out), rel=0.1)
        if isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all()
            assert (module.bias == 0).all()


def test_he_counts_a_depthwise_convolution_s_own_group() -> None:
    torch.manual_seed(0)
    depthwise = TimmBackbone("convnext_atto", 1).net.stages[3].blocks[0].conv_dw
    assert depthwise.groups == 320
    assert float(depthwise.weight.detach().std()) == pytest.approx(math.sqrt(2 / 49), rel=0.05)


def test_init_timm_is_timm_s() -> None:
    torch.manual_seed(3)
    ours = TimmBackbone("resnet18", 1, init="timm").net.state_dict()
    torch.manual_seed(3)
    theirs = timm.create_model("resnet18", in_chans=1, num_classes=0).state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert (theirs["layer1.0.bn2.weight"] == 0).all()  # which the other choice sets to 1


def test_channels_are_those_of_the_four_stages() -> None:
    narrow = TimmBackbone("resnet10t", 1, sites="stage", channels=(8, 16, 24, 40))
    assert [site.channels for site in narrow.sites][1:] == [8, 16, 24]
    assert narrow(torch.zeros(1, 1, 64, 64)).map.shape == (1, 40, 2, 2)
    bundled = catalog().backbones.make("resnet10t-narrow", in_channels=1, sites="stage")
    assert [site.channels for site in bundled.sites][1:] == [64, 128, 192]


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("convnext_atto", {"channels": (8, 8, 8, 8)}, "in one width only"),
        ("resnet10t", {"channels": (8, 8, 8)}, "backbone.channels=8,8,8 takes four numbers"),
        ("resnet10t", {"channels": (8, 8, 8, 0)}, "takes four numbers from 1 on"),
        ("resnet18", {"channels": (8, 8, 8, 8), "pretrained": True}, "and no published weights"),
    ],
)
def test_channels_that_a_network_cannot_have(name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        TimmBackbone(name, 1, **options)


def test_pretrained_weights_are_not_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    create = timm.create_model

    def published(name: str, *, pretrained: bool, **options: Any) -> nn.Module:
        net: nn.Module = create(name, **options)
        if pretrained:  # as if downloaded
            nn.init.constant_(net.get_parameter("conv1.weight"), 0.25)
        return net

    monkeypatch.setattr(timm, "create_model", published)
    assert (TimmBackbone("resnet18", 1, pretrained=True).net.conv1.weight == 0.25).all()
    assert not (TimmBackbone("resnet18", 1).net.conv1.weight == 0.25).any()


def test_weights_that_cannot_be_had_are_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="no published weights for 'resnet200'"):
        TimmBackbone("resnet200", 1, pretrained=True)

    def offline(*args: object, **options: object) -> nn.Module:
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(OptionError, match="'resnet18' cannot be fetched or read: no route to host"):
        TimmBackbone("resnet18", 1, pretrained=True)


def test_unknown_names_come_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"did you mean .*'resnet50'"):
        TimmBackbone("resnet5o", 1)


def test_names_read_off_the_sources_are_those_that_timm_lists_and_take_tags() -> None:
    assert timm_names() == sorted(timm.list_models())
    for name in ("resnet50", "resnet50.a1_in1k"):
        assert catalog().backbones.find(name) == catalog().backbones.families["timm"]


def test_other_sizes_than_the_probe_s_and_three_channels() -> None:
    backbone = TimmBackbone("resnet10t", 3).eval()
    for size in ((32, 32), (96, 64)):
        features = backbone(torch.randn(2, 3, *size))
        assert features.map.shape == (2, 512, size[0] // 32, size[1] // 32)
        torch.testing.assert_close(features.vector, features.map.mean(dim=(2, 3)))
