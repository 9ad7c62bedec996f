"""Any timm network whose stages pass maps or tokens on."""

import inspect
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from fusekit.errors import OptionError, UnknownName
from fusekit.extension import suggest
from fusekit.extension.fusion import SiteKind
from fusekit.models.backbones.feature_info import stages_of
from fusekit.models.backbones.forms import Form
from fusekit.models.backbones.hooked import HookedBackbone
from fusekit.models.backbones.initial import closed, he
from fusekit.models.backbones.stages import Freeze


class TimmBackbone(HookedBackbone):
    """A timm network with sites. Without ``inject`` it computes what timm computes, bit for bit.

    The network is ``self.net`` and keeps timm's own state-dict keys there, so published weights load. Its stages are
    read off timm's ``feature_info``: a stage is what runs after the previous entry up to and including its own;
    stage 1 is the one that ends at stride 4. Blocks that all have one stride, as in a ViT, are four stages of as many
    blocks each. The map of a network that predicts from a class token is what its last block reads.

    Args:
        name: timm's, with a tag (``resnet50.a1_in1k``) where weights are chosen.
        image_size: height and width of its images, if known. A network of a fixed size is made for it.
        pretrained: load timm's published weights; timm adapts a first layer of other than three channels.
        init: ``he`` draws every convolution anew from He et al. 2015 (normal, fan out) and sets batch norms to weight
            1 and bias 0. What multiplies a branch starts at 1, also where timm starts a block's last norm at 0 or a
            layer scale at 1e-6, so that what is injected has an effect. ``timm`` keeps timm's. Without effect on
            pretrained weights.
        channels: of stages 1 to 4, for timm's ResNets: a narrower network learns as much from a few hundred people, in
            half of the time. Empty: timm's own. Published weights do not fit another width.
        weights: a file with weights of your own to start from, in place of ``pretrained``.
        freeze: what is not trained: none, stem, all, or a stage with all before it (``freeze=2``). It stays in
            evaluation mode.
    """

    def __init__(
        self,
        name: str,
        in_channels: int,
        *,
        sites: SiteKind = "block",
        image_size: int | None = None,
        pretrained: bool = False,
        init: Literal["he", "timm"] = "he",
        channels: tuple[int, ...] = (),
        weights: Path | None = None,
        freeze: Freeze = "none",
    ):
        if pretrained and weights:
            raise OptionError("backbone.pretrained and backbone.weights are two beginnings; choose one.")
        if channels and (pretrained or len(channels) != 4 or min(channels) < 1):
            given = ",".join(map(str, channels))
            raise OptionError(f"backbone.channels={given} takes four numbers from 1 on, and no published weights.")
        width: dict[str, Any] = {"channels": channels} if channels else {}
        net = _create(name, in_channels, pretrained, width)
        made_for = None
        if image_size is not None and _refused(net, in_channels, image_size) is not None:
            net, made_for = _create_for(image_size, _default(net), name, in_channels, pretrained, width), image_size
        if init == "he" and not pretrained:
            he(net)
        elif sites == "branch" and not (pretrained or weights) and any(True for _ in closed(net)):
            warnings.warn(
                f"branches of {name!r} start closed with backbone.init=timm: at first, what is injected into them has "
                "no effect. backbone.init=he opens them; -o sites.kind=block injects into branch and shortcut.",
                stacklevel=2,
            )
        self._adopt(net, name, in_channels, sites, made_for, weights, freeze)

    @classmethod
    def around(cls, net: nn.Module, in_channels: int, *, sites: SiteKind = "block") -> Self:
        """Give sites to a timm network that you built and trained yourself; the network itself is used, not a copy.

        Its classifier is left out of the forward pass; ``net.reset_classifier(0)`` removes its weights too.
        """
        backbone = cls.__new__(cls)
        backbone._adopt(net, type(net).__name__, in_channels, sites)
        return backbone

    def _adopt(
        self,
        net: nn.Module,
        name: str,
        in_channels: int,
        kind: SiteKind,
        made_for: int | None = None,
        weights: Path | None = None,
        until: Freeze = "none",
    ) -> None:
        order: Literal["first", "last"] = "last" if getattr(net, "output_fmt", "NCHW") == "NHWC" else "first"
        super().__init__(
            net,
            stages_of(net, name),
            features=_features,
            pool=_pool,
            in_channels=in_channels,
            sites=kind,
            # Networks that cannot take small images are probed at their default size.
            sizes=((64, 64), _default(net)) if made_for is None else ((made_for, made_for),),
            # PiT has another name for its class tokens.
            declared=Form(order, getattr(net, "num_prefix_tokens", getattr(net, "num_tokens", 0))),
            class_token=getattr(net, "global_pool", "") == "token",
            name=name,
            weights=weights,
            until=until,
        )
        self.made_for = made_for


