"""Means over space, and where gains and shifts go."""

from __future__ import annotations

import pytest
import torch

from fusekit_fusions.injectors.modulation import modulated, pooled, spread


@pytest.mark.parametrize("size", [(3, 4), (2, 3, 4)], ids=["2-D", "3-D"])
def test_of_maps_and_volumes(size: tuple[int, ...]) -> None:
    features = torch.randn(2, 5, *size, dtype=torch.float64)
    gain, shift = torch.randn(2, 2, 5, dtype=torch.float64)
    torch.testing.assert_close(pooled(features), features.flatten(2).mean(dim=2))
    each = [[gain[b, c] * features[b, c] + shift[b, c] for c in range(5)] for b in range(2)]
    torch.testing.assert_close(modulated(features, gain, shift), torch.stack([torch.stack(row) for row in each]))
    assert spread(gain, features.float()).dtype == torch.float32
