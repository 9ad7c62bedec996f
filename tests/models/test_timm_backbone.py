"""A timm network with sites is still timm's network."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from fusekit.errors import OptionError, UnknownName
from fusekit.models import SiteKind, TimmBackbone
from fusekit.models.timm_backbone import timm_names

IMAGE = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
#: One small network of each family.
FAMILIES = [
    "resnet10t",
    "convnext_atto",
    "efficientnet_b0",
    "densenet121",
    "regnetx_002",
    "mobilenetv3_small_050",
    "ghostnet_050",
    "repvgg_a0",
    "edgenext_xx_small",
]


def untouched(index: int, features: Tensor) -> Tensor:
    return features


@pytest.mark.parametrize("name", FAMILIES)
def test_without_injection_it_is_timm_bit_for_bit(name: str) -> None:
    backbone = TimmBackbone(name, 1, sites="branch").eval()
    plain: Any = timm.create_model(name, in_chans=1, num_classes=0).eval()
    assert list(backbone.net.state_dict()) == list(plain.state_dict())  # timm's own keys: published weights load
    assert all(key.startswith("net.") for key in backbone.state_dict())
    plain.load_state_dict(backbone.net.state_dict())
    with torch.no_grad():
        map_ = plain.forward_features(IMAGE)
        vector = plain.forward_head(map_, pre_logits=True)
        for inject in (None, untouched):
            features = backbone(IMAGE, inject)
            assert torch.equal(features.map, map_)
            assert torch.equal(features.vector, vector)
    assert (backbone.map_channels, backbone.width) == (map_.shape[1], vector.shape[1])


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("kind", ["stage", "block", "branch"])
def test_every_site_is_called_once_in_order_and_matters(name: str, kind: SiteKind) -> None:
    torch.manual_seed(0)
    backbone = TimmBackbone(name, 1, sites=kind).eval()
    for label, parameter in backbone.named_parameters():
        if label.endswith("gamma"):  # ConvNeXt starts its branches at 1e-6, which float32 cannot tell from nothing
            nn.init.ones_(parameter)
    seen = []

    def note(index: int, features: Tensor) -> Tensor:
        seen.append((index, features.shape[1]))
        return features

    with torch.no_grad():
        reference = backbone(IMAGE, note).vector
        assert seen == [(i, site.channels) for i, site in enumerate(backbone.sites)]
        for changed in {0, len(backbone.sites) // 2, len(backbone.sites) - 1}:
            pattern = torch.randn(backbone.sites[changed].channels, 1, 1)
            vector = backbone(IMAGE, lambda i, x, c=changed, p=pattern: x + p * x.std() if i == c else x).vector
            assert not torch.equal(vector, reference), backbone.sites[changed]


def test_copies_own_their_weights_and_their_pass() -> None:
    backbone = TimmBackbone("resnet10t", 1, sites="branch").eval()
    buffer = io.BytesIO()
    torch.save(backbone, buffer)  # a pickle, in memory
    buffer.seek(0)
    twins: list[TimmBackbone] = [copy.deepcopy(backbone), torch.load(buffer, weights_only=False)]
    with torch.no_grad():
        reference = backbone(IMAGE).vector
        halved = backbone(IMAGE, lambda i, x: x / 2).vector
        assert not torch.equal(halved, reference)
        nn.init.zeros_(next(backbone.parameters()))
        for twin in twins:
            assert torch.equal(twin(IMAGE).vector, reference)
            # hooks that still belonged to the original would see no injection
            assert torch.equal(twin(IMAGE, lambda i, x: x / 2).vector, halved)


def test_nothing_stays_injected_after_an_error() -> None:
    backbone = TimmBackbone("resnet10t", 1).eval()

    def fail(index: int, features: Tensor) -> Tensor:
        raise RuntimeError("no")

    with torch.no_grad():
        reference = backbone(IMAGE).vector
        with pytest.raises(RuntimeError, match="no"):
            backbone(IMAGE, fail)
        assert torch.equal(backbone(IMAGE).vector, reference)
        assert torch.equal(backbone.net(IMAGE), reference)  # nor when the network is called by itself


def test_around_uses_the_network_itself_and_leaves_its_classifier_out() -> None:
    net = timm.create_model("resnet10t", in_chans=2, num_classes=7).eval()
    backbone = TimmBackbone.around(net, 2, sites="branch").eval()
    image = torch.randn(2, 2, 64, 64)
    assert backbone.net is net
    with torch.no_grad():
        assert torch.equal(backbone(image).vector, net.forward_head(net.forward_features(image), pre_logits=True))
        assert net(image).shape == (2, 7)
    assert backbone.width == 512


def test_the_probe_leaves_mode_and_statistics_alone() -> None:
    net = timm.create_model("resnet10t", in_chans=1, num_classes=0).train()
    before = copy.deepcopy(net.state_dict())
    TimmBackbone.around(net, 1)
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_he_draws_convolutions_by_their_fan_out() -> None:
    torch.manual_seed(0)
    net = TimmBackbone("resnext50_32x4d", 1).net
    for name in ("layer3.0.conv1", "layer3.0.conv2", "layer4.0.conv3"):
        convolution = net.get_submodule(name)
        outputs, _, height, width = convolution.weight.shape
        fan_out = outputs // convolution.groups * height * width  # of one input: it feeds its own group
        assert float(convolution.weight.detach().std()) == pytest.approx((2 / fan_out) ** 0.5, rel=0.02), name
    norms = [part for part in net.modules() if isinstance(part, nn.BatchNorm2d)]
    assert all(bool((norm.weight == 1).all()) and not bool(norm.bias.any()) for norm in norms)


def test_timm_keeps_timm_s_own_start() -> None:
    torch.manual_seed(0)
    ours = TimmBackbone("resnet10t", 1, init="timm").net.state_dict()
    torch.manual_seed(0)
    theirs = timm.create_model("resnet10t", in_chans=1, num_classes=0).state_dict()
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
    assert not bool(ours["layer1.0.bn2.weight"].any())  # timm starts a block's last norm at 0


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match="no network 'resnet50x'; did you mean 'resnet50'"):
        TimmBackbone("resnet50x", 1)


def test_weights_that_were_never_published_are_refused() -> None:
    without = next(name for name in timm.list_models() if not timm.models.is_model_pretrained(name))
    with pytest.raises(OptionError, match=f"no published weights for '{without}'"):
        TimmBackbone(without, 1, pretrained=True)


def test_names_come_with_and_without_tags() -> None:
    assert {"resnet50", "resnet50.a1_in1k"} <= set(timm_names())
