"""Attention where some samples have no table: their features stay exactly as they are."""

import torch
from torch import Tensor, nn

from fusekit.models.absence import injected_where
from fusekit_rbca.fast.fused import fused, is_fusable, norm_relu_attend, without_table
from fusekit_rbca.fast.pointwise import convolve, kernel_of


def attend_present(
    convolution: nn.Module, norm: nn.Module, features: Tensor, condition: Tensor, present: Tensor, half: int
) -> Tensor:
    """Features (B, C, *S), attended where ``present`` (B,) is True; the norm's batch statistics are of all samples.

    Fused where the convolution is a matrix product whose result has the type of the features.
    """
    kernel = kernel_of(convolution, features)
    if kernel is not None and torch.is_autocast_enabled("cpu"):
        kernel = kernel.to(torch.get_autocast_dtype("cpu"))
    if kernel is not None and kernel.dtype == features.dtype and is_fusable(norm, features, condition, kernel):
        return fused(norm, features, kernel, condition, present, half)
    attended = norm_relu_attend(norm, convolve(convolution, features), condition, half)
    return injected_where(present, attended, features)


def put_back(attended: Tensor, features: Tensor, present: Tensor) -> Tensor:
    """The attended map, into which features are written where ``present`` is False; outside of autograd."""
    if attended.device.type != "cpu" or attended.dtype != features.dtype:
        return injected_where(present, attended, features)
    for sample in without_table(present):
        attended[sample] = features[sample]
    return attended
