"""The moving average against its literal recurrence."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from fusekit.training.step.average import Average

DECAY = 0.3


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)


def walk(model: nn.Module, average: Average, steps: int) -> dict[str, Tensor]:
    """Change everything at random so many times; the recurrence written out, in float64."""
    expected: dict[str, Tensor] = {}
    for step in range(steps):
        with torch.no_grad():
            for value in model.state_dict().values():
                value.copy_(torch.randn(value.shape) if value.is_floating_point() else torch.tensor(step + 1))
        average.update()
        for name, value in model.state_dict().items():
            now = value.double()
            decay = min(DECAY, (1 + step) / (10 + step))  # 0.18, 0.25, 0.31, ...
            expected[name] = decay * expected[name] + (1 - decay) * now if step and value.is_floating_point() else now
    return expected


def test_the_average_is_the_recurrence_of_weights_and_statistics() -> None:
    model = Network()
    average = Average(model, DECAY)
    expected = walk(model, average, 6)
    own = copy.deepcopy(model.state_dict())
    with average.applied():
        for name, value in model.state_dict().items():
            torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-6)
    assert int(expected["norm.num_batches_tracked"]) == 6
    for name, value in model.state_dict().items():  # which come back
        assert torch.equal(value, own[name])


def test_weights_come_back_after_an_error_too() -> None:
    model = Network()
    average = Average(model, DECAY)
    walk(model, average, 3)
    before = model.linear.weight.detach().clone()
    with pytest.raises(ZeroDivisionError), average.applied():
        1 / 0  # noqa: B018 (the error is the point)
    assert torch.equal(model.linear.weight, before)


def test_kept_weights_are_the_average_and_optimizers_hold_the_same_parameters() -> None:
    model = Network()
    parameters = list(model.parameters())
    average = Average(model, DECAY)
    expected = walk(model, average, 4)
    with average.applied():
        pass
    average.keep()
    torch.testing.assert_close(model.linear.weight.double(), expected["linear.weight"], rtol=1e-5, atol=1e-6)
    assert all(now is then for now, then in zip(model.parameters(), parameters, strict=True))


def test_an_average_goes_on_from_its_state() -> None:
    model = Network()
    average = Average(model, DECAY)
    walk(model, average, 3)
    again = Average(model, DECAY)
    again.load_state_dict(copy.deepcopy(average.state_dict()))
    with torch.no_grad():
        model.linear.weight.fill_(2.0)
    for each in (average, again):
        each.update()
    assert int(again.averaged.n_averaged) == 4
    for one, other in zip(average.averaged.parameters(), again.averaged.parameters(), strict=True):
        assert torch.equal(one, other)
