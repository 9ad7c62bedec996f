"""Any network whose stages pass maps or tokens on, with its own weights and names kept, and sites in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from fusekit.errors import OptionError
from fusekit.extension.fusion import SiteKind
from fusekit.models.backbones.forms import MAP, Form
from fusekit.models.backbones.sites import Probe, find_layout
from fusekit.models.backbones.stages import Freeze, freeze, stage_numbers
from fusekit.models.backbones.weights import Rename, load_weights
from fusekit.models.parts import Backbone, ImageFeatures, Inject

#: A part of a network's own forward pass. The network is an argument, so that copies run their own.
Run = Callable[[Any, Tensor], Tensor]


class HookedBackbone(Backbone):
    """A network with sites. Without ``inject`` it computes what the network computes, bit for bit.

    The network is ``self.net``, used, not copied, and keeps its own state-dict keys, so weights that were trained
    elsewhere load. The sites are forward pre-hooks. What a pass injects travels with the thread that runs it and never
    lies on a module, so that threads, replicas, models inside models and calls of the network itself do not meet.

    Args:
        stages: number -> names of the modules that the stage consists of, in the order in which they run.
        features: network and image (B, C, *S) -> its last features, in the network's own form.
        pool: network and last features -> vector (B, D).
        sizes: of images that are tried, in turn, to find the sites; the network has to take one of them.
        declared: the form of its features where their shape does not tell, and how many tokens are none of the image.
        class_token: whether the vector is that of a token beside the image's. Then the map is what the last block
            reads: what becomes of it afterwards reaches no prediction.
        name: of the network, for messages.
        weights: a file that it starts from.
        rename: the name of a weight in the file -> in the network.
        until: the stage up to which it is frozen. Frozen parts stay in evaluation mode.

    Raises:
        OptionError: the network does not fit, or the weights do not fit the network.
        DataError: the weights cannot be read.
    """

    def __init__(
        self,
        net: nn.Module,
        stages: Mapping[int, Sequence[str]],
        *,
        features: Run,
        pool: Run,
        in_channels: int,
        sites: SiteKind = "block",
        spatial_dims: int = 2,
        sizes: Sequence[tuple[int, ...]] = (),
        declared: Form = MAP,
        class_token: bool = False,
        name: str = "",
        weights: Path | None = None,
        rename: Rename = str,
        until: Freeze = "none",
    ):
        super().__init__()
        self.net: Any = net
        self.spatial_dims = spatial_dims
        self.features, self.pool = features, pool
        tried = tuple(sizes) or ((64, 64) if spatial_dims == 2 else (16, 16, 16),)
        name = name or type(net).__name__
        layout = find_layout(net, stages, Probe(self._plain, in_channels, tried, declared, class_token), name, sites)
        self.sites, self.forms, self.image_size = layout.sites, layout.forms, layout.size
        self.map_channels, self.width = layout.widths
        self._form = None if class_token else layout.form
        self.loaded = load_weights(net, weights, in_channels, name, rename) if weights else None
        self.fixed, self._frozen = until == "all", freeze(net, stages, until, name)
        self._stages = stages
        self._owner = _Owner()
        for number, (readers, form) in enumerate(zip(layout.readers, layout.forms, strict=True)):
            for place, reader in enumerate(readers):
                hook = partial(_hook, self._owner, number, form, place == 0)
                net.get_submodule(reader).register_forward_pre_hook(hook)
        if class_token:
            last, form = layout.last
            net.get_submodule(last).register_forward_pre_hook(partial(_keep, self._owner, form))

    def forward(self, image: Tensor, inject: Inject | None = None) -> ImageFeatures:
        """Image (B, C, *S) -> map (B, M, *S') and vector (B, D).

        OptionError if a part of the network that reads injected features is checkpointed.
        """
        active = None
        if inject is not None or self._form is None:
            size = tuple(image.shape[2:])
            active = _Pass(self._owner, inject, size, torch.is_grad_enabled(), _saving())
        features: ImageFeatures = _with(active, self._run, image, active)
        return features

    def train(self, mode: bool = True) -> Self:
        """As of any module, but for what is frozen."""
        super().train(mode)
        for frozen in self._frozen:
            self.net.get_submodule(frozen).training = False
        return self

    @property
    def heights(self) -> Mapping[str, int]:
        """Names of its weights -> how many stages lie at or above each; 0 behind the last."""
        numbers, top = stage_numbers(self.net, self._stages), max(self._stages) + 1
        return {f"net.{name}": top - numbers[name.rpartition(".")[0]] for name, _ in self.net.named_parameters()}

    def _run(self, image: Tensor, active: _Pass | None) -> ImageFeatures:
        features = self.features(self.net, image)
        if self._form is None:
            assert active is not None
            assert active.map is not None
            map_ = active.map
        else:  # what the network pools is made from the map, so that gradients reach it (Grad-CAM)
            map_ = self._form.fold(features, tuple(image.shape[2:]))
            features = self._form.unfold(map_, features)
        return ImageFeatures(map_, self.pool(self.net, features))

    def _plain(self, image: Tensor) -> tuple[Any, Tensor]:
        features = self.features(self.net, image)
        return features, self.pool(self.net, features)


class _Owner:
    """Says whose pass a hook belongs to: a deep copy owns its own, a replica (DataParallel) its original's."""


@dataclass(slots=True)
class _Pass:  # a forward pass that injects, or whose map is kept on the way
    owner: _Owner
    inject: Inject | None
    size: tuple[int, ...]  # of its images
    differentiated: bool
    saving: object
    injected: Tensor | None = None
    map: Tensor | None = None


class _Thread(threading.local):
    """The pass that a thread is in. A context variable would do too, but torch.compile cannot trace its setting."""

    def __init__(self) -> None:
        # Each thread's own from the start: a compiled graph is made for a namespace that does not grow meanwhile.
        self.active: _Pass | None = None


_THREAD = _Thread()


def _with(active: _Pass | None, call: Callable[..., Any], *arguments: Any) -> Any:
    """Call within a pass; what was active before, as in a model inside a model, is active again afterwards."""
    earlier = _THREAD.active
    _THREAD.active = active
    try:
        return call(*arguments)
    finally:
        _THREAD.active = earlier


def _hook(
    owner: _Owner, site: int, form: Form, first: bool, module: nn.Module, args: tuple[Any, ...]
) -> tuple[Any, ...] | None:
    """Hand the first reader of a site what is injected, and further ones, such as a projecting shortcut, the same."""
    active = _THREAD.active
    if active is None or active.owner is not owner or active.inject is None:
        return None
    if first:
        folded = form.fold(args[0], active.size)
        # An inject may run the network itself, which is no part of this pass.
        injected = _with(None, active.inject, site, folded)
        if injected is not folded:
            _refuse_checkpointing(active)
        active.injected = form.unfold(injected, args[0])
    return (active.injected, *args[1:])


def _keep(owner: _Owner, form: Form, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Keep what the last block reads as the map of the pass; the block reads what the map is unfolded to."""
    active = _THREAD.active
    if active is None or active.owner is not owner:
        return None
    _refuse_checkpointing(active)
    active.map = form.fold(args[0], active.size)
    return (form.unfold(active.map, args[0]), *args[1:])


def _refuse_checkpointing(active: _Pass) -> None:
    """Activation checkpointing runs a part of the network again during backward, when no pass is active any more.

    Seen from inside, its reentrant kind switches gradients off, and the other one watches what is saved for backward.
    """
    if active.differentiated != torch.is_grad_enabled() or active.saving is not _saving():
        raise OptionError(
            "a part of the backbone is checkpointed: it would run again during backward, without what is injected "
            "into it. Checkpoint the whole model instead (torch.utils.checkpoint.checkpoint(model, image, columns, "
            "use_reentrant=False)), or switch it off (for a network of timm: net.set_grad_checkpointing(False))."
        )


def _saving() -> object:
    """What watches the tensors that are saved for backward; a compiler sees through checkpointing by itself."""
    if torch.compiler.is_compiling():
        return None
    hooks = torch._C._autograd._top_saved_tensors_default_hooks(True)
    return None if hooks is None else hooks[0]
