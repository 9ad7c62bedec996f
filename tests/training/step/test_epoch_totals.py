"""Sums over an epoch, against the means of everything at once."""

from __future__ import annotations

import pytest
import torch

from fusekit.training.objectives import CrossEntropy
from fusekit.training.step.epoch_totals import Running


def test_sums_that_were_put_away_in_between_are_means_over_all_slices() -> None:
    draw = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(7, 3, generator=draw), torch.tensor([0, 1, 2, 2, 1, 0, 0])
    losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    first = Running(torch.device("cpu"))
    hits = CrossEntropy().tally
    first.add({"loss": losses[:5].mean(), "loss_image": 2 * losses[:5].mean()}, hits(logits[:5], labels[:5]), count=5)
    second = Running(torch.device("cpu"))
    second.load_state_dict(first.state_dict())
    second.add({"loss": losses[5:].mean(), "loss_image": 2 * losses[5:].mean()}, hits(logits[5:], labels[5:]), count=2)
    scores = second.scores(lr=0.5)
    assert list(scores) == ["loss", "accuracy", "loss_image", "lr", "seconds", "images_per_second"]
    assert scores["loss_image"] == pytest.approx(2 * float(losses.mean()), rel=1e-6)
    assert scores["loss"] == pytest.approx(float(losses.mean()), rel=1e-6)
    assert scores["accuracy"] == pytest.approx(float((logits.argmax(1) == labels).float().mean()))
    assert scores["lr"] == 0.5
    assert scores["images_per_second"] == pytest.approx(7 / scores["seconds"])


def test_the_time_of_an_interruption_does_not_count() -> None:
    running = Running(torch.device("cpu"))
    running.load_state_dict({"losses": {"loss": torch.ones(())}, "tallies": {}, "seen": 1, "seconds": 1000.0})
    assert 1000 <= running.scores(lr=0.1)["seconds"] < 1100
    running.begin()
    assert running.seconds < 100
    assert running.seen == 0
