"""Any timm network whose stages pass maps on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from fusekit.errors import OptionError, UnknownName
from fusekit.extension import suggest
from fusekit.extension.fusion import SiteKind
from fusekit.models.backbones.hooked import HookedBackbone
from fusekit.models.backbones.sites import refusal
from fusekit.models.backbones.stages import Freeze


class TimmBackbone(HookedBackbone):
    """A timm network with sites. Without ``inject`` it computes what timm computes, bit for bit.

    The network is ``self.net`` and keeps timm's own state-dict keys there, so published weights load. Its stages are
    read off timm's ``feature_info``: a stage is what runs after the previous entry up to and including its own;
    stage 1 is the one that ends at stride 4.

    Args:
        name: timm's, with a tag (``resnet50.a1_in1k``) where weights are chosen.
        pretrained: load timm's published weights; timm adapts a first layer of other than three channels.
        init: ``he`` draws every convolution anew from He et al. 2015 (normal, fan out) and sets batch norms to weight
            1 and bias 0, also where timm starts a block's last one at 0; ``timm`` keeps timm's. Without effect on
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
        pretrained: bool = False,
        init: Literal["he", "timm"] = "he",
        channels: tuple[int, ...] = (),
        weights: Path | None = None,
        freeze: Freeze = "none",
    ):
        if pretrained and weights:
            raise OptionError("backbone.pretrained and backbone.weights are two beginnings; choose one.")
        net = _create(name, in_channels, pretrained, channels)
        if init == "he" and not pretrained:
            net.apply(_he)
        self._adopt(net, name, in_channels, sites, weights, freeze)

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
        weights: Path | None = None,
        until: Freeze = "none",
    ) -> None:
        if getattr(net, "output_fmt", "NCHW") != "NCHW":
            raise OptionError(refusal(name, f"it keeps its features as {net.output_fmt}, not as NCHW"))
        default = (getattr(net, "pretrained_cfg", None) or {}).get("input_size", (3, 224, 224))[-2:]
        super().__init__(
            net,
            _stages(net, name),
            features=_features,
            pool=_pool,
            in_channels=in_channels,
            sites=kind,
            sizes=((64, 64), default),  # networks that cannot take small images are probed at their default size
            name=name,
            weights=weights,
            until=until,
        )


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


def _create(name: str, in_channels: int, pretrained: bool, channels: tuple[int, ...]) -> nn.Module:
    import timm  # which takes two seconds, and what reads runs builds no network

    if not timm.is_model(name):
        raise UnknownName(f"timm has no network {name!r}; {suggest(name, timm.list_models())}")
    if pretrained and not timm.models.is_model_pretrained(name):
        raise OptionError(f"timm has no published weights for {name!r}: leave pretrained at false, or choose another.")
    if channels and (pretrained or len(channels) != 4 or min(channels) < 1):
        given = ",".join(map(str, channels))
        raise OptionError(f"backbone.channels={given} takes four numbers from 1 on, and no published weights.")
    width: dict[str, Any] = {"channels": channels} if channels else {}
    try:
        net: nn.Module = timm.create_model(name, in_chans=in_channels, num_classes=0, pretrained=pretrained, **width)
    except TypeError as error:
        if width and "channels" in str(error):
            raise OptionError(f"timm builds {name!r} in one width only: leave backbone.channels out.") from error
        raise
    except OSError as error:
        raise OptionError(f"the published weights of {name!r} cannot be fetched or read: {error}") from error
    except Exception as error:
        raise OptionError(f"timm cannot build {name!r} for {in_channels} channels: {error}") from error
    return net


def _he(module: nn.Module) -> None:
    if isinstance(module, _ConvNd):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        # torch counts the outputs of all groups, but an input feeds those of its own group only
        module.weight.detach().mul_(module.groups**0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, _BatchNorm) and module.affine:
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)


def _features(net: Any, image: Tensor) -> Any:
    return net.forward_features(image)


def _pool(net: Any, features: Tensor) -> Any:
    return net.forward_head(features, pre_logits=True)


def _stages(net: nn.Module, name: str) -> dict[int, list[str]]:
    """Stage -> its outermost modules, in the order of their registration."""
    names = [label for label, _ in net.named_modules()]
    stages: dict[int, list[str]] = {}
    previous = None
    for info in getattr(net, "feature_info", None) or ():
        end = info["module"]
        if end not in names:
            raise OptionError(refusal(name, f"its features at stride {info['reduction']} come from no single module"))
        if info["reduction"] >= 4:
            number = int(info["reduction"]).bit_length() - 2
            stages.setdefault(number, []).extend(_between(names, previous, end))
        previous = end
    if not stages:
        raise OptionError(refusal(name, "timm does not say which modules are its stages"))
    return stages


def _between(names: list[str], start: str | None, end: str) -> Iterator[str]:
    """Outermost modules that are registered after ``start`` (None: from ``end``) up to and including ``end``."""
    kept = start
    for label in names[names.index(end if start is None else start) : names.index(end) + 1]:
        inside = kept is not None and (label == kept or label.startswith(f"{kept}."))
        if not inside and not end.startswith(f"{label}."):
            kept = label
            yield label
