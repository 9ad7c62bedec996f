"""The 1x1 convolution as the matrix product it is, and with its batch norm folded in."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, relu_
from torch.nn.utils.fusion import fuse_conv_bn_weights

from fusekit_rbca.fast.plain import is_functional, is_plain

_LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}


def convolve(convolution: nn.Module, features: Tensor) -> Tensor:
    """A 1x1 convolution without bias: (B, C, *S) -> (B, outputs, *S).

    With channels innermost it is one matrix product, which is faster on CPUs. On CUDA the convolution stays, since its
    own setting allows TF32; so it does in training under ``torch.compile``, where a product keeps and takes more.
    """
    kernel = kernel_of(convolution, features)
    if kernel is None:
        convolved: Tensor = convolution(features)
        return convolved
    return product(features, kernel)


def kernel_of(convolution: nn.Module, features: Tensor) -> Tensor | None:
    """The weights as a matrix (outputs, C) where the convolution is to be ``product``; None where it stays."""
    if not (is_plain(convolution, nn.Conv2d, nn.Conv3d) and _as_rows(features)):
        return None
    assert isinstance(convolution.weight, Tensor)
    return convolution.weight.flatten(1)


def product(features: Tensor, kernel: Tensor) -> Tensor:
    """(B, C, *S) and (outputs, C) -> (B, outputs, *S)."""
    return linear(features.movedim(1, -1), kernel).movedim(-1, 1)


def product_gradients(
    above: Tensor, features: Tensor, kernel: Tensor, needs: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """The gradients of features and kernel that autograd finds for ``product``, of those that are needed."""
    slopes = above.movedim(1, -1)
    of_features = (slopes @ kernel).movedim(-1, 1) if needs[0] else None
    of_kernel = slopes.flatten(0, -2).t() @ features.movedim(1, -1).flatten(0, -2) if needs[1] else None
    return of_features, of_kernel


def convolve_norm_relu(convolution: nn.Module, norm: nn.Module, features: Tensor) -> Tensor:
    """The same with norm and ReLU, for inference: a batch norm in evaluation mode is folded into the weights.

    They are folded anew each time, which cannot go stale, where the map has more positions than channels: a smaller map
    costs less to normalise.
    """
    positions = features.shape[0] * features[0, 0].numel()
    if not (
        positions > features.shape[1]
        and is_plain(convolution, nn.Conv2d, nn.Conv3d)
        and is_plain(norm, nn.BatchNorm2d, nn.BatchNorm3d)
        and isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d)
        and norm.running_mean is not None
        and norm.running_var is not None
    ):
        return relu_(norm(convolve(convolution, features)))
    assert isinstance(convolution, nn.Conv2d | nn.Conv3d)
    weight, bias = fuse_conv_bn_weights(
        convolution.weight, None, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    if _as_rows(features):
        return relu_(linear(features.movedim(1, -1), weight.flatten(1), bias).movedim(-1, 1))
    return relu_(convolution._conv_forward(features, weight, bias))


def _as_rows(features: Tensor) -> bool:
    """Whether the map lies in memory as a matrix of positions times channels, on a CPU."""
    if features.device.type != "cpu" or features.ndim not in _LAYOUTS or is_functional():
        return False
    if torch.compiler.is_compiling() and torch.is_grad_enabled():
        return False
    return features.is_contiguous(memory_format=_LAYOUTS[features.ndim])
