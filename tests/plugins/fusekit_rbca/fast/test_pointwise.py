"""A 1x1 convolution as a matrix product, and with its norm folded in, against torch's modules."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fusekit_rbca.fast.pointwise import convolve, convolve_norm_relu
from tests.plugins.fusekit_rbca.literal import scramble

LAYOUTS = {2: torch.channels_last, 3: torch.channels_last_3d}


def parts(spatial_dims: int) -> tuple[nn.Conv2d | nn.Conv3d, nn.BatchNorm2d | nn.BatchNorm3d]:
    torch.manual_seed(0)
    layer = (nn.Conv2d if spatial_dims == 2 else nn.Conv3d)(6, 4, 1, bias=False).double()
    norm = (nn.BatchNorm2d if spatial_dims == 2 else nn.BatchNorm3d)(4).double().eval()
    scramble(norm, 1)
    return layer, norm


def a_map(spatial_dims: int, side: int = 3, *, last: bool = True) -> Tensor:
    features = torch.randn(2, 6, *[side] * spatial_dims, dtype=torch.float64)
    return features.to(memory_format=LAYOUTS[spatial_dims]) if last else features


@pytest.mark.parametrize("last", [True, False], ids=["channels-last", "channels-first"])
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_convolves_as_torch_does(spatial_dims: int, last: bool) -> None:
    layer, _ = parts(spatial_dims)
    features = a_map(spatial_dims, last=last).requires_grad_()
    above = torch.randn(2, 4, *features.shape[2:], dtype=torch.float64)
    inputs = (features, layer.weight)
    mine, theirs = convolve(layer, features), layer(features)
    torch.testing.assert_close(mine, theirs)
    assert mine.is_contiguous(memory_format=LAYOUTS[spatial_dims] if last else torch.contiguous_format)
    assert ("Convolution" in type(mine.grad_fn).__name__) != last
    for gradient, expected in zip(
        torch.autograd.grad(mine, inputs, above), torch.autograd.grad(theirs, inputs, above), strict=True
    ):
        torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("last", [True, False], ids=["channels-last", "channels-first"])
@pytest.mark.parametrize("side", [3, 1], ids=["folded", "fewer-positions-than-channels"])
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_a_norm_in_evaluation_is_folded_and_never_stale(spatial_dims: int, side: int, last: bool) -> None:
    layer, norm = parts(spatial_dims)
    features = a_map(spatial_dims, side, last=last)
    with torch.no_grad():
        before = convolve_norm_relu(layer, norm, features)
        torch.testing.assert_close(before, norm(layer(features)).relu())
        layer.weight.data.mul_(-1)  # which no version counts
        assert norm.running_var is not None
        norm.running_var.data.mul_(2)
        after = convolve_norm_relu(layer, norm, features)
        torch.testing.assert_close(after, norm(layer(features)).relu())
        assert not torch.equal(after, before)
