"""Where sites are found, against what is known of the networks."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from fusekit.errors import OptionError
from fusekit.models import Site, TimmBackbone, build
from fusekit.models.build import build_from
from fusekit.testing import check_backbone


def adopted(name: str, kind: str = "block", **small: Any) -> TimmBackbone:
    torch.manual_seed(0)
    net = timm.create_model(name, in_chans=1, num_classes=0, **small)
    return TimmBackbone.around(net, 1, sites=kind)  # type: ignore[arg-type]  # one of the three literals


def readers(backbone: TimmBackbone, site: Site) -> tuple[str, ...]:
    """The modules at and below a site that hand their input on."""
    names = [label for label, module in backbone.net.named_modules() if module._forward_pre_hooks]
    return tuple(label for label in names if f"{label}.".startswith(f"{site.name}."))


def test_resnet50_blocks_are_those_of_the_paper_he_2016() -> None:
    sites = adopted("resnet50").sites
    expected = [(stage, block) for stage, blocks in enumerate((3, 4, 6, 3), 1) for block in range(blocks)]
    assert [site.name for site in sites] == [f"layer{stage}.{block}" for stage, block in expected]
    assert [site.stage for site in sites] == [stage for stage, _ in expected]
    assert [site.channels for site in sites] == (
        [64, 256, 256, 256, 512, 512, 512, 512, 1024, 1024, 1024, 1024, 1024, 1024, 2048, 2048]
    )


def test_resnet50_branches_are_the_first_convolution_and_the_projecting_shortcut() -> None:
    backbone = adopted("resnet50", "branch")
    for site in backbone.sites:
        expected = ["conv1", "downsample"] if site.name.endswith(".0") else ["conv1"]
        assert readers(backbone, site) == tuple(f"{site.name}.{child}" for child in expected)


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


def test_an_identity_module_in_the_shortcut_is_no_branch() -> None:
    backbone = adopted("convnext_atto", "branch")
    for site in backbone.sites:
        assert readers(backbone, site) == (f"{site.name}.conv_dw",)


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        # blocks at strides 4, 8, 16, 32, counted from the papers' tables
        ("resnet18", (2, 2, 2, 2)),
        ("convnext_atto", (2, 2, 6, 2)),  # ConvNeXt V2, table 1
        ("efficientnet_b0", (2, 2, 6, 5)),  # Tan & Le 2019, table 1: stages 3, 4, 5 + 6, 7 + 8
        ("mobilenetv2_050", (2, 3, 7, 4)),  # Sandler et al. 2018, table 2
        ("mobilenetv3_small_050", (1, 2, 5, 3)),  # Howard et al. 2019, table 2
        ("densenet121", (1, 1, 1, 1)),  # dense layers read lists; the dense block is what reads a map
        ("regnetx_002", (1, 1, 4, 7)),  # Radosavovic et al. 2020, RegNetX-200MF
        ("repvgg_a0", (2, 4, 14, 1)),  # Ding et al. 2021, table 2
    ],
)
def test_blocks_a_stage(name: str, blocks: tuple[int, ...]) -> None:
    counts = Counter(site.stage for site in adopted(name).sites)
    assert tuple(counts[stage] for stage in (1, 2, 3, 4)) == blocks


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto", "efficientnet_b0", "densenet121", "regnetx_002"])
def test_one_site_a_stage(name: str) -> None:
    assert [site.stage for site in adopted(name, "stage").sites] == [1, 2, 3, 4]


def test_widths_are_those_of_the_last_map_and_of_the_tail() -> None:
    small, tailed = adopted("resnet18"), adopted("mobilenetv3_small_050")
    assert (small.map_channels, small.width) == (512, 512)
    assert (tailed.map_channels, tailed.width) == (288, 1024)  # its tail is a layer wider than its map


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hrnet_w18_small", "come from no single module"),
        ("coat_tiny", "no part of its stages reads a single feature map"),
        ("hiera_tiny_224", "in an order of its own"),
    ],
)
def test_networks_that_do_not_fit_are_refused_with_the_reason_and_examples(name: str, reason: str) -> None:
    with pytest.raises(OptionError, match=f"(?s){name}.*{reason}.*resnet50, convnext_tiny"):
        TimmBackbone(name, 1)


def test_a_stage_that_reads_several_maps_has_no_sites() -> None:
    assert {site.stage for site in adopted("selecsls42").sites} == {4, 5}


class Odd(nn.Module):
    """What a network of timm's looks like from outside."""

    def __init__(self, again: bool = False, fails: bool = False):
        super().__init__()
        self.stage = nn.Sequential(nn.Sequential(nn.Conv2d(1, 4, 3, 4), nn.Conv2d(4, 1, 3, padding=1)))
        self.feature_info = [{"module": "stage", "num_chs": 1, "reduction": 4}]
        self.again, self.fails = again, fails

    def forward_features(self, x: Tensor) -> Tensor:
        if self.fails:
            raise KeyError("window")
        x = self.stage(x)
        return self.stage(x) if self.again else x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        return x.mean(dim=(2, 3))


