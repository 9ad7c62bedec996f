"""Where a timm network can be changed: found by running it once and watching which modules read what."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from fusekit.errors import OptionError
from fusekit.extension.fusion import SiteKind
from fusekit.models.parts import ImageWidths, Site

#: Height and width of the probe image; networks that cannot take it are probed at their own default size.
PROBE_SIZE = 64


class ReadSite(NamedTuple):
    """A site, and the modules that read its features in the order in which they run."""

    site: Site
    readers: tuple[str, ...]


class Layout(NamedTuple):
    """What one probe forward tells about a network."""

    sites: tuple[ReadSite, ...]
    widths: ImageWidths


def find_layout(net: nn.Module, name: str, in_channels: int, kind: SiteKind) -> Layout:
    """Find the sites of a timm network and the widths of its features.

    A stage is what runs after the previous entry of timm's ``feature_info`` up to and including its own entry; stage 1
    is the one that ends at stride 4. A block is a child of a stage's chain that holds two or more convolutions or
    linear layers; what holds one is that layer with its norm and activation.

    Args:
        net: built by timm; it is left as it was.
        name: of the network, for messages.
        in_channels: of the image.
        kind: of the sites. Where a stage has no blocks, or no child of a block reads the block's input as it is,
            the coarser kind takes its place.

    Raises:
        OptionError: the network does not fit, with the reason.
    """
    if getattr(net, "output_fmt", "NCHW") != "NCHW":
        raise OptionError(_refusal(name, f"it keeps its features as {net.output_fmt}, not as NCHW"))
    stages = _stages(net, name)
    candidates = {c: number for number, units in stages.items() for unit in units for c in (unit, *_blocks(net, unit))}
    watch = _Watch(candidates)
    map_, vector = watch.run(net, name, in_channels)
    if not isinstance(map_, Tensor) or map_.ndim != 4 or vector.ndim != 2:
        shape = tuple(map_.shape) if isinstance(map_, Tensor) else f"of a {type(map_).__name__}"
        raise OptionError(_refusal(name, f"its last features have shape {shape}, which is no map"))
    found: list[str] = []
    for number, units in stages.items():
        chosen = _choose(net, units, kind, watch)
        if not chosen:
            raise OptionError(_refusal(name, f"no part of its stage {number} reads a single feature map"))
        found += chosen
    found.sort(key=watch.order.index)
    sites = []
    for module in found:
        if watch.order.count(module) > 1:
            raise OptionError(_refusal(name, f"it runs {module!r} more than once"))
        readers = watch.readers[module] if kind == "branch" else []
        site = Site(module, candidates[module], watch.channels[module])
        sites.append(ReadSite(site, tuple(f"{module}.{child}" for child in readers) or (module,)))
    return Layout(tuple(sites), ImageWidths(map=map_.shape[1], vector=vector.shape[1]))


class _Watch:
    """Notes, during one forward pass, which candidates read a single map and which of their children read it too."""

    def __init__(self, candidates: dict[str, int]):
        self.candidates = candidates
        self.order: list[str] = []
        self.channels: dict[str, int] = {}
        self.readers: dict[str, list[str]] = {}
        self._input: dict[str, Tensor] = {}

    @torch.no_grad()
    def run(self, net: nn.Module, name: str, in_channels: int) -> tuple[Tensor, Tensor]:
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
            return self._probe(net.eval(), name, in_channels)
        finally:
            net.train(training)
            self._input.clear()
            for handle in handles:
                handle.remove()

    def _probe(self, net: Any, name: str, in_channels: int) -> tuple[Tensor, Tensor]:
        weight = next(net.parameters())
        default = (getattr(net, "pretrained_cfg", None) or {}).get("input_size", (3, 224, 224))[-2:]
        for size in ((PROBE_SIZE, PROBE_SIZE), default):
            self.order.clear()
            self.readers.clear()
            try:
                image = torch.zeros(1, in_channels, *size, dtype=weight.dtype, device=weight.device)
                map_ = net.forward_features(image)
                return map_, net.forward_head(map_, pre_logits=True)
            except Exception as error:  # noqa: BLE001  (a thousand networks fail in a hundred ways; all mean: no fit)
                problem = error
        raise OptionError(_refusal(name, f"running it fails: {type(problem).__name__}: {problem}")) from problem

    def _enter(self, name: str, module: nn.Module, args: tuple[Any, ...]) -> None:
        if len(args) == 1 and isinstance(args[0], Tensor) and args[0].ndim == 4:
            self.order.append(name)
            self.channels[name] = args[0].shape[1]
            self.readers[name] = []
            self._input[name] = args[0]

    def _read(self, name: str, child: str, module: nn.Module, args: tuple[Any, ...]) -> None:
        if args and args[0] is self._input.get(name):
            self.readers[name].append(child)


def _stages(net: nn.Module, name: str) -> dict[int, list[str]]:
    """Stage -> its outermost modules, in the order of their registration."""
    names = [label for label, _ in net.named_modules()]
    stages: dict[int, list[str]] = {}
    previous = None
    for info in getattr(net, "feature_info", None) or ():
        end = info["module"]
        if end not in names:
            raise OptionError(_refusal(name, f"its features at stride {info['reduction']} come from no single module"))
        if info["reduction"] >= 4:
            number = int(info["reduction"]).bit_length() - 2
            stages.setdefault(number, []).extend(_between(names, previous, end))
        previous = end
    if not stages:
        raise OptionError(_refusal(name, "timm does not say which modules are its stages"))
    return stages


def _between(names: list[str], start: str | None, end: str) -> Iterator[str]:
    """Outermost modules that are registered after ``start`` (None: from ``end``) up to and including ``end``."""
    kept = start
    for label in names[names.index(end if start is None else start) : names.index(end) + 1]:
        inside = kept is not None and (label == kept or label.startswith(f"{kept}."))
        if not inside and not end.startswith(f"{label}."):
            kept = label
            yield label


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


def _choose(net: nn.Module, units: list[str], kind: SiteKind, watch: _Watch) -> list[str]:
    """The modules of one stage whose input is a site."""
    seen = [unit for unit in units if unit in watch.channels or any(b in watch.channels for b in _blocks(net, unit))]
    solid = [unit for unit in seen if _is_block(net.get_submodule(unit))] or seen[:1]
    if kind == "stage":
        return [unit for unit in solid if unit in watch.channels][:1]
    chosen = []
    for unit in solid:
        blocks = [block for block in _blocks(net, unit) if block in watch.channels]
        chosen += blocks or [unit]
    return chosen


def _refusal(name: str, reason: str) -> str:
    return (
        f"the backbone {name!r} cannot be used: {reason}.\n"
        "A backbone needs stages that pass on one map each, as convolutional networks do: resnet50, convnext_tiny, "
        "efficientnet_b0, densenet121, regnety_016, ..."
    )
