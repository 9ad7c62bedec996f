"""A model's weights from a file that may come from anywhere: the file's own shapes bound what is allocated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from fusekit.disk import checksum_of, regular
from fusekit.errors import DataError, FusekitError, UnknownName
from fusekit.models import FusionModel

#: Elements that building a model may take beyond four times its weights: tables and masks that no file keeps.
SLACK = 2**24
#: What a tensor counts at least, so that endless layers of nothing end, too.
EACH = 1024


class Allowance(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Within it, new tensors of this thread have so many elements together, or are refused before memory is taken."""

    def __init__(self, elements: int):
        super().__init__()  # type: ignore[no-untyped-call]  # likewise
        self.left = elements

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Measure what makes a tensor from nothing where it costs nothing: on the meta device.

        What takes no device makes none: a library that a network imports may ask its own operators for a version.
        """
        kwargs = kwargs or {}
        makes = any(argument.name == "device" for argument in func._schema.arguments)
        if makes and not any(isinstance(leaf, Tensor) for leaf in tree_leaves((args, kwargs))):
            leaves = tree_leaves(func(*args, **{**kwargs, "device": "meta"}))
            planned = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
            self.left -= sum(max(EACH, one.numel()) for one in planned)
            if self.left < 0:
                raise DataError("it describes a larger model than the weights are of.")
        return func(*args, **kwargs)


def rebuild(build: Callable[[], FusionModel], weights: Path, description: Path, checksum: str | None) -> FusionModel:
    """Build a model that a ``description`` (its file, for messages) has, and give it the weights of another file.

    The caller's random numbers stay as they are. ``checksum`` is that of the file with the weights, if known. DataError
    if the weights do not fit the description, or one is not a finite number.
    """
    shapes = shapes_of(weights)
    if checksum is not None and checksum_of(weights) != checksum:
        raise DataError(
            f"{weights} does not fit {description.name}: it was changed or damaged after it was written. "
            "Get the bundle again."
        )
    allowance = Allowance(4 * sum(prod(shape) for shape in shapes.values()) + SLACK)
    try:
        with torch.random.fork_rng(devices=[]), allowance:
            model = build()
    except UnknownName:
        raise
    except FusekitError as error:
        raise DataError(f"{description}: model: {error}") from error
    except Exception as error:  # whatever a plugin raises at options that it was not made for
        raise DataError(f"{description}: the model cannot be built ({type(error).__name__}: {error}).") from error
    expected = model.state_dict()
    wanted = {name: tuple(tensor.shape) for name, tensor in expected.items()}
    for name in [*wanted, *shapes]:
        if shapes.get(name) != wanted.get(name):
            has, makes = (f"the shape {own[name]}" if name in own else "nothing" for own in (shapes, wanted))
            raise DataError(f"{weights}: {name} has {has}; the description makes it {makes}.")
    tensors = load_file(weights)
    for name, tensor in tensors.items():
        if tensor.dtype != expected[name].dtype:
            raise DataError(f"{weights}: {name} is {tensor.dtype}, {expected[name].dtype} is expected.")
        # A mask that a network is made with may hold infinities.
        if not torch.equal(torch.isfinite(tensor), torch.isfinite(expected[name])):
            raise DataError(f"{weights}: {name} holds a value that is not a finite number. Get the file again.")
    model.load_state_dict(tensors)
    return model.eval()


def shapes_of(path: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the tensors in a file, from its head alone; DataError if it is no regular safetensors file."""
    try:
        with safe_open(regular(path), framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} is no safetensors file, or a damaged one ({error}).") from error
