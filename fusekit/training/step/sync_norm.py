"""Batch normalisation by the statistics of a whole batch, of which every process has a share."""

from typing import Any

import torch
from timm.layers.norm_act import BatchNormAct2d, SyncBatchNormAct
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from fusekit.errors import OptionError


class _OnGPU(nn.SyncBatchNorm):
    """torch's own, which refuses CPUs."""

    process_group = None  # set by __init__, which is not run


class _ActOnGPU(SyncBatchNormAct):
    """timm's, with an activation after it."""

    process_group = None


class _OnCPU(_BatchNorm):
    """The same written out, so that what several GPUs do can be done, and tested, without any."""

    def forward(self, features: Tensor) -> Tensor:
        if not self.training:
            plain: Tensor = super().forward(features)
            return plain
        self._check_input_dim(features)  # type: ignore[no-untyped-call]  # torch leaves its type away
        normal = _normalised(self, features)
        if isinstance(self, BatchNormAct2d):
            normal = self.act(self.drop(normal))
        return normal


#: Plain -> synchronised. An object changes its class alone: weights, names and hooks stay.
_GPU: dict[type[_BatchNorm], type[_BatchNorm]] = dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), _OnGPU)
_GPU[BatchNormAct2d] = _ActOnGPU
_CPU = {plain: type(f"{plain.__name__}OnCPU", (_OnCPU, plain), {}) for plain in _GPU}


class SyncedNorms:
    """The batch normalisations of a model, synchronised in place until ``end``; unchanged in evaluation mode."""

    def __init__(self, model: nn.Module, device: torch.device):
        self._plain: list[tuple[_BatchNorm, type[_BatchNorm]]] = []
        for name, module in model.named_modules():
            if isinstance(module, _BatchNorm):
                if type(module) not in _GPU:
                    raise OptionError(
                        f"{name} is a {type(module).__name__}, a batch normalisation that cannot be synchronised over "
                        "several devices. -o training.sync_batchnorm=false lets each use its own statistics."
                    )
                self._plain.append((module, type(module)))
        for module, kind in self._plain:
            module.__class__ = (_CPU if device.type == "cpu" else _GPU)[kind]

    def end(self) -> None:
        """Make them plain again."""
        for module, kind in self._plain:
            module.__class__ = kind


class _Summed(torch.autograd.Function):
    """The sum over all processes; its gradient is summed likewise."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        summed = own.clone()
        distributed.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        summed = gradient.contiguous().clone()
        distributed.all_reduce(summed)
        return summed


def _normalised(norm: _BatchNorm, features: Tensor) -> Tensor:
    """Two passes, mean and then variance, as exact as torch's own; gradients flow through both sums."""
    values = features.float() if features.dtype in (torch.bfloat16, torch.float16) else features
    axes = [axis for axis in range(features.ndim) if axis != 1]
    shape = [1, -1, *[1] * (features.ndim - 2)]
    count = values.new_tensor([features.numel() / features.shape[1]])
    distributed.all_reduce(count)
    mean = _Summed.apply(values.sum(axes)) / count
    centred = values - mean.reshape(shape)
    variance = _Summed.apply((centred**2).sum(axes)) / count
    if norm.track_running_stats:
        _follow(norm, mean.detach(), variance.detach() * count / (count - 1))
    scale = torch.rsqrt(variance + norm.eps)
    if norm.affine:
        scale = scale * norm.weight
    normal: Tensor = centred * scale.reshape(shape)
    return (normal + norm.bias.reshape(shape) if norm.affine else normal).to(features.dtype)


def _follow(norm: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics, by an unbiased variance, as torch does."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
    momentum = norm.momentum if norm.momentum is not None else 1 / int(norm.num_batches_tracked)
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), momentum)
    norm.running_var.lerp_(variance.to(norm.running_var.dtype), momentum)
