"""Weights of your own: against timm's adaptation, against 2-D convolutions, and against the network they come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv3d

from fusekit.errors import DataError, OptionError
from fusekit.models import TimmBackbone, build, build_from
from fusekit.models.backbones.torchvision import VideoBackbone
from fusekit.models.backbones.weights import inflated, load_weights, match, with_channels

SIZE = (32, 32)


def theirs(channels: int = 3, name: str = "test_resnet") -> Any:
    torch.manual_seed(5)
    return timm.create_model(name, in_chans=channels, num_classes=4).eval()


def saved(folder: Path, state: dict[str, Tensor], prefix: str = "") -> Path:
    path = folder / "weights.pth"
    torch.save({prefix + name: value for name, value in state.items()}, path)
    return path


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_channels_are_adapted_as_timm_does_it(channels: int) -> None:
    weight = torch.randn(5, 3, 7, 7)
    expected = timm.models.adapt_input_conv(channels, weight.clone())
    assert torch.allclose(with_channels(weight, channels), expected)
    deep = torch.randn(5, 3, 2, 3, 3)  # of volumes, which timm does not take
    flat = timm.models.adapt_input_conv(channels, deep.reshape(5, 3, 6, 3))
    assert torch.allclose(with_channels(deep, channels).reshape(flat.shape), flat)


@pytest.mark.parametrize("channels", [2, 3, 5])
def test_a_grey_image_in_every_channel_gives_what_one_channel_gave(channels: int) -> None:
    weight, grey = torch.randn(4, 1, 3, 3), torch.randn(2, 1, 9, 9)
    copies = conv2d(grey.expand(-1, channels, -1, -1), with_channels(weight, channels))
    assert torch.allclose(copies, conv2d(grey, weight), atol=1e-5)


def test_a_volume_of_equal_slices_gives_what_the_slice_gave() -> None:
    weight, image = torch.randn(4, 2, 3, 3), torch.randn(1, 2, 8, 8)
    deep = inflated(weight, torch.empty(4, 2, 5, 3, 3))
    volume = image[:, :, None].expand(-1, -1, 5, -1, -1)
    assert torch.allclose(conv3d(volume, deep)[:, :, 0], conv2d(image, weight), atol=1e-5)
    assert inflated(weight, weight) is weight


def test_names_match_after_the_prefix_under_which_most_do() -> None:
    own = {"conv.weight", "block.conv.weight", "block.norm.bias"}
    for prefix in ("", "module.", "model.encoder."):
        assert match([f"{prefix}{name}" for name in sorted(own)], own) == {f"{prefix}{name}": name for name in own}
    assert match(["other.conv.weight", "conv.weight", "block.norm.bias", "fc.bias"], own) == {
        "conv.weight": "conv.weight",
        "block.norm.bias": "block.norm.bias",
    }
    assert match(["fc.bias"], own) == {}


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.net."])
def test_a_network_computes_what_the_one_in_the_file_computes(tmp_path: Path, prefix: str) -> None:
    net, image = theirs(), torch.randn(2, 3, *SIZE)
    backbone = TimmBackbone("test_resnet", 3, weights=saved(tmp_path, net.state_dict(), prefix)).eval()
    assert torch.equal(backbone(image).map, net.forward_features(image))
    assert backbone.loaded is not None
    assert backbone.loaded.missing == ()
    assert backbone.loaded.unused == (f"{prefix}fc.weight", f"{prefix}fc.bias")


def test_one_channel_sees_a_grey_image_as_three_did(tmp_path: Path) -> None:
    net, grey = theirs(), torch.randn(2, 1, *SIZE)
    backbone = TimmBackbone("test_resnet", 1, weights=saved(tmp_path, net.state_dict())).eval()
    assert torch.allclose(backbone(grey).map, net.forward_features(grey.expand(-1, 3, -1, -1)), atol=1e-4)


@pytest.mark.parametrize("name", ["r3d_18", "mc3_18"])
def test_a_resnet_of_images_becomes_one_of_volumes(tmp_path: Path, name: str) -> None:
    flat = theirs(3, "resnet18").state_dict()
    backbone = VideoBackbone(name, 1, weights=saved(tmp_path, flat))
    assert backbone.loaded is not None
    assert backbone.loaded.missing == ()
    assert backbone.loaded.unused == ("fc.weight", "fc.bias")
    deep = backbone.net.state_dict()
    stem = flat["conv1.weight"].sum(dim=1, keepdim=True)
    assert torch.allclose(deep["stem.0.weight"].sum(dim=2), stem, atol=1e-6)
    assert torch.allclose(deep["layer3.1.conv2.0.weight"].sum(dim=2), flat["layer3.1.conv2.weight"], atol=1e-6)
    assert torch.equal(deep["layer2.0.conv1.1.running_var"], flat["layer2.0.bn1.running_var"])
    assert torch.allclose(deep["layer4.0.downsample.0.weight"].sum(dim=2), flat["layer4.0.downsample.0.weight"])


def test_what_the_file_lacks_is_listed_and_warned_of(tmp_path: Path) -> None:
    state = {name: value for name, value in theirs().state_dict().items() if not name.startswith("layer4.")}
    backbone = TimmBackbone("test_resnet", 3, weights=saved(tmp_path, state))
    loaded = backbone.loaded
    assert loaded is not None
    own = [name for name in backbone.net.state_dict() if not name.endswith("num_batches_tracked")]
    assert list(loaded.missing) == [name for name in own if name.startswith("layer4.")]
    assert loaded.matched + len(loaded.missing) == len(own)
    finding = loaded.finding("test_resnet")
    assert (finding.severity, finding.items) == ("warning", loaded.missing)
    assert f"{loaded.matched} of {len(own)} weights of test_resnet" in finding.message
    assert loaded._replace(missing=()).finding("test_resnet").severity == "note"


def test_what_does_not_fit_is_refused_by_name(tmp_path: Path) -> None:
    net = theirs()
    with pytest.raises(OptionError, match=r"no name in .* The file holds a, b; the network has conv1\.0\.weight"):
        TimmBackbone("test_resnet", 3, weights=saved(tmp_path, {"a": torch.ones(1), "b": torch.ones(2)}))
    other = {**net.state_dict(), "layer1.0.conv1.weight": torch.ones(3, 3, 3, 3)}
    with pytest.raises(OptionError, match=r"layer1\.0\.conv1\.weight in .* has the shape \(3, 3, 3, 3\)"):
        TimmBackbone("test_resnet", 3, weights=saved(tmp_path, other))
    broken = {**net.state_dict(), "layer1.0.bn1.bias": torch.full_like(net.layer1[0].bn1.bias, torch.nan)}
    with pytest.raises(DataError, match=r"layer1\.0\.bn1\.bias holds a value that is not a finite number"):
        TimmBackbone("test_resnet", 3, weights=saved(tmp_path, broken))
    with pytest.raises(OptionError, match="two beginnings"):
        TimmBackbone("test_resnet", 3, pretrained=True, weights=saved(tmp_path, net.state_dict()))


def test_only_convolutions_that_read_the_image_are_adapted(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 8, 1, groups=4))
    state = {**net.state_dict(), "1.weight": torch.ones(8, 4, 1, 1)}
    with pytest.raises(OptionError, match=r"1\.weight in .* has the shape \(8, 4, 1, 1\)"):
        load_weights(net, saved(tmp_path, state), 3, "own")


def test_on_the_meta_device_weights_are_only_compared(tmp_path: Path) -> None:
    path = saved(tmp_path, theirs().state_dict())
    with torch.device("meta"):
        backbone = TimmBackbone("test_resnet", 1, weights=path)
    assert backbone.loaded is not None
    assert backbone.loaded.matched > 0


def test_a_description_holds_the_checksum_and_no_path(tmp_path: Path) -> None:
    path = saved(tmp_path, theirs().state_dict())
    options = {"backbone": {"weights": str(path), "freeze": "stem"}}
    model = build("concat", backbone="test_resnet", columns=2, classes=2, options=options)
    assert model.backbone is not None
    assert model.backbone.loaded is not None
    assert str(tmp_path) not in json.dumps(model.description)
    assert model.description["weights"] == {
        "sha256": model.backbone.loaded.sha256,
        "matched": model.backbone.loaded.matched,
        "missing": 0,
        "unused": 2,
    }
    path.unlink()
    again = build_from(model.description)
    again.load_state_dict(model.state_dict())
    again.eval()
    model.eval()
    image, columns = torch.randn(2, 1, *SIZE), torch.randn(2, 2)
    assert torch.equal(again(image, columns), model(image, columns))
    assert again.description == model.description


def test_a_description_from_elsewhere_opens_no_file(tmp_path: Path) -> None:
    description = build("image-only", backbone="test_resnet", columns=0, classes=2).description
    description["recipe"]["options"]["backbone"]["weights"] = str(tmp_path / "not-there.pth")
    assert build_from(description).backbone is not None
