"""Files of tensors."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fusekit.disk.checksums import DIGEST, checksum
from fusekit.disk.files import whole

if TYPE_CHECKING:
    from torch import Tensor


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors, which may share memory; ``metadata``, text by name, goes into the head with a checksum of all."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    plain = _alone(tensors)
    head = {**metadata, DIGEST: _digest(plain, metadata)} if metadata else None
    try:
        with whole(path) as new:
            save_file(plain, new, head)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))  # which is all that it says of the system's answer
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read what ``write_tensors`` wrote with metadata; OSError or ValueError if it cannot be read or is damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    if metadata.pop(DIGEST, "") != _digest(tensors, metadata):
        raise ValueError("its checksum is not that of its content")
    return tensors, metadata


def _digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    import torch

    parts: list[bytes | memoryview] = [json.dumps(sorted(metadata.items())).encode()]
    for name, value in sorted(tensors.items()):
        parts.append(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
        parts.append(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return checksum(*parts)


def _alone(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies on the CPU of what is not so, and of what shares its memory with another."""
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
