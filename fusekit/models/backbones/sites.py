"""Where a network can be changed: found by running it once and watching which modules read what."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from fusekit.errors import OptionError
from fusekit.extension.fusion import SiteKind
from fusekit.models.backbones.forms import MAP, Form, find_form
from fusekit.models.parts import ImageWidths, Site


class Layout(NamedTuple):
    """What one probe forward shows of a network."""

    sites: tuple[Site, ...]
    readers: tuple[tuple[str, ...], ...]  # of each site: the modules that read its features, in running order
    forms: tuple[Form, ...]  # of each site
    last: tuple[str, Form]  # the last block, and the form of what it reads
    form: Form  # of the network's own last features
    widths: ImageWidths
    size: tuple[int, ...]  # of the image that it was found with


class Probe(NamedTuple):
    """How to run a network once; image sizes are tried in turn."""

    run: Callable[[Tensor], tuple[Any, Tensor]]  # image -> the network's last features, and the vector
    in_channels: int
    sizes: tuple[tuple[int, ...], ...]
    declared: Form = MAP
    class_token: bool = False  # the vector is made of no map


def find_layout(net: nn.Module, stages: Mapping[int, Sequence[str]], probe: Probe, name: str, kind: SiteKind) -> Layout:
    """Find the sites of a network and the widths of its features; OptionError with the reason if it does not fit.

    A block is a child of a stage's chain that holds two or more convolutions or linear layers; what holds one is that
    layer with its norm and activation. Where a stage has no blocks, or no child of a block reads the block's own input,
    the coarser kind of site takes its place. A stage whose parts read several maps, or none, has no sites. The network
    is left as it was.
    """
    candidates = {c: number for number, units in stages.items() for unit in units for c in (unit, *_blocks(net, unit))}
    watch = _Watch(candidates, probe)
    (features, vector), size = watch.run(net, name)
    found = [module for units in stages.values() for module in _choose(net, units, kind, watch)]
    if not found:
        raise OptionError(refusal(name, "no part of its stages reads a single feature map"))
    found.sort(key=watch.order.index)
    if twice := [module for module in found if watch.order.count(module) > 1]:
        raise OptionError(refusal(name, f"it runs {twice[0]!r} more than once"))
    last = watch.order[-1]
    if probe.class_token:
        form, map_channels = MAP, watch.channels[last]
    else:
        known = find_form(features, size, probe.declared) if isinstance(features, Tensor) else None
        if known is None:
            shape = tuple(features.shape) if isinstance(features, Tensor) else f"of a {type(features).__name__}"
            raise OptionError(refusal(name, f"its last features have shape {shape}, which is no map"))
        form, map_channels = known, known.channels(features)
    if vector.ndim != 2:
        raise OptionError(refusal(name, f"its vector has shape {tuple(vector.shape)}"))
    children = {module: watch.readers[module] if kind == "branch" else () for module in found}
    return Layout(
        tuple(Site(module, candidates[module], watch.channels[module]) for module in found),
        tuple(tuple(f"{module}.{child}" for child in children[module]) or (module,) for module in found),
        tuple(watch.forms[module] for module in found),
        (last, watch.forms[last]),
        form,
        ImageWidths(map=map_channels, vector=vector.shape[1]),
        size,
    )


class _Watch:
    """Notes, during one forward pass, which candidates read a single map and which of their children read it too."""

    def __init__(self, candidates: Mapping[str, int], probe: Probe):
        self.candidates, self.probe = candidates, probe
        self.order: list[str] = []
        self.channels: dict[str, int] = {}
        self.forms: dict[str, Form] = {}
        self.readers: dict[str, list[str]] = {}
        self._input: dict[str, Tensor] = {}
        self._size: tuple[int, ...] = ()

    @torch.no_grad()
    def run(self, net: nn.Module, name: str) -> tuple[tuple[Any, Tensor], tuple[int, ...]]:
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
            return self._probe(net.eval(), name)
        finally:
            net.train(training)
            self._input.clear()
            for handle in handles:
                handle.remove()

    def _probe(self, net: nn.Module, name: str) -> tuple[tuple[Any, Tensor], tuple[int, ...]]:
        weight = next(net.parameters())
        for size in self.probe.sizes:
            self._size = size
            self.order.clear()
            self.readers.clear()
            try:
                image = torch.zeros(1, self.probe.in_channels, *size, dtype=weight.dtype, device=weight.device)
                return self.probe.run(image), size
            except Exception as error:  # noqa: BLE001  (a thousand networks fail in a hundred ways; all mean: no fit)
                problem = error
        raise OptionError(refusal(name, f"running it fails: {type(problem).__name__}: {problem}")) from problem

    def _enter(self, name: str, module: nn.Module, args: tuple[Any, ...]) -> None:
        # Beside the features, a block may be given their height and width.
        if not args or not isinstance(args[0], Tensor) or any(isinstance(other, Tensor) for other in args[1:]):
            return
        form = find_form(args[0], self._size, self.probe.declared)
        if form is not None:
            self.order.append(name)
            self.forms[name], self.channels[name] = form, form.channels(args[0])
            self.readers[name] = []
            self._input[name] = args[0]

    def _read(self, name: str, child: str, module: nn.Module, args: tuple[Any, ...]) -> None:
        if args and args[0] is self._input.get(name):
            self.readers[name].append(child)


def _blocks(net: nn.Module, unit: str) -> list[str]:
    """The blocks of a chain: of a list, of its ``blocks``, or of a module whose children are all alike."""
    module = net.get_submodule(unit)
    inner = getattr(module, "blocks", None)
    if isinstance(inner, nn.Sequential | nn.ModuleList):
        unit, module = f"{unit}.blocks", inner
    children = dict(module.named_children())
    if not isinstance(module, nn.Sequential | nn.ModuleList) and len({type(child) for child in children.values()}) != 1:
        return []
    return [f"{unit}.{label}" for label, child in children.items() if _is_block(child)]


def _is_block(module: nn.Module) -> bool:
    return sum(isinstance(part, _ConvNd | nn.Linear) for part in module.modules()) >= 2


def _choose(net: nn.Module, units: Sequence[str], kind: SiteKind, watch: _Watch) -> list[str]:
    """The modules of one stage whose input is a site."""
    seen = [unit for unit in units if unit in watch.channels or any(b in watch.channels for b in _blocks(net, unit))]
    solid = [unit for unit in seen if _is_block(net.get_submodule(unit))] or seen[:1]
    chosen = []
    for unit in solid:
        blocks = [block for block in _blocks(net, unit) if block in watch.channels]
        if watch.forms.get(unit) == MAP and isinstance(getattr(net.get_submodule(unit), "blocks", None), nn.ModuleList):
            blocks = []  # such a stage has always been its own site, and bundles hold an injector for it
        if kind == "stage":
            return [unit] if unit in watch.channels else blocks[:1]
        chosen += blocks or [unit]
    return chosen


def refusal(name: str, reason: str) -> str:
    """A sentence about why a network does not fit, and which do."""
    return (
        f"the backbone {name!r} cannot be used: {reason}.\n"
        "A backbone needs stages that pass on one map each, as in resnet50, convnext_tiny, efficientnet_b0, "
        "densenet121, vit_tiny_patch16_224, swin_tiny_patch4_window7_224, ..."
    )
