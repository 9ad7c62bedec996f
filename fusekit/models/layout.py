"""How tensors lie in memory: channels last, which convolutions are fastest on."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

_Module = TypeVar("_Module", bound=nn.Module)


def channels_last(tensor: Tensor) -> Tensor:
    """The same values, (B, C, H, W) or (B, C, D, H, W), with channels innermost; other ranks as they are."""
    if tensor.ndim == 4:
        return tensor.contiguous(memory_format=torch.channels_last)
    return tensor.contiguous(memory_format=torch.channels_last_3d) if tensor.ndim == 5 else tensor


def weights_channels_last(model: _Module) -> _Module:
    """Lay a model's weights out like its images, in place: two- and three-dimensional ones may stand side by side.

    Weights that lie so already are not touched: another thread may be using them.
    """
    for weight in (*model.parameters(), *model.buffers()):
        values = weight.data
        laid_out = channels_last(values)
        if laid_out is not values:
            weight.data = laid_out
    return model
