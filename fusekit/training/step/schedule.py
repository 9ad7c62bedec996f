"""How the learning rate changes from step to step."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from fusekit.training.options import TrainingOptions


@dataclass(frozen=True)  # LambdaLR keeps its __dict__ in its state
class Factor:
    """The share of the learning rate that holds for a step, counted from 0.

    The warm-up's step t of w has (t + 1) / w. Half a cosine leads from 1, in the step after the warm-up, to 0, which
    the step after the last would have: every step moves the weights. It is SGDR's without restarts (Loshchilov and
    Hutter 2017, equation 5).
    """

    steps: int
    warmup: int
    cosine: bool

    def __call__(self, step: int) -> float:
        """The share in (0, 1]; 0 after a cosine's last step."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        if not self.cosine:
            return 1.0
        done = (step - self.warmup) / max(self.steps - self.warmup, 1)
        return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def schedule_for(optimizer: Optimizer, options: TrainingOptions, epochs: int, steps: int) -> LRScheduler | None:
    """A scheduler, to step after the optimizer, for so many steps per epoch; None where the rate is constant."""
    if options.schedule == "constant" and not options.warmup:
        return None
    warmup = min(round(options.warmup * steps), epochs * steps)
    return LambdaLR(optimizer, Factor(epochs * steps, warmup, options.schedule == "cosine"))
