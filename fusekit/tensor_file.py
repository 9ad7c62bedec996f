"""Tensors in one safetensors file, which is there whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fusekit.disk import onto_disk

if TYPE_CHECKING:
    from torch import Tensor


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors by name; a file that was there before stays until the new one is complete and on the disk.

    Args:
        path: the file.
        tensors: on any device; they may share memory.
        metadata: text by name, kept in the file's head.

    Raises:
        OSError: it cannot be written, e.g. because the disk is full; the file before is as it was.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    new = path.with_name(f".{path.name}.new")
    try:
        save_file(_alone(tensors), new, dict(metadata) if metadata else None)
        with new.open("rb+") as file:
            os.fsync(file.fileno())
        new.replace(path)
    except SafetensorError as error:
        new.unlink(missing_ok=True)
        number = re.search(r"os error (\d+)", str(error))  # which is all that it tells of the system's answer
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
    except OSError:
        new.unlink(missing_ok=True)  # half a file would take what room there is
        raise
    onto_disk(path.parent)


def _alone(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies on the CPU of whatever is not so, and of what shares its memory with another."""
    plain: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        value = tensor.detach().cpu().contiguous()
        place = value.untyped_storage().data_ptr()
        if value.numel() and (place in seen or value.untyped_storage().nbytes() != value.nbytes):
            value = value.clone()
        seen.add(place)
        plain[name] = value
    return plain
