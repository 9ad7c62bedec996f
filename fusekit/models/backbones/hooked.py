"""Any network whose stages pass maps on, with its own weights and names kept, and sites in it."""

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
        features: network and image (B, C, *S) -> map (B, M, *S').
        pool: network and map -> vector (B, D).
        sizes: of images that are tried, in turn, to find the sites; the network has to take one of them.
        name: of the network, for messages.
        weights: a file that it starts from; the name of each in a network that names them otherwise is ``rename``d.
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
        name: str = "",
        weights: Path | None = None,
        rename: Rename = str,
        until: Freeze = "none",
    ):
        super().__init__()
        self.net: Any = net
        self.spatial_dims = spatial_dims
        self.features, self.pool = features, pool
        probe = Probe(self._run, in_channels, tuple(sizes) or ((64, 64) if spatial_dims == 2 else (16, 16, 16),))
        name = name or type(net).__name__
        layout = find_layout(net, stages, probe, name, sites)
        self.sites, self.image_size = layout.sites, layout.size
        self.map_channels, self.width = layout.widths
        self.loaded = load_weights(net, weights, in_channels, name, rename) if weights else None
        self.fixed, self._frozen = until == "all", freeze(net, stages, until, name)
        self._stages = stages
        self._owner = _Owner()
        for number, readers in enumerate(layout.readers):
            for place, reader in enumerate(readers):
                net.get_submodule(reader).register_forward_pre_hook(partial(_hook, self._owner, number, place == 0))

    def forward(self, image: Tensor, inject: Inject | None = None) -> ImageFeatures:
        """Image (B, C, *S) -> map (B, M, *S') and vector (B, D).

        OptionError if a part of the network that reads injected features is checkpointed.
        """
        injecting = None if inject is None else _Pass(self._owner, inject, torch.is_grad_enabled(), _saving())
        features: ImageFeatures = _with(injecting, self._run, image)
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

    def _run(self, image: Tensor) -> ImageFeatures:
        features = self.features(self.net, image)
        return ImageFeatures(map=features, vector=self.pool(self.net, features))


class _Owner:
    """Says whose pass a hook belongs to: a deep copy owns its own, a replica (DataParallel) its original's."""


@dataclass(slots=True)
class _Pass:  # a forward pass that injects
    owner: _Owner
    inject: Inject
    differentiated: bool
    saving: object
    injected: Tensor | None = None


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


def _hook(owner: _Owner, site: int, first: bool, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Hand the first reader of a site what is injected, and further ones, such as a projecting shortcut, the same."""
    active = _THREAD.active
    if active is None or active.owner is not owner:
        return None
    if first:
        # An inject may run the network itself, which is no part of this pass.
        active.injected = _with(None, active.inject, site, args[0])
        if active.injected is not args[0]:
            _refuse_checkpointing(active)
    return (active.injected, *args[1:])


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
