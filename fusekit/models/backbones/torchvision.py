"""torchvision's video ResNets as backbones of whole volumes: depth stands where films have time."""

import re
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torchvision.models import video

from fusekit.errors import OptionError, UnknownName
from fusekit.extension import suggest
from fusekit.extension.fusion import SiteKind
from fusekit.models.backbones.hooked import HookedBackbone
from fusekit.models.backbones.stages import Freeze

_STAGES = ("layer1", "layer2", "layer3", "layer4")


class VideoBackbone(HookedBackbone):
    """A three-dimensional ResNet with sites. Without ``inject`` it computes what torchvision computes, bit for bit.

    The network is ``self.net``, with torchvision's state-dict keys (its classifier ``fc`` left out), so weights that
    were trained elsewhere load. Its weights start as torchvision draws them: He et al. 2015, fan out.

    The networks were made for films, so depth (the first axis of a whole volume, head to feet) is treated apart: the
    stem strides by 2 over rows and columns and by 1 over depth. A volume S x S x S leaves ``r3d_18`` and
    ``r2plus1d_18`` as S/8 x S/16 x S/16, and ``mc3_18``, whose later stages are flat, as S x S/16 x S/16.

    Args:
        name: torchvision's.
        weights: a file with weights to start from; those of a two-dimensional ResNet-18, by timm's or torchvision's
            names, are repeated along depth (``r3d_18``, ``mc3_18``).
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
        if in_channels < 1:
            raise OptionError(f"a volume has one channel or more, not {in_channels}.")
        if not hasattr(video, name):
            raise UnknownName(f"torchvision has no network {name!r} for volumes; {suggest(name, dir(video))}")
        net: Any = getattr(video, name)(weights=None)
        net.stem[0] = _first_convolution(net.stem[0], in_channels)
        net.fc = nn.Identity()
        super().__init__(
            net,
            {number: (stage,) for number, stage in enumerate(_STAGES, 1)},
            features=_features,
            pool=_pool,
            in_channels=in_channels,
            sites=sites,
            spatial_dims=3,
            name=name,
            weights=weights,
            rename=_from_images,
            until=freeze,
        )


def _features(net: Any, image: Tensor) -> Tensor:
    features: Tensor = net.stem(image)
    for stage in _STAGES:
        features = net.get_submodule(stage)(features)
    return features


def _pool(net: Any, features: Tensor) -> Any:
    return net.avgpool(features).flatten(1)


def _from_images(name: str) -> str:
    """A name in a ResNet of images -> here, where a convolution, its norm and its activation are one chain."""
    if name in ("conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"):
        return name.replace("conv1", "stem.0").replace("bn1", "stem.1")
    named = re.sub(r"^(layer\d\.\d+\.conv\d)\.weight$", r"\1.0.weight", name)
    return re.sub(r"^(layer\d\.\d+\.)bn(\d)\.", r"\1conv\2.1.", named)


def _first_convolution(made_for_colour: nn.Conv3d, in_channels: int) -> nn.Conv3d:
    """The stem's first layer for other than three channels, drawn as torchvision draws it."""
    if in_channels == made_for_colour.in_channels:
        return made_for_colour
    sizes: Any = {name: getattr(made_for_colour, name) for name in ("kernel_size", "stride", "padding")}
    layer = nn.Conv3d(in_channels, made_for_colour.out_channels, **sizes, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer
