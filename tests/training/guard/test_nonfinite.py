"""The first batch that went wrong is found, whenever one looks."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from fusekit.training.guard.nonfinite import EVERY, FiniteLosses, NonFiniteError


def see(losses: FiniteLosses, values: list[float]) -> None:
    for number, value in enumerate(values, start=1):
        losses.see(f"epoch 2, batch {number}", torch.tensor(value), torch.tensor([10 * number, 10 * number + 1]))


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_on_a_cpu_every_batch_is_looked_at(wrong: float) -> None:
    with pytest.raises(NonFiniteError, match=r"loss is not finite in epoch 2, batch 3\. Lower") as caught:
        see(FiniteLosses(torch.device("cpu")), [0.1, 0.2, wrong, 0.3])
    assert caught.value.rows == (30, 31)


def test_elsewhere_the_first_wrong_batch_is_found_when_it_is_time_to_look() -> None:
    losses = FiniteLosses(torch.device("cuda"))
    see(losses, [0.1] * (EVERY + 5))  # one look lies behind
    see(losses, [0.1, math.nan, math.nan])
    with pytest.raises(NonFiniteError, match="epoch 2, batch 2") as caught:
        losses.look()
    assert caught.value.rows == (20, 21)
    with pytest.raises(NonFiniteError, match="epoch 2, batch 7"):
        see(FiniteLosses(torch.device("cuda")), [0.1] * 6 + [math.inf] + [0.1] * EVERY)


@pytest.mark.parametrize("spoil", ["weight", "running_mean"])
def test_what_the_last_step_made_of_the_weights_is_looked_at(spoil: str) -> None:
    model = nn.BatchNorm1d(3)
    losses = FiniteLosses(torch.device("cpu"))
    losses.look_at(model)
    see(losses, [0.5])
    losses.look_at(model)
    getattr(model, spoil).data[1] = math.nan
    with pytest.raises(NonFiniteError, match="weights are not finite after epoch 2, batch 1"):
        losses.look_at(model)
