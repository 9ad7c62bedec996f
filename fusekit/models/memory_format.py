"""Where weights lie: on which device, and in memory with channels last, which convolutions are fastest on."""

from copy import deepcopy
from typing import TypeVar

import torch
from torch import Tensor, nn

from fusekit.errors import OptionError

_Module = TypeVar("_Module", bound=nn.Module)


def channels_last(tensor: Tensor) -> Tensor:
    """The same values, (B, C, H, W) or (B, C, D, H, W), with channels innermost; other ranks as they are."""
    if tensor.ndim == 4:
        return tensor.contiguous(memory_format=torch.channels_last)
    return tensor.contiguous(memory_format=torch.channels_last_3d) if tensor.ndim == 5 else tensor


def weights_channels_last(model: _Module) -> _Module:
    """Lay a model's weights out like its images, in place, but for those that lie so: another thread may use them."""
    for weight in (*model.parameters(), *model.buffers()):
        values = weight.data
        laid_out = channels_last(values)
        if laid_out is not values:
            weight.data = laid_out
    return model


def torch_device(name: str) -> torch.device:
    """Device by its name: auto, cpu, cuda, cuda:1, mps; OptionError if this machine has no such device."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, number = name.partition(":")
    present = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if kind not in present or (number and not number.isdigit()):
        raise OptionError(f"--device takes auto, cpu, cuda, cuda:N or mps, not {name!r}.")
    if int(number or 0) >= present[kind]:
        raise OptionError(f"--device {name}: this machine has {present[kind]} {kind} devices; --device cpu works here.")
    return torch.device(name)


def placed(model: _Module, device: str | torch.device) -> _Module:
    """The model on a device, in evaluation mode, weights laid out like its images: itself if it is so, or a copy."""
    there = torch.empty(0, device=device).device  # "cuda" is the present one of several
    weights = (*model.parameters(), *model.buffers())
    if all(w.device == there and channels_last(w).data_ptr() == w.data_ptr() for w in weights) and not any(
        module.training for module in model.modules()
    ):
        return model
    return weights_channels_last(deepcopy(model).to(there)).eval()
