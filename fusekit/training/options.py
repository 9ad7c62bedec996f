"""The training loop's options beyond the command line's own."""

from dataclasses import dataclass
from typing import Literal

from fusekit.errors import OptionError


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """Options of the loop: ``-o training.option=value``. Unless set, training is the paper's: plain Adam."""

    weight_decay: float = 0.0  # decoupled, as in AdamW; 0 is the paper's Adam
    patience: int = 10  # with --select auc, training stops after so many epochs without a better one
    accumulate: int = 1  # batches whose gradients are averaged, sample by sample, before the weights change
    clip: float = 0.0  # largest norm of the gradient of all weights; longer ones are shortened to it; 0: as they are
    ema: float = 0.0  # decay of the moving average of the weights, validated and shipped in their place; 0: none
    schedule: Literal["constant", "cosine"] = "constant"  # of the learning rate after warm-up; cosine: half, to zero
    warmup: float = 0.0  # epochs, or parts of one, over which the learning rate rises in a line
    compile: bool = False  # run the network through torch.compile, as one graph
    workers: int = 0  # processes that read batches; 0 reads them between the steps
    #: With several devices, batch normalisation takes the statistics of all their slices, so that they train as one
    #: would with the whole batch. Without it, each takes its own, which is faster.
    sync_batchnorm: bool = True

    def __post_init__(self) -> None:
        if self.accumulate < 1:
            raise OptionError(f"training.accumulate takes 1 batch or more, not {self.accumulate}.")
        if not 0 <= self.ema < 1:
            raise OptionError(f"training.ema takes a decay from 0 (none) to below 1, e.g. 0.99, not {self.ema:g}.")
        for name in ("weight_decay", "clip", "warmup", "workers"):
            if not getattr(self, name) >= 0:
                raise OptionError(f"training.{name} takes 0 or more, not {getattr(self, name):g}.")
