"""Which epoch is kept, and that its weights come back."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from fusekit.training.guard.best_epoch import BestEpoch


def model(value: float) -> nn.Linear:
    made = nn.Linear(1, 1)
    nn.init.constant_(made.weight, value)
    return made


@pytest.mark.parametrize(
    ("scores", "kept"),
    [([0.5, 0.7, 0.6], 2), ([0.7, 0.7], 1), ([math.nan, 0.1], 2), ([0.6, math.nan], 1), ([math.nan], 1)],
)
def test_the_first_of_the_best_is_kept_with_its_weights(scores: list[float], kept: int) -> None:
    best = BestEpoch(patience=10)
    network = model(0.0)
    for epoch, score in enumerate(scores, start=1):
        nn.init.constant_(network.weight, epoch)
        best.see(epoch, score, network)
    best.restore(network)
    assert best.epoch == kept
    assert torch.equal(network.weight, torch.full((1, 1), float(kept)))


def test_waiting_is_over_after_as_many_epochs_as_patience() -> None:
    best = BestEpoch(patience=2)
    assert not best.waited_enough(5)  # nothing was seen
    best.see(1, 0.5, model(1.0))
    assert [best.waited_enough(epoch) for epoch in (1, 2, 3)] == [False, False, True]


def test_without_a_score_nothing_is_restored() -> None:
    network = model(3.0)
    BestEpoch(patience=1).restore(network)
    assert network.weight.item() == 3.0
