"""Any timm network whose stages pass maps on, with its own names and weights kept, and sites in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Self

import timm
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from fusekit.errors import OptionError, UnknownName
from fusekit.extension.fusion import SiteKind
from fusekit.extension.registry import suggest
from fusekit.models.parts import Backbone, ImageFeatures, Inject
from fusekit.models.timm_sites import find_layout


class TimmBackbone(Backbone):
    """A timm network with sites. Without ``inject`` it computes what timm computes, bit for bit.

    The network is ``self.net`` and keeps timm's own state-dict keys there, so published weights load. The sites are
    held by forward pre-hooks that are bound methods: a deep copy or a pickle owns its own. Do not switch on timm's
    gradient checkpointing: it runs blocks again after the forward pass, when nothing is injected any more.

    Args:
        name: timm's, as in ``timm.list_models()``; with a tag (``resnet50.a1_in1k``) where weights are chosen.
        in_channels: of the image.
        sites: before each stage, before each block, or before each block's branches (see ``SiteKind``).
        pretrained: load timm's published weights; a first layer of other than three channels is adapted by timm.
        init: ``he`` draws every convolution anew from He et al. 2015 (normal, fan out) and sets batch norms to weight
            1 and bias 0, also where timm starts a block's last one at 0; ``timm`` keeps timm's. Without effect on
            pretrained weights.

    Raises:
        UnknownName: timm has no such network.
        OptionError: the network does not fit, or has no published weights.
    """

    def __init__(
        self,
        name: str,
        in_channels: int,
        *,
        sites: SiteKind = "block",
        pretrained: bool = False,
        init: Literal["he", "timm"] = "he",
    ):
        super().__init__()
        net = _create(name, in_channels, pretrained)
        if init == "he" and not pretrained:
            net.apply(_he)
        self._adopt(net, name, in_channels, sites)

    @classmethod
    def around(cls, net: nn.Module, in_channels: int, *, sites: SiteKind = "block") -> Self:
        """Give a timm network that you built and trained yourself sites; the network itself is used, not a copy.

        Its classifier is left out of the forward pass; ``net.reset_classifier(0)`` removes its weights too.

        Raises:
            OptionError: the network does not fit.
        """
        backbone = cls.__new__(cls)
        nn.Module.__init__(backbone)
        backbone._adopt(net, type(net).__name__, in_channels, sites)
        return backbone

    def _adopt(self, net: nn.Module, name: str, in_channels: int, kind: SiteKind) -> None:
        layout = find_layout(net, name, in_channels, kind)
        self.net: Any = net  # nn.Module does not know timm's forward_features and forward_head
        self.sites = tuple(found.site for found in layout.sites)
        self.map_channels, self.width = layout.widths
        self._pass = _Pass()
        for i, found in enumerate(layout.sites):
            for n, reader in enumerate(found.readers):
                hook = self._inject_first if n == 0 else self._inject_again
                net.get_submodule(reader).register_forward_pre_hook(partial(hook, i))

    def forward(self, image: Tensor, inject: Inject | None = None) -> ImageFeatures:
        """Image (B, C, H, W) -> map (B, M, H', W') and vector (B, D)."""
        self._pass.inject = inject
        try:
            features = self.net.forward_features(image)
            return ImageFeatures(map=features, vector=self.net.forward_head(features, pre_logits=True))
        finally:
            self._pass.inject = self._pass.injected = None

    def _inject_first(self, site: int, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if self._pass.inject is None:
            return None
        self._pass.injected = self._pass.inject(site, args[0])
        return (self._pass.injected, *args[1:])

    def _inject_again(self, site: int, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Hand the site's further readers, such as a projecting shortcut, what the first one got."""
        return None if self._pass.inject is None else (self._pass.injected, *args[1:])


@dataclass(slots=True)
class _Pass:
    """What hooks need to know about the forward pass under way.

    Kept beside the module's own attributes: nn.Module would register an ``inject`` that is a module as its child.
    """

    inject: Inject | None = None
    injected: Tensor | None = None


def _create(name: str, in_channels: int, pretrained: bool) -> nn.Module:
    if not timm.is_model(name):
        raise UnknownName(f"timm has no network {name!r}; {suggest(name, timm.list_models())}")
    if pretrained and not timm.models.is_model_pretrained(name):
        raise OptionError(f"timm has no published weights for {name!r}: leave pretrained at false, or choose another.")
    try:
        net: nn.Module = timm.create_model(name, in_chans=in_channels, num_classes=0, pretrained=pretrained)
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
