"""Weights against the formula of the paper; permutations, padding, equal weights at the start."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fusekit.errors import OptionError
from fusekit.models import ImageFeatures, ImageWidths, Pool
from fusekit.models.pools.attention import GatedAttention
from fusekit.models.pools.mean import MeanPool
from fusekit.models.probe import shaken

WIDTHS = ImageWidths(map=4, vector=6)


def attention() -> GatedAttention:
    torch.manual_seed(3)
    return shaken(GatedAttention(WIDTHS, 0, hidden=5)).double()


def slices(scans: int, each: int, seed: int = 0) -> ImageFeatures:
    draw = torch.Generator().manual_seed(seed)
    count = scans * each
    return ImageFeatures(*(torch.randn(count, *shape, generator=draw).double() for shape in ((4, 3, 2), (6,))))


def test_it_is_equation_9_of_ilse_2018() -> None:
    pool, features = attention(), slices(2, 3)
    mask = torch.tensor([[True, True, True], [True, True, False]])
    joined, weights = pool(features, mask)
    v, u, w = (layer.weight.detach().numpy() for layer in (pool.content, pool.gate, pool.score))
    for scan, own in ((0, [0, 1, 2]), (1, [3, 4])):
        h = features.vector[own].numpy()
        score = np.array([w[0] @ (np.tanh(v @ one) * (1 / (1 + np.exp(-(u @ one))))) for one in h])
        a = np.exp(score) / np.exp(score).sum()
        np.testing.assert_allclose(weights[scan, : len(own)].detach().numpy(), a, rtol=1e-12)
        np.testing.assert_allclose(joined.vector[scan].detach().numpy(), sum(a[k] * h[k] for k in range(len(own))))
        maps = features.map[own].numpy()
        np.testing.assert_allclose(joined.map[scan].detach().numpy(), sum(a[k] * maps[k] for k in range(len(own))))
    assert weights[1, 2] == 0


def test_it_starts_with_the_mean() -> None:
    pool, features, mask = GatedAttention(WIDTHS, 0).double(), slices(2, 4), torch.ones(2, 4, dtype=torch.bool)
    joined, weights = pool(features, mask)
    assert torch.equal(weights, torch.full((2, 4), 0.25).double())
    torch.testing.assert_close(joined.vector, features.vector.reshape(2, 4, 6).mean(dim=1))
    mean, same = MeanPool(WIDTHS, 0)(features, mask)
    torch.testing.assert_close(mean.map, joined.map)
    assert torch.equal(same, weights)


@pytest.mark.parametrize("pool", [attention(), MeanPool(WIDTHS, 0)])
@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(5)), padding=st.integers(0, 3), seed=st.integers(0, 9))
def test_neither_order_nor_padding_matters(pool: Pool, order: list[int], padding: int, seed: int) -> None:
    features = slices(1, 5, seed)
    joined, weights = pool(features, torch.ones(1, 5, dtype=torch.bool))
    moved = ImageFeatures(
        *(torch.cat([part[order], part.new_full((padding, *part.shape[1:]), 7)]) for part in features)
    )
    other, own = pool(moved, torch.tensor([[True] * 5 + [False] * padding]))
    torch.testing.assert_close(own[0, :5], weights[0, order])
    assert not own[0, 5:].any()
    for one, two in zip(joined, other, strict=True):
        torch.testing.assert_close(one, two)


def test_one_slice_is_itself_to_the_last_bit() -> None:
    features: ImageFeatures = slices(3, 1)
    for pool in (attention(), MeanPool(WIDTHS, 0)):
        joined, weights = pool(features, torch.ones(3, 1, dtype=torch.bool))
        assert torch.equal(joined.vector, features.vector)
        assert torch.equal(joined.map, features.map)
        assert torch.equal(weights, torch.ones(3, 1).double())


def test_gradients_reach_every_slice() -> None:
    features = ImageFeatures(*(part.requires_grad_() for part in slices(2, 3)))
    joined, _ = attention()(features, torch.ones(2, 3, dtype=torch.bool))
    torch.autograd.backward(joined.vector.square().sum())
    slope: Tensor | None = features.vector.grad
    assert slope is not None
    assert bool(slope.abs().sum(dim=1).gt(0).all())


def test_a_hidden_layer_of_nothing_is_refused() -> None:
    with pytest.raises(OptionError, match=r"pool\.hidden takes 1 or more, not 0"):
        GatedAttention(WIDTHS, 0, hidden=0)
