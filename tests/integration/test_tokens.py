"""Transformers and networks with channels last: timm's numbers without an injector, maps at the sites with one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from fusekit import build
from fusekit.errors import OptionError
from fusekit.models import TimmBackbone, build_from
from fusekit.testing import check_backbone, check_fusion

#: A small member of each kind -> its image size: class token, tokens with and without one, channels last, pyramid.
KINDS = {"test_vit": 64, "vit_tiny_patch16_224": 32, "test_mambaout": 64, "xcit_nano_12_p8_224": 32, "pvt_v2_b0": 32}


def made(name: str, sites: Any = "branch", size: int | None = None) -> TimmBackbone:
    torch.manual_seed(0)
    return TimmBackbone(name, 1, sites=sites, image_size=size or KINDS[name]).eval()


def _looking(look: Callable[[int, Tensor], None]) -> Callable[[int, Tensor], Tensor]:
    """An injector that looks at features and leaves them as they are."""

    def inject(site: int, features: Tensor) -> Tensor:
        look(site, features)
        return features

    return inject


def swin() -> Any:
    """A Swin Transformer of a few thousand weights, whose stages end at strides 4 and 8."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"img_size": 64, "patch_size": 4, "window_size": 4, "depths": (1, 2), "num_heads": (1, 2)}
    return timm.models.SwinTransformer(**sizes, in_chans=1, embed_dim=8, num_classes=0).eval()


@pytest.mark.parametrize("name", KINDS)
@torch.no_grad()
def test_without_inject_it_is_timm_bit_for_bit(name: str) -> None:
    backbone, image = made(name), torch.randn(2, 1, KINDS[name], KINDS[name])
    expected = backbone.net(image)
    assert torch.equal(backbone(image).vector, expected)
    untouched = backbone(image, lambda site, features: features)
    assert torch.equal(untouched.vector, expected)
    assert torch.equal(untouched.map, backbone(image).map)
    assert backbone(image).map.shape[1] == backbone.map_channels
    assert torch.equal(backbone.net(image), expected)


def test_a_swin_transformer_keeps_what_backbones_promise() -> None:
    net = swin()
    image = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        expected = net(image)
        backbone = TimmBackbone.around(net, 1, sites="branch")
        assert torch.equal(backbone(image).vector, expected)
        assert torch.equal(backbone(image).map, net.forward_features(image).permute(0, 3, 1, 2))
    assert [(site.name, site.channels) for site in backbone.sites] == [
        ("layers.0.blocks.0", 8),
        ("layers.1.blocks.0", 16),
        ("layers.1.blocks.1", 16),
    ]


@pytest.mark.parametrize(
    ("name", "sites"),
    [("test_vit", "stage"), ("test_vit", "block"), ("test_vit", "branch"), ("test_mambaout", "branch")],
)
def test_keeps_what_backbones_promise(name: str, sites: Any) -> None:
    check_backbone(made(name, sites))