def test_a_module_that_runs_twice_is_refused() -> None:
    assert [site.name for site in TimmBackbone.around(Odd(), 1).sites] == ["stage.0"]
    with pytest.raises(OptionError, match=r"runs 'stage\.0' more than once"):
        TimmBackbone.around(Odd(again=True), 1)


def test_a_network_that_fails_is_refused_with_what_it_said() -> None:
    with pytest.raises(OptionError, match="running it fails: KeyError: 'window'"):
        TimmBackbone.around(Odd(fails=True), 1)


def test_the_network_is_left_as_it_was() -> None:
    net = timm.create_model("resnet18", in_chans=1, num_classes=0).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    backbone = TimmBackbone.around(net, 1, sites="branch")
    assert net.training
    hooked = [label for label, module in net.named_modules() if module._forward_pre_hooks]
    assert hooked == [reader for site in backbone.sites for reader in readers(backbone, site)]
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


#: Name, edge of its images, what makes it small, and how many sites each of its stages has.
NETWORKS: list[tuple[str, int, dict[str, Any], dict[int, int]]] = [
    ("convmixer_768_32", 64, {"dim": 16, "depth": 8}, {1: 2, 2: 2, 3: 2, 4: 2}),  # blocks of one stride
    ("efficientvit_m0", 64, {"img_size": 64}, {3: 1, 4: 2, 5: 3}),  # starts at stride 16; stages shrink before blocks
    (
        "nest_tiny",
        64,
        {"img_size": 64, "embed_dims": (16, 32, 64), "num_heads": (1, 2, 4), "depths": (1, 1, 2)},
        {1: 1, 2: 1, 3: 1},  # its blocks pass on windows, so that a stage is a site
    ),
]


@pytest.mark.parametrize("kind", ["block", "branch"])
@pytest.mark.parametrize(("name", "size", "small", "sites"), NETWORKS, ids=[name for name, *_ in NETWORKS])
def test_each_site_alone_changes_the_vector(
    name: str, size: int, small: dict[str, Any], sites: dict[int, int], kind: str
) -> None:
    backbone, image = adopted(name, kind, **small).eval(), torch.randn(2, 1, size, size)
    stages = [site.stage for site in backbone.sites]
    assert {stage: stages.count(stage) for stage in stages} == sites
    with torch.no_grad():
        plain = backbone(image).vector
        for number, site in enumerate(backbone.sites):
            seen: list[int] = []

            def change(at: int, features: torch.Tensor, number: int = number, seen: list[int] = seen) -> torch.Tensor:
                seen.append(at)
                return features + torch.randn_like(features) * features.std() if at == number else features

            changed = backbone(image, change).vector
            assert seen == list(range(len(stages)))  # each once, in its order
            assert float((changed - plain).norm() / plain.norm()) > 1e-3, site


@pytest.mark.parametrize(("name", "size", "small", "sites"), NETWORKS, ids=[name for name, *_ in NETWORKS])
def test_keeps_what_backbones_promise(name: str, size: int, small: dict[str, Any], sites: dict[int, int]) -> None:
    check_backbone(adopted(name, "branch", **small).eval())


@pytest.mark.slow  # the sites of a smaller one are tried above
def test_a_convmixer_that_is_injected_into_at_the_front_alone_is_built_again_from_its_description() -> None:
    torch.manual_seed(0)
    given: dict[str, Any] = {"backbone": "convmixer_768_32", "columns": 3, "classes": 2, "image_size": 64}
    model = build("rbca-light", **given, options={"sites": {"stages": (1,)}}).eval()
    again = build_from(model.description).eval()
    again.load_state_dict(model.state_dict())
    image, columns = torch.randn(1, 1, 64, 64), torch.randn(1, 3)
    with torch.no_grad():
        assert torch.equal(again(image, columns), model(image, columns))
    assert again.backbone is not None
    assert {again.backbone.sites[place].stage for place in again.injected} == {1}
