"""The training loop's options beyond the command line's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fusekit.errors import OptionError

Schedule = Literal["constant", "cosine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """Options of the loop: ``-o training.option=value``. Unless set, training is the paper's: plain Adam.

    Args:
        weight_decay: decoupled, as in AdamW; 0 is the paper's Adam.
        patience: with ``--select auc``, training stops after so many epochs without a better one.
        accumulate: batches whose gradients are averaged, sample by sample, before the weights change.
        clip: largest norm of the gradient of all weights together; longer ones are shortened to it. 0: as they are.
        ema: decay of the exponential moving average of the weights, validated and shipped in their place. 0: none.
        schedule: of the learning rate after the warm-up: constant, or down to zero along half a cosine.
        warmup: epochs, or parts of one, over which the learning rate rises in a line.
        compile: run the network through ``torch.compile``, as one graph.
        workers: processes that read batches; 0 reads them between the steps.
        sync_batchnorm: with several devices, batch normalisation takes the statistics of all their slices, so that
            they train as one would with the whole batch. Without it, each takes its own, which is faster.
    """

    weight_decay: float = 0.0
    patience: int = 10
    accumulate: int = 1
    clip: float = 0.0
    ema: float = 0.0
    schedule: Schedule = "constant"
    warmup: float = 0.0
    compile: bool = False
    workers: int = 0
    sync_batchnorm: bool = True

    def __post_init__(self) -> None:
        if self.accumulate < 1:
            raise OptionError(f"training.accumulate takes 1 batch or more, not {self.accumulate}.")
        if not 0 <= self.ema < 1:
            raise OptionError(f"training.ema takes a decay from 0 (none) to below 1, e.g. 0.99, not {self.ema:g}.")
        for name in ("weight_decay", "clip", "warmup", "workers"):
            if not getattr(self, name) >= 0:
                raise OptionError(f"training.{name} takes 0 or more, not {getattr(self, name):g}.")
