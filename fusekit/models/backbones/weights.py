"""Weights of your own: the names in a file matched with a network's, its first layer and its depth adapted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from fusekit.data import Finding
from fusekit.disk.state_dict import read_state_dict
from fusekit.errors import DataError, OptionError, first_ten

#: A name as other networks of the kind have it -> the network's own.
Rename = Callable[[str], str]
_COUNTER = "num_batches_tracked"  # of batch norms; older files lack it, and nothing depends on it


class LoadedWeights(NamedTuple):
    """What a network took from a file, by the names of either."""

    sha256: str
    matched: int
    missing: tuple[str, ...]  # weights of the network that the file lacks: they start as drawn
    unused: tuple[str, ...]  # of the file, which the network lacks: usually its classifier's

    def as_json(self) -> dict[str, Any]:
        """For descriptions: the file's checksum and counts, and no path."""
        return {**self._asdict(), "missing": len(self.missing), "unused": len(self.unused)}

    def finding(self, name: str) -> Finding:
        """A warning where weights of the network ``name`` are missing, which are listed; else a note."""
        message = f"{self.matched} of {self.matched + len(self.missing)} weights of {name} are those of "
        message += f"backbone.weights, which holds {len(self.unused)} others."
        if not self.missing:
            return Finding("backbone-weights", message, self.unused)
        advice = "The rest starts as drawn. Take the network that they were trained with, if you have it."
        return Finding("backbone-weights", message, self.missing, "warning", advice)


def load_weights(net: nn.Module, path: Path, in_channels: int, name: str, rename: Rename = str) -> LoadedWeights:
    """Copy weights of a file into a network, in place; a network on the meta device is only compared.

    Names match after the prefix under which most do (``module.``, ``model.encoder.``, ``backbone.net.``). Convolutions
    that read the image take weights for another count of channels, and those of volumes take weights for slices.

    Raises:
        DataError: the file cannot be read, or a weight is not a finite number.
        OptionError: no name matches, or a shape differs; with the name.
    """
    saved, own = read_state_dict(path), net.state_dict()
    wanted = [key for key in own if not key.endswith(_COUNTER)]
    pairs = match(saved.tensors, set(wanted), rename)
    if not pairs:
        raise OptionError(
            f"backbone.weights: no name in {path} is one of the backbone {name!r}. The file holds "
            f"{first_ten(saved.tensors)}; the network has {first_ten(wanted)}. Choose the network of the file."
        )
    reads_image = {
        f"{label}.weight"
        for label, layer in net.named_modules()
        if isinstance(layer, _ConvNd) and layer.in_channels == in_channels
    }
    for key, target in pairs.items():
        into = own[target]
        value = inflated(saved.tensors[key].to(into.dtype), into)
        if target in reads_image and value.ndim == into.ndim:
            value = with_channels(value, into.shape[1])
        if value.shape != into.shape:
            raise OptionError(
                f"backbone.weights: {key} in {path} has the shape {tuple(saved.tensors[key].shape)}, and {target} of "
                f"the backbone {name!r} has {tuple(into.shape)}. Choose the network that they were trained with."
            )
        if not bool(value.isfinite().all()):
            raise DataError(f"{path}: {key} holds a value that is not a finite number. Get the file again.")
        if not into.is_meta:
            with torch.no_grad():
                into.copy_(value)
    taken = set(pairs.values())
    missing = tuple(key for key in wanted if key not in taken)
    unused = tuple(key for key in saved.tensors if key not in pairs and not key.endswith(_COUNTER))
    return LoadedWeights(saved.sha256, len(pairs), missing, unused)


def match(keys: Iterable[str], wanted: Collection[str], rename: Rename = str) -> dict[str, str]:
    """Names in a file -> names in a network, under the one prefix with the most matches, of equals the first."""
    found: dict[str, dict[str, str]] = {}
    for key in keys:
        parts = key.split(".")
        for start in range(len(parts)):
            label = ".".join(parts[start:])
            target = next((own for own in (label, rename(label)) if own in wanted), None)
            if target is not None:
                found.setdefault(".".join(parts[:start]), {})[key] = target
    return max(found.values(), key=len, default={})


def with_channels(weight: Tensor, channels: int) -> Tensor:
    """A first convolution's weight (O, I, *S) for other channels, (O, channels, *S), as timm adapts it.

    One channel gets the sum of all, so that a grey image repeated I times gives the same; others get them in turn,
    times I / channels.
    """
    given = weight.shape[1]
    if channels == given:
        return weight
    if channels == 1:
        return weight.sum(dim=1, keepdim=True)
    turns = torch.arange(channels) % given
    return weight[:, turns] * (given / channels)


def inflated(weight: Tensor, into: Tensor) -> Tensor:
    """A slice's convolution (O, I, H, W) for volumes, (O, I, D, H, W), where ``into`` is one (Carreira et al. 2017).

    It is repeated along depth and divided by it: a volume of equal slices gives what the slice gave. Others stay.
    """
    if (weight.ndim, into.ndim) != (4, 5):
        return weight
    depth = into.shape[2]
    return weight[:, :, None].expand(-1, -1, depth, -1, -1) / depth