def test_what_is_injected_at_a_branch_is_read_by_attention_and_by_nothing_else() -> None:
    backbone = made("test_vit").double()
    block, seen = backbone.net.blocks[0], {}

    def change(site: int, features: Tensor) -> Tensor:
        if site:
            return features
        seen["map"] = features.clone()
        return features.flip(1) + features.mean(dim=(2, 3), keepdim=True)

    keep = block.register_forward_hook(lambda module, given, out: seen.update(raw=given[0], out=out))
    with torch.no_grad():
        backbone(torch.randn(2, 1, 64, 64).double(), change)
    keep.remove()
    raw, prefix = seen["raw"], backbone.net.num_prefix_tokens
    changed = raw.clone()
    for token in range(16):
        patches = raw[:, prefix:]
        changed[:, prefix + token] = patches[:, token].flip(1) + patches.mean(dim=1)
        assert torch.equal(seen["map"][:, :, token // 4, token % 4], patches[:, token])
    with torch.no_grad():  # timm's block, written out
        after = raw + block.ls1(block.attn(block.norm1(changed)))
        expected = after + block.ls2(block.mlp(block.norm2(after)))
    torch.testing.assert_close(seen["out"], expected)
    assert torch.equal(changed[:, :prefix], raw[:, :prefix])


@pytest.mark.parametrize("name", ["test_vit", "test_mambaout", "pvt_v2_b0"])
@torch.no_grad()
def test_a_place_of_the_first_map_is_that_place_of_the_image(name: str) -> None:
    backbone = made(name)
    maps: list[Tensor] = []
    image = torch.zeros(1, 1, 64, 64)
    for where in (image, image.clone()):
        if maps:
            where[..., :16, 48:] = torch.randn(16, 16)  # at the top, to the right
        backbone(where, _looking(lambda site, features: maps.append(features) if site == 0 else None))
    change = (maps[1] - maps[0]).abs().amax(dim=(0, 1))
    row, column = divmod(int(change.argmax()), change.shape[1])
    assert row < change.shape[0] / 4
    assert column >= 3 * change.shape[1] / 4


def test_the_map_of_a_class_token_is_what_the_last_block_reads_and_gradients_reach_it() -> None:
    backbone = made("test_vit")
    image = torch.randn(2, 1, 64, 64)
    read: list[Tensor] = []
    handle = backbone.net.blocks[-1].register_forward_hook(lambda module, given, out: read.append(given[0]))
    map_, vector = backbone(image)
    handle.remove()
    prefix = backbone.net.num_prefix_tokens
    assert torch.equal(map_, read[0][:, prefix:].reshape(2, 4, 4, 64).permute(0, 3, 1, 2))
    # Weighted: a plain sum over what layer normalisation returns is constant.
    (slope,) = torch.autograd.grad((vector * torch.randn(64)).sum(), map_)
    assert bool((slope != 0).any(dim=1).all())  # at every place
    patches = backbone.net.forward_features(image)  # whose last tokens tell nothing
    assert torch.equal(backbone.net.forward_head(patches, pre_logits=True), patches[:, 0])


def test_blocks_of_one_stride_are_four_equal_stages() -> None:
    counts = {name: Counter(site.stage for site in made(name).sites) for name in ("test_vit", "vit_tiny_patch16_224")}
    assert counts["vit_tiny_patch16_224"] == {1: 3, 2: 3, 3: 3, 4: 3}
    assert counts["test_vit"] == {1: 2, 2: 2, 3: 1, 4: 1}  # six blocks


@pytest.mark.filterwarnings("ignore:While compiling, we found certain side effects")  # which are undone again
@pytest.mark.parametrize("name", ["test_vit", "test_mambaout"])
@torch.no_grad()
def test_one_graph_for_compile_and_export(name: str) -> None:
    torch.manual_seed(0)
    model = build("rbca", backbone=name, columns=3, classes=2).eval()
    image, columns = torch.randn(2, 1, 64, 64), torch.randn(2, 3)
    expected = model(image, columns)
    compiled: Any = torch.compile(model, fullgraph=True, backend="eager")
    exported = torch.export.export(model, (image, columns), strict=False).module()
    for run in (compiled, exported):
        torch.testing.assert_close(run(image, columns), expected)


def test_images_that_are_not_square() -> None:
    backbone = made("test_mambaout")
    image = torch.randn(1, 1, 64, 128)
    shapes: list[tuple[int, ...]] = []
    with torch.no_grad():
        found = backbone(image, _looking(lambda site, features: shapes.append(tuple(features.shape[2:]))))
        assert torch.equal(found.vector, backbone.net(image))
    assert shapes[0] == (16, 32)
    assert found.map.shape[2:] == (2, 4)


def test_a_network_of_a_fixed_size_is_made_for_the_images_and_described_so() -> None:
    model = check_fusion_of("vit_tiny_patch16_224", 48)
    assert model.description["image_size"] == 48
    backbone: Any = model.backbone
    assert backbone.net.pos_embed.shape == (1, 1 + 9, 192)
    assert backbone.image_size == (48, 48)
    with pytest.raises(AssertionError, match="doesn't match model"):
        build_from({**model.description, "image_size": None})(torch.randn(1, 1, 48, 48), torch.randn(1, 5))


def check_fusion_of(name: str, size: int) -> Any:
    torch.manual_seed(0)
    model = build("rbca-light", backbone=name, columns=5, classes=2, image_size=size)
    again = build_from(model.description)
    again.load_state_dict(model.state_dict())
    image, columns = torch.randn(2, 1, size, size), torch.randn(2, 5)
    with torch.no_grad():
        assert torch.equal(again.eval()(image, columns), model.eval()(image, columns))
    assert again.description == model.description
    return model


def test_a_network_that_takes_the_size_is_left_as_timm_makes_it() -> None:
    for name, size in (("resnet10t", 40), ("test_mambaout", 64), ("test_vit", 160)):
        model = build("rbca-light", backbone=name, columns=5, classes=2, image_size=size)
        assert "image_size" not in model.description
        assert isinstance(model.backbone, TimmBackbone)
        assert model.backbone.made_for is None


def test_a_size_that_timm_cannot_make_is_refused_with_the_network_s_own() -> None:
    with pytest.raises(OptionError, match=r"(?s)'test_coatnet' has a fixed image size.*100 x 100.*--image-size 160"):
        TimmBackbone("test_coatnet", 1, image_size=100)


def test_rbca_in_a_transformer_as_a_whole() -> None:
    check_fusion("rbca", backbone="test_vit")


class Unrolled(nn.Module):
    reroll = None
    feature_info = ({"module": "blocks", "reduction": 4},)


def test_tokens_in_another_order_than_the_image_s_are_refused() -> None:
    with pytest.raises(OptionError, match="in an order of its own"):
        TimmBackbone.around(Unrolled(), 1)


def test_a_site_of_another_thread_is_not_meant() -> None:
    backbone, image = made("test_vit"), torch.randn(1, 1, 64, 64)
    raw = backbone(image)

    def inject(site: int, features: Tensor, by: float) -> Tensor:
        again = backbone(image)  # a pass within the pass, with a map of its own
        assert torch.equal(again.map, raw.map)
        return by * features

    doubled = backbone(image, partial(inject, by=2.0))
    assert not torch.equal(doubled.map, raw.map)
    assert torch.equal(backbone(image).map, raw.map)
