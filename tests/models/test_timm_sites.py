"""Where sites are found, what they leave raw, and which networks are refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fusekit.errors import OptionError
from fusekit.models import TimmBackbone

#: Blocks of stages 1 to 4, counted by hand from the papers (a densely connected stage is one block of its own).
BLOCKS = {
    "resnet18": (2, 2, 2, 2),
    "resnet50": (3, 4, 6, 3),
    "convnext_atto": (2, 2, 6, 2),
    "regnety_002": (1, 1, 4, 7),
    "repvgg_a0": (2, 4, 14, 1),
    "densenet121": (1, 1, 1, 1),
    "efficientnet_b0": (2, 2, 6, 5),
    "mobilenetv3_small_050": (1, 2, 5, 3),
}


@pytest.mark.parametrize(("name", "blocks"), BLOCKS.items())
def test_stages_and_blocks_are_the_papers(name: str, blocks: tuple[int, ...]) -> None:
    sites = TimmBackbone(name, 1).sites
    assert tuple(sum(site.stage == stage for site in sites) for stage in (1, 2, 3, 4)) == blocks
    stages = TimmBackbone(name, 1, sites="stage").sites
    assert [site.stage for site in stages] == [1, 2, 3, 4]


def test_channels_of_a_resnet_are_those_that_enter_its_blocks() -> None:
    sites = TimmBackbone("resnet50", 1, sites="branch").sites
    assert [site.channels for site in sites] == [64, *[256] * 3, *[512] * 4, *[1024] * 6, *[2048] * 2]
    assert [site.name for site in sites][:4] == ["layer1.0", "layer1.1", "layer1.2", "layer2.0"]


def test_a_stage_site_is_the_stride_it_says() -> None:
    backbone = TimmBackbone("resnet10t", 1, sites="stage").eval()
    sizes = []

    def note(index: int, features: Tensor) -> Tensor:
        sizes.append(features.shape[-1])
        return features

    with torch.no_grad():
        backbone(torch.zeros(1, 1, 64, 64), note)
    assert sizes == [16, 16, 8, 4]


def block_alone(block: nn.Module, read: Tensor, shortcut: Tensor) -> Tensor:
    """timm's basic block, written out: what its convolutions read, and what its shortcut does."""
    parts = dict(block.named_children())
    out = torch.relu(parts["bn1"](parts["conv1"](read)))
    return torch.relu(parts["bn2"](parts["conv2"](out)) + shortcut)


def captured(name: str, index: int) -> tuple[TimmBackbone, Tensor, Tensor, Tensor]:
    """A backbone, what came to a site, what was handed on instead, and the output of the site's block."""
    torch.manual_seed(0)
    backbone = TimmBackbone(name, 1, sites="branch").double().eval()
    block = backbone.net.get_submodule(backbone.sites[index].name)
    seen: dict[str, Tensor] = {}

    def change(i: int, features: Tensor) -> Tensor:
        if i != index:
            return features
        seen["raw"] = features
        seen["changed"] = features.flip(1) + 0.5
        return seen["changed"]

    handle = block.register_forward_hook(lambda module, args, out: seen.update(out=out))
    with torch.no_grad():
        backbone(torch.randn(2, 1, 32, 32, dtype=torch.float64), change)
    handle.remove()
    return backbone, seen["raw"], seen["changed"], seen["out"]


def test_a_branch_site_leaves_the_identity_shortcut_raw() -> None:
    backbone, raw, changed, out = captured("resnet18", 1)
    with torch.no_grad():
        expected = block_alone(backbone.net.layer1[1], changed, raw)
        both = block_alone(backbone.net.layer1[1], changed, changed)
    torch.testing.assert_close(out, expected)
    assert not torch.allclose(out, both)


def test_a_branch_site_changes_what_a_projecting_shortcut_reads() -> None:
    backbone, raw, changed, out = captured("resnet18", 2)
    block = backbone.net.layer2[0]
    with torch.no_grad():
        expected = block_alone(block, changed, block.downsample(changed))
        left_raw = block_alone(block, changed, block.downsample(raw))
    torch.testing.assert_close(out, expected)
    assert not torch.allclose(out, left_raw)


def test_a_convnext_branch_leaves_its_shortcut_raw() -> None:
    backbone, raw, changed, out = captured("convnext_atto", 1)
    block = backbone.net.stages[0].blocks[1]
    with torch.no_grad():
        branch = block(changed) - changed  # what the block adds, as timm computes it
    torch.testing.assert_close(out - raw, branch, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hrnet_w18_small", "its features at stride 2 come from no single module"),
        ("swin_tiny_patch4_window7_224", "it keeps its features as NHWC, not as NCHW"),
        ("vit_tiny_patch16_224", r"its last features have shape \(1, 197, 192\), which is no map"),
    ],
)
def test_a_network_that_does_not_fit_is_refused_with_a_sentence(name: str, said: str) -> None:
    with pytest.raises(OptionError, match=f"the backbone {name!r} cannot be used: {said}.\nA backbone needs stages"):
        TimmBackbone(name, 1)
