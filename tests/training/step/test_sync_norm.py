"""What synchronised normalisation is put in the place of; what it computes is tested by two processes, together."""

from __future__ import annotations

import pytest
import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import nn

from fusekit.errors import OptionError
from fusekit.training.step.sync_norm import SyncedNorms


class Own(nn.BatchNorm2d):
    """Somebody's own."""


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_objects_change_their_class_alone_and_change_it_back(device: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), BatchNormAct2d(4), nn.InstanceNorm2d(4)).eval()
    held = model[1]  # a plugin may hold on to it
    image = torch.randn(2, 1, 8, 8)
    before, state = model(image), {name: value.clone() for name, value in model.state_dict().items()}
    kinds = [type(module) for module in model]
    synced = SyncedNorms(model, torch.device(device))
    assert model[1] is held
    assert [isinstance(module, nn.SyncBatchNorm) for module in model] == [
        False,
        device == "cuda",
        device == "cuda",
        False,
    ]
    assert list(model.state_dict()) == list(state)
    torch.testing.assert_close(model(image), before)  # in evaluation it is what it was, without other processes
    synced.end()
    assert [type(module) for module in model] == kinds
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_a_normalisation_of_ones_own_is_named() -> None:
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Sequential(Own(3)))
    with pytest.raises(OptionError, match=r"1\.0 is a Own, a batch normalisation.*training\.sync_batchnorm=false"):
        SyncedNorms(model, torch.device("cpu"))
    assert type(model[0]) is nn.BatchNorm2d
