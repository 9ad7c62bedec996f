"""ResNet, DenseNet and the encoders of SegResNet and SwinUNETR, with MONAI's own weight names."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn.functional import pad

from fusekit.errors import OptionError
from fusekit.extension.fusion import SiteKind
from fusekit.models.backbones.hooked import HookedBackbone, Run
from fusekit.models.backbones.stages import Freeze

try:
    from monai.networks import nets
    from monai.networks.nets.swin_unetr import SwinTransformer
except ImportError as error:
    raise OptionError("MONAI's networks need MONAI: pip install 'fusekit[monai]'") from error

#: Edges of volumes that are tried to find the sites.
_EDGES = (32, 64, 128)


class _VolumeBackbone(HookedBackbone):
    """A network with the modules of its four stages."""

    def __init__(self, net: nn.Module, stages: Sequence[str], features: Run, in_channels: int, **given: Any):
        numbered = {number: (stage,) for number, stage in enumerate(stages, 1)}
        sizes = tuple((edge,) * 3 for edge in _EDGES)
        super().__init__(
            net, numbered, features=features, in_channels=in_channels, spatial_dims=3, sizes=sizes, pool=_mean, **given
        )


class ResNetBackbone(_VolumeBackbone):
    """A ResNet of volumes as MedicalNet has it (Chen et al. 2019): its published weights load.

    A volume S x S x S leaves as S/32 in each axis; the original keeps S/8 by dilation, with the same weights.
    Gradients pass the shortcuts without weights (``A``), where MONAI and MedicalNet cut them off.

    Args:
        name: monai_resnet10, 18, 34, 50, 101, 152 or 200.
        stride: of the first convolution; MONAI's default is 1.
        shortcut: between stages, ``B`` a convolution and ``A``, as in MedicalNet's 18 and 34, none; empty: as there.
        weights: a file with weights to start from; those of a two-dimensional ResNet are repeated along depth.
        freeze: what is not trained: none, stem, all, or a stage with all before it.
    """

    def __init__(
        self,
        name: str,
        in_channels: int,
        *,
        sites: SiteKind = "block",
        stride: int = 2,
        shortcut: Literal["", "A", "B"] = "",
        weights: Path | None = None,
        freeze: Freeze = "none",
    ):
        if stride < 1:
            raise OptionError(f"backbone.stride takes 1 or more, not {stride}.")
        made = getattr(nets, name.removeprefix("monai_"))
        kind = shortcut or ("A" if name in ("monai_resnet18", "monai_resnet34") else "B")
        net = made(
            spatial_dims=3,
            n_input_channels=in_channels,
            conv1_t_stride=stride,
            shortcut_type=kind,
            bias_downsample=False,
            feed_forward=False,
        )
        for block in net.modules():
            if isinstance(plain := getattr(block, "downsample", None), partial):
                block.downsample = _PaddedShortcut(plain.keywords["planes"], plain.keywords["stride"])
        stages = ("layer1", "layer2", "layer3", "layer4")
        super().__init__(net, stages, _resnet, in_channels, sites=sites, name=name, weights=weights, until=freeze)


class DenseNetBackbone(_VolumeBackbone):
    """A DenseNet of volumes.

    Args:
        name: monai_densenet121, 169, 201 or 264.
        weights: a file with weights to start from.
        freeze: what is not trained: none, stem, all, or a stage with all before it.
    """

    def __init__(
        self,
        name: str,
        in_channels: int,
        *,
        sites: SiteKind = "block",
        weights: Path | None = None,
        freeze: Freeze = "none",
    ):
        net = getattr(nets, name.removeprefix("monai_"))(spatial_dims=3, in_channels=in_channels, out_channels=1)
        net.class_layers.out = nn.Identity()
        stages = [f"features.denseblock{number}" for number in (1, 2, 3, 4)]
        super().__init__(net, stages, _densenet, in_channels, sites=sites, name=name, weights=weights, until=freeze)


class SegResNetBackbone(_VolumeBackbone):
    """The encoder of SegResNet (Myronenko 2018): weights of a segmentation load, its decoder's left out.

    Args:
        filters: of the first convolution; those after have two, four and eight times as many.
        blocks: residual blocks of each stage.
        weights: a file with weights to start from.
        freeze: what is not trained: none, stem, all, or a stage with all before it.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        sites: SiteKind = "block",
        filters: int = 16,
        blocks: tuple[int, ...] = (1, 2, 2, 4),
        weights: Path | None = None,
        freeze: Freeze = "none",
    ):
        if filters < 8 or filters % 8 or len(blocks) < 2 or min(blocks) < 1:
            raise OptionError(
                "backbone.filters takes a multiple of 8, and backbone.blocks a number from 1 on for each of two stages "
                f"or more; not {filters} and {','.join(map(str, blocks))}."
            )
        up = (1,) * (len(blocks) - 1)
        net: Any = nets.SegResNet(3, filters, in_channels, blocks_down=blocks, blocks_up=up)
        for decoder in ("up_layers", "up_samples", "conv_final"):
            delattr(net, decoder)
        stages = [f"down_layers.{number}" for number in range(len(blocks))]
        name = "monai_segresnet"
        super().__init__(net, stages, _segresnet, in_channels, sites=sites, name=name, weights=weights, until=freeze)


class SwinBackbone(_VolumeBackbone):
    """The transformer of SwinUNETR (Hatamizadeh et al. 2022): self-supervised and segmentation weights load.

    Edges of volumes are multiples of 32. Its sites lie before stages, whose tokens form a map.

    Args:
        width: of the tokens of the first stage; a multiple of 12.
        weights: a file with weights to start from.
        freeze: what is not trained: none, stem, all, or a stage with all before it.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        sites: SiteKind = "block",
        width: int = 48,
        weights: Path | None = None,
        freeze: Freeze = "none",
    ):
        if width < 12 or width % 12:
            raise OptionError(f"backbone.width takes a multiple of 12, not {width}.")
        net = SwinTransformer(in_channels, width, (7, 7, 7), (2, 2, 2), (2, 2, 2, 2), (3, 6, 12, 24), spatial_dims=3)
        stages = [f"layers{number}.0" for number in (1, 2, 3, 4)]
        name = "monai_swin_unetr"
        super().__init__(net, stages, _swin, in_channels, sites=sites, name=name, weights=weights, until=freeze)


class _PaddedShortcut(nn.Module):
    """Every stride-th voxel, and channels of zeros behind those that there are (He et al. 2016, option A)."""

    def __init__(self, channels: int, stride: int):
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, volume: Tensor) -> Tensor:
        kept = volume[:, :, :: self.stride, :: self.stride, :: self.stride]
        return pad(kept, (0, 0, 0, 0, 0, 0, 0, self.channels - kept.shape[1]))


def _resnet(net: Any, volume: Tensor) -> Any:
    features = net.maxpool(net.act(net.bn1(net.conv1(volume))))
    return net.layer4(net.layer3(net.layer2(net.layer1(features))))


def _densenet(net: Any, volume: Tensor) -> Any:
    return net.class_layers.relu(net.features(volume))


def _segresnet(net: Any, volume: Tensor) -> Any:
    return net.encode(volume)[0]


def _swin(net: Any, volume: Tensor) -> Any:
    return net(volume)[-1]


def _mean(net: Any, features: Tensor) -> Tensor:
    return features.flatten(2).mean(dim=2)
