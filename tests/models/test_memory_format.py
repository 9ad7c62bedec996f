"""Channels last in two and three dimensions, by a tensor's own rank."""

from __future__ import annotations

import torch
from torch import nn

from fusekit.models import channels_last, weights_channels_last


def test_a_tensors_rank_chooses_its_layout_and_values_stay() -> None:
    for shape, layout in (((2, 3, 4, 5), torch.channels_last), ((2, 3, 4, 5, 6), torch.channels_last_3d)):
        tensor = torch.randn(shape)
        laid = channels_last(tensor)
        assert laid.is_contiguous(memory_format=layout)
        assert not laid.is_contiguous()
        assert torch.equal(laid, tensor)
    vector = torch.randn(2, 3)
    assert channels_last(vector) is vector


def test_a_model_may_hold_weights_of_both_ranks() -> None:
    model = nn.ModuleList([nn.Conv2d(3, 4, 3), nn.Conv3d(3, 4, 3), nn.Linear(3, 4)])
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    kept = list(model.parameters())
    assert weights_channels_last(model) is model
    flat, deep = model[0].weight, model[1].weight
    assert isinstance(flat, torch.Tensor)
    assert isinstance(deep, torch.Tensor)
    assert flat.is_contiguous(memory_format=torch.channels_last)
    assert deep.is_contiguous(memory_format=torch.channels_last_3d)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert all(one is other for one, other in zip(kept, model.parameters(), strict=True))  # an optimiser's stay valid