def narrow_resnet10t(
    in_channels: int,
    *,
    sites: SiteKind = "block",
    init: Literal["he", "timm"] = "he",
    weights: Path | None = None,
    freeze: Freeze = "none",
) -> TimmBackbone:
    """Build timm's ResNet-10-T with 192 and 256 channels in its last stages, whose maps are small: half of the time."""
    given: Any = {"sites": sites, "init": init, "weights": weights, "freeze": freeze}
    return TimmBackbone("resnet10t", in_channels, channels=(64, 128, 192, 256), **given)


def _create(name: str, in_channels: int, pretrained: bool, options: Mapping[str, Any]) -> nn.Module:
    import timm  # which takes two seconds, and what reads runs builds no network

    if not timm.is_model(name):
        raise UnknownName(f"timm has no network {name!r}; {suggest(name, timm.list_models())}")
    if pretrained and not timm.models.is_model_pretrained(name):
        raise OptionError(f"timm has no published weights for {name!r}: leave pretrained at false, or choose another.")
    try:
        net: nn.Module = timm.create_model(name, in_chans=in_channels, num_classes=0, pretrained=pretrained, **options)
    except OSError as error:
        raise OptionError(f"the published weights of {name!r} cannot be fetched or read: {error}") from error
    except Exception as error:
        if "channels" in options and isinstance(error, TypeError) and "channels" in str(error):
            raise OptionError(f"timm builds {name!r} in one width only: leave backbone.channels out.") from error
        raise OptionError(f"timm cannot build {name!r} for {in_channels} channels: {error}") from error
    return net


def _default(net: nn.Module) -> tuple[int, ...]:
    """Height and width of the images that timm made a network for."""
    size: tuple[int, ...] = (getattr(net, "pretrained_cfg", None) or {}).get("input_size", (3, 224, 224))
    return tuple(size[-2:])


def _refused(net: nn.Module, in_channels: int, size: int) -> Exception | None:
    """Why a network does not take images of a size; None if it does, or timm has it in no other than its own."""
    if _default(net) == (size, size) or "img_size" not in inspect.signature(type(net).__init__).parameters:
        return None
    weight, training = next(net.parameters()), net.training
    try:
        with torch.no_grad():
            net.eval()(torch.zeros(1, in_channels, size, size, dtype=weight.dtype, device=weight.device))
    except Exception as error:  # noqa: BLE001  (as many kinds as networks)
        return error
    finally:
        net.train(training)
    return None


def _create_for(
    size: int, own: tuple[int, ...], name: str, in_channels: int, pretrained: bool, options: Mapping[str, Any]
) -> nn.Module:
    """A network of a fixed size made for another than its own; timm fits published weights to it."""
    problem: Exception | None
    try:
        net = _create(name, in_channels, pretrained, {**options, "img_size": size})
        problem = _refused(net, in_channels, size)
    except OptionError as error:
        problem = error
    if problem is None:
        return net
    raise OptionError(
        f"the backbone {name!r} has a fixed image size, and timm cannot make it for {size} x {size}: {problem}.\n"
        f"Its own is {' x '.join(map(str, own))} (--image-size {own[0]})."
    ) from problem


def _features(net: Any, image: Tensor) -> Any:
    return net.forward_features(image)


def _pool(net: Any, features: Tensor) -> Any:
    return net.forward_head(features, pre_logits=True)
