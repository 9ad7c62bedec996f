"""Where a network can be changed: found by running it once and watching which modules read what."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from fusekit.errors import OptionError
from fusekit.extension.fusion import SiteKind
from fusekit.models.parts import ImageFeatures, ImageWidths, Site


class Layout(NamedTuple):
    """What one probe forward shows of a network."""

    sites: tuple[Site, ...]
    readers: tuple[tuple[str, ...], ...]  # of each site: the modules that read its features, in running order
    widths: ImageWidths
    size: tuple[int, ...]  # of the image that it was found with


class Probe(NamedTuple):
    """How to run a network once; image sizes are tried in turn."""

    run: Callable[[Tensor], ImageFeatures]
    in_channels: int
    sizes: tuple[tuple[int, ...], ...]


def find_layout(net: nn.Module, stages: Mapping[int, Sequence[str]], probe: Probe, name: str, kind: SiteKind) -> Layout:
    """Find the sites of a network and the widths of its features; OptionError with the reason if it does not fit.

    A block is a child of a stage's chain that holds two or more convolutions or linear layers; what holds one is that
    layer with its norm and activation. Where a stage has no blocks, or no child of a block reads the block's own input,
    the coarser kind of site takes its place. The network is left as it was.
    """
    candidates = {c: number for number, units in stages.items() for unit in units for c in (unit, *_blocks(net, unit))}
    watch = _Watch(candidates, len(probe.sizes[0]))
    (map_, vector), size = watch.run(net, probe, name)
    if not isinstance(map_, Tensor) or map_.ndim != watch.ndim or vector.ndim != 2:
        shape = tuple(map_.shape) if isinstance(map_, Tensor) else f"of a {type(map_).__name__}"
        raise OptionError(refusal(name, f"its last features have shape {shape}, which is no map"))
    found: list[str] = []
    for number, units in stages.items():
        chosen = _choose(net, units, kind, watch)
        if not chosen:
            raise OptionError(refusal(name, f"no part of its stage {number} reads a single feature map"))
        found += chosen
    found.sort(key=watch.order.index)
    if twice := [module for module in found if watch.order.count(module) > 1]:
        raise OptionError(refusal(name, f"it runs {twice[0]!r} more than once"))
    children = {module: watch.readers[module] if kind == "branch" else () for module in found}
    return Layout(
        tuple(Site(module, candidates[module], watch.channels[module]) for module in found),
        tuple(tuple(f"{module}.{child}" for child in children[module]) or (module,) for module in found),
        ImageWidths(map=map_.shape[1], vector=vector.shape[1]),
        size,
    )


class _Watch:
    """Notes, during one forward pass, which candidates read a single map and which of their children read it too."""

    def __init__(self, candidates: Mapping[str, int], spatial_dims: int):
        self.candidates = candidates
        self.ndim = 2 + spatial_dims
        self.order: list[str] = []
        self.channels: dict[str, int] = {}
        self.readers: dict[str, list[str]] = {}
        self._input: dict[str, Tensor] = {}

    @torch.no_grad()
    def run(self, net: nn.Module, probe: Probe, name: str) -> tuple[ImageFeatures, tuple[int, ...]]:
        handles = []
        for candidate in self.candidates:
            module = net.get_submodule(candidate)
            handles.append(module.register_forward_pre_hook(partial(self._enter, candidate)))
            # An Identity passes its very input on, so the next child shows up as a reader by itself; an identity
            # shortcut must not show up.
            handles += [
                child.register_forward_pre_hook(partial(self._read, candidate, label))
                for label, child in module.named_children()
                if not isinstance(child, nn.Identity)
            ]
        training = net.training
        try:
            return self._probe(net.eval(), probe, name)
        finally:
            net.train(training)
            self._input.clear()
            for handle in handles:
                handle.remove()

    def _probe(self, net: nn.Module, probe: Probe, name: str) -> tuple[ImageFeatures, tuple[int, ...]]:
        weight = next(net.parameters())
        for size in probe.sizes:
            self.order.clear()
            self.readers.clear()
            try:
                image = torch.zeros(1, probe.in_channels, *size, dtype=weight.dtype, device=weight.device)
                return probe.run(image), size
            except Exception as error:  # noqa: BLE001  (a thousand networks fail in a hundred ways; all mean: no fit)
                problem = error
        raise OptionError(refusal(name, f"running it fails: {type(problem).__name__}: {problem}")) from problem

    def _enter(self, name: str, module: nn.Module, args: tuple[Any, ...]) -> None:
        if len(args) == 1 and isinstance(args[0], Tensor) and args[0].ndim == self.ndim:
            self.order.append(name)
            self.channels[name] = args[0].shape[1]
            self.readers[name] = []
            self._input[name] = args[0]

    def _read(self, name: str, child: str, module: nn.Module, args: tuple[Any, ...]) -> None:
        if args and args[0] is self._input.get(name):
            self.readers[name].append(child)


def _blocks(net: nn.Module, unit: str) -> list[str]:
    """The blocks of a chain: of a Sequential, of its ``blocks``, or of a module whose children are all alike."""
    module = net.get_submodule(unit)
    inner = getattr(module, "blocks", None)
    if isinstance(inner, nn.Sequential):
        unit, module = f"{unit}.blocks", inner
    children = dict(module.named_children())
    if not isinstance(module, nn.Sequential) and len({type(child) for child in children.values()}) != 1:
        return []
    return [f"{unit}.{label}" for label, child in children.items() if _is_block(child)]


def _is_block(module: nn.Module) -> bool:
    return sum(isinstance(part, _ConvNd | nn.Linear) for part in module.modules()) >= 2


def _choose(net: nn.Module, units: Sequence[str], kind: SiteKind, watch: _Watch) -> list[str]:
    """The modules of one stage whose input is a site."""
    seen = [unit for unit in units if unit in watch.channels or any(b in watch.channels for b in _blocks(net, unit))]
    solid = [unit for unit in seen if _is_block(net.get_submodule(unit))] or seen[:1]
    if kind == "stage":
        return [unit for unit in solid if unit in watch.channels][:1]
    chosen = []
    for unit in solid:
        chosen += [block for block in _blocks(net, unit) if block in watch.channels] or [unit]
    return chosen


def refusal(name: str, reason: str) -> str:
    """A sentence about why a network does not fit, and which do."""
    return (
        f"the backbone {name!r} cannot be used: {reason}.\n"
        "A backbone needs stages that pass on one map each, as convolutional networks do: resnet50, convnext_tiny, "
        "efficientnet_b0, densenet121, regnety_016, ..."
    )
