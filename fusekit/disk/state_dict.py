"""Weights that others saved: the one place where a file of torch's is read, and nothing in it is run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fusekit.disk.files import regular
from fusekit.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor


class StateDict(NamedTuple):
    """Tensors by the names that they were saved under, on the CPU, and the SHA-256 of their file."""

    tensors: dict[str, Tensor]
    sha256: str


def read_state_dict(path: Path) -> StateDict:
    """Read a safetensors file, or a state dict that ``torch.save`` wrote, also inside a checkpoint.

    Of a checkpoint's entries, the first with the most tensors is taken. DataError if the file cannot be read, holds
    anything but tensors and plain values, or holds no tensor.
    """
    try:
        with regular(path).open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        content = _content(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; the weights cannot be read.") from error
    tensors = _most_tensors(content) if isinstance(content, Mapping) else {}
    if not tensors:
        raise DataError(f"{path} holds no weights: a mapping of names to tensors is needed, as of a state dict.")
    return StateDict(tensors, sha256)


def _content(path: Path) -> Any:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise DataError(f"{path} is no safetensors file, or a damaged one ({error}).") from error
    except OSError:
        raise
    except Exception as error:  # torch raises five kinds, from its archive reader to its unpickler
        first = str(error).strip().partition("\n")[0]
        raise DataError(
            f"{path} cannot be read as weights ({type(error).__name__}: {first}). It is damaged, or holds more than "
            "tensors, which would have to be run to be read. Where you trust it, save its weights alone: "
            "safetensors.torch.save_file(network.state_dict(), 'weights.safetensors')."
        ) from error


def _most_tensors(content: Mapping[Any, Any]) -> dict[str, Tensor]:
    import torch

    found = {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
    inside = [_most_tensors(value) for value in content.values() if isinstance(value, Mapping)]
    return max([found, *inside], key=len)
