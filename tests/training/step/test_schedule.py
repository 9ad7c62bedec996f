"""Learning rates against the formula and against torch's own cosine."""

from __future__ import annotations

import math

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from fusekit.training.options import TrainingOptions
from fusekit.training.step.schedule import schedule_for


def optimizer(lr: float = 0.1) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def rates(options: TrainingOptions, epochs: int, steps: int) -> list[float]:
    """Rate in force at each step."""
    descent = optimizer()
    schedule = schedule_for(descent, options, epochs, steps)
    assert schedule is not None
    return walk(descent, schedule, epochs * steps)


def walk(descent: torch.optim.Optimizer, schedule: LRScheduler, steps: int) -> list[float]:
    seen = []
    for _ in range(steps):
        seen.append(descent.param_groups[0]["lr"])
        descent.step()
        schedule.step()
    return seen


def test_without_warmup_the_cosine_is_torchs() -> None:
    other = optimizer()
    expected = walk(other, CosineAnnealingLR(other, T_max=12), 12)
    assert rates(TrainingOptions(schedule="cosine"), 3, 4) == pytest.approx(expected, rel=1e-9)


def test_warmup_is_a_line_and_half_a_cosine_follows() -> None:
    found = rates(TrainingOptions(schedule="cosine", warmup=1.5), epochs=4, steps=4)
    line = [0.1 * (t + 1) / 6 for t in range(6)]
    curve = [0.1 * (1 + math.cos(math.pi * (t - 6) / 10)) / 2 for t in range(6, 16)]
    assert found == pytest.approx(line + curve, rel=1e-12)
    assert found[6] == 0.1  # the full rate, once the warm-up is over
    assert 0 < found[-1] < 0.003


def test_warmup_alone_ends_in_the_full_rate() -> None:
    assert rates(TrainingOptions(warmup=1), epochs=2, steps=2) == pytest.approx([0.05, 0.1, 0.1, 0.1])


def test_a_constant_rate_needs_no_schedule() -> None:
    assert schedule_for(optimizer(), TrainingOptions(), 3, 4) is None


def test_a_schedule_goes_on_from_its_state() -> None:
    options = TrainingOptions(schedule="cosine", warmup=1)
    straight = rates(options, 3, 4)
    first = optimizer()
    schedule = schedule_for(first, options, 3, 4)
    assert schedule is not None
    walk(first, schedule, 5)
    second = optimizer()
    again = schedule_for(second, options, 3, 4)
    assert again is not None
    second.load_state_dict(first.state_dict())
    again.load_state_dict(schedule.state_dict())
    assert walk(second, again, 7) == straight[5:]
