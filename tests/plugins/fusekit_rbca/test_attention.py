"""The published attention against its formula, written out in numbers."""

from __future__ import annotations

import math

import pytest
import torch

from fusekit_rbca.attention import PublishedAttention


@pytest.mark.parametrize("shared", [False, True], ids=["separate", "shared"])
def test_the_attended_half_is_gated_by_the_mean_of_its_product_with_the_condition(shared: bool) -> None:
    attention = PublishedAttention(2, shared=shared).double().eval()  # in evaluation, the norm divides by √(1 + eps)
    weights = {"attended.0.weight": [2.0, 1.0], "original.0.weight": [-1.0, 2.0]}
    for name, weight in attention.named_parameters():
        if name in weights:
            weight.data = torch.tensor(weights[name], dtype=torch.float64).reshape(1, 2, 1, 1)
    x = torch.tensor([[1.0, -3.0], [1.0, 1.0]], dtype=torch.float64).reshape(1, 2, 1, 2)  # channels, positions
    a, o = [3.0, 0.0], [1.0, 5.0]  # relu(2·1 + 1), relu(2·-3 + 1); relu(-1 + 2), relu(3 + 2)
    norm = 1 / math.sqrt(1 + 1e-5)
    gate = 1 / (1 + math.exp(-0.7 * norm * sum(a) / 2))
    out = attention(x, torch.tensor([[0.7]], dtype=torch.float64))
    assert out[0, 0, 0].tolist() == pytest.approx([gate * norm * value for value in a])
    assert out[0, 1, 0].tolist() == pytest.approx([norm * value for value in (a if shared else o)])
