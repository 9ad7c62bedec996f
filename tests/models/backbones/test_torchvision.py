"""VideoBackbone: torchvision's numbers without an injector, ours at the sites with one."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import video

from fusekit import build
from fusekit.builtin import video_names
from fusekit.errors import OptionError, UnknownName
from fusekit.models.backbones.torchvision import VideoBackbone
from fusekit.testing import check_backbone, check_fusion

SIZE = (4, 16, 16)


def _theirs(name: str, state: dict[str, Tensor], in_channels: int) -> Any:
    net: Any = getattr(video, name)(weights=None)
    first = net.stem[0]
    net.stem[0] = nn.Conv3d(in_channels, first.out_channels, first.kernel_size, first.stride, first.padding, bias=False)
    net.fc = nn.Identity()
    net.load_state_dict({key.removeprefix("net."): value for key, value in state.items()})
    return net


def test_a_name_that_torchvision_does_not_have_is_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean 'r3d_18'"):
        VideoBackbone("r3d_18.a", 1)


@pytest.mark.parametrize("name", video_names())
def test_without_inject_it_is_torchvision_bit_for_bit(name: str) -> None:
    torch.manual_seed(0)
    backbone = VideoBackbone(name, 1, sites="branch")
    net = _theirs(name, backbone.state_dict(), 1)  # its strict loading compares the keys
    image = torch.randn(2, 1, *SIZE)
    assert torch.equal(backbone.train()(image).vector, net.train()(image))
    expected = net.eval()(image)
    assert torch.equal(backbone.eval()(image).vector, expected)
    # nor with an inject that changes nothing, which runs a block's parts one by one
    assert torch.equal(backbone(image, lambda site, features: features).vector, expected)


def test_three_channels_start_as_torchvision_s_do() -> None:
    torch.manual_seed(3)
    ours = VideoBackbone("mc3_18", 3).net.state_dict()
    torch.manual_seed(3)
    theirs = video.mc3_18(weights=None).state_dict()
    assert [key for key in theirs if not key.startswith("fc.")] == list(ours)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize(("name", "sites"), [("mc3_18", "branch"), ("r2plus1d_18", "stage")])
def test_keeps_what_backbones_promise(name: str, sites: Any) -> None:
    torch.manual_seed(0)
    check_backbone(VideoBackbone(name, 1, sites=sites), size=SIZE)


@pytest.mark.parametrize(("sites", "names"), [("stage", 4), ("block", 8), ("branch", 8)])
def test_sites_are_stages_or_blocks(sites: Any, names: int) -> None:
    found = VideoBackbone("r3d_18", 1, sites=sites).sites
    assert len(found) == names
    per_stage = names // 4
    assert [site.stage for site in found] == [stage for stage in (1, 2, 3, 4) for _ in range(per_stage)]
    assert [site.channels for site in found][::per_stage] == [64, 64, 128, 256]
    assert found[-1].name == ("layer4" if sites == "stage" else "layer4.1")


def test_a_branch_site_leaves_an_identity_shortcut_raw_and_changes_a_projecting_one() -> None:
    torch.manual_seed(0)
    backbone = VideoBackbone("r3d_18", 1, sites="branch").eval()
    for block in backbone.net.layer1:  # without their convolutions, only the shortcuts are left
        nn.init.zeros_(block.conv2[1].weight)
    first = backbone.net.layer2[0]
    nn.init.zeros_(first.conv2[1].weight)
    seen: dict[int, Tensor] = {}

    def double(site: int, features: Tensor) -> Tensor:
        seen[site] = features
        return 2 * features

    with torch.no_grad():
        backbone(torch.randn(1, 1, *SIZE), double)
        assert torch.equal(seen[0], seen[1])
        assert torch.equal(seen[1], seen[2])
        torch.testing.assert_close(seen[3], first.relu(first.downsample(2 * seen[2])))


@pytest.mark.parametrize(("name", "depth"), [("r3d_18", 2), ("r2plus1d_18", 2), ("mc3_18", 16)])
def test_depth_is_halved_less_often_than_rows_and_columns(name: str, depth: int) -> None:
    backbone = VideoBackbone(name, 1).eval()
    with torch.no_grad():
        features = backbone(torch.randn(1, 1, 16, 32, 48))
    assert features.map.shape == (1, 512, depth, 2, 3)
    torch.testing.assert_close(features.vector, features.map.mean(dim=(2, 3, 4)))


def test_channels_are_one_or_more() -> None:
    with pytest.raises(OptionError, match="one channel or more, not 0"):
        VideoBackbone("r3d_18", 0)


def test_an_injector_learns_the_number_of_axes_from_the_backbone() -> None:
    model = check_fusion("rbca", backbone="mc3_18", size=SIZE)
    injector: Any = model.injector
    assert all(isinstance(attention.reduce, nn.Conv3d) for attention in injector.attentions)
    assert model.description["recipe"]["options"]["injector"]["spatial_dims"] == 3
    flat: Any = build("rbca", backbone="resnet10t", columns=5, classes=2)
    assert all(isinstance(attention.reduce, nn.Conv2d) for attention in flat.injector.attentions)
    assert flat.description["recipe"]["options"]["injector"]["spatial_dims"] == 2
    with pytest.raises(OptionError, match="2 or 3 spatial axes, not 4"):  # what is given is passed on
        build("rbca", backbone="mc3_18", columns=5, classes=2, options={"injector": {"spatial_dims": 4}})


def test_copies_own_their_weights() -> None:
    backbone = VideoBackbone("r3d_18", 1, sites="branch").eval()
    copy: Any = deepcopy(backbone)
    image = torch.randn(1, 1, *SIZE)
    with torch.no_grad():
        before = backbone(image).vector
        copy.net.layer1[0].conv1[0].weight.zero_()
        assert torch.equal(backbone(image).vector, before)
        assert not torch.equal(copy(image).vector, before)
