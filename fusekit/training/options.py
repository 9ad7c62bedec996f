"""The training loop's options beyond the command line's own."""

from dataclasses import dataclass
from typing import Literal

from fusekit.errors import OptionError

#: Epochs of a training that is measured in steps: less has not seen enough, more has seen it too often.
FEWEST, MOST = 10, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """Options of the loop: ``-o training.option=value``. Unless set, training is the paper's: plain Adam."""

    weight_decay: float = 0.0  # decoupled, as in AdamW; 0 is the paper's Adam
    #: Networks that are trained from different random starts, in different orders, and averaged; each takes the time of
    #: one. The first is the one that there would be alone.
    members: int = 1
    steps: int = 600  # of a training whose --epochs are not set, in whole epochs: 10 at least, and 100 at most
    patience: int = 10  # with --select auc, training stops after so many epochs without a better one
    accumulate: int = 1  # batches whose gradients are averaged, sample by sample, before the weights change
    clip: float = 0.0  # largest norm of the gradient of all weights; longer ones are shortened to it; 0: as they are
    ema: float = 0.0  # decay of the moving average of the weights, validated and shipped in their place; 0: none
    sampler: Literal["shuffled", "balanced"] = "shuffled"  # balanced: classes alike, and the subjects of each class
    drop_image: float = 0.0  # share of the samples whose image is taken away in a step, so that the table is learned
    drop_table: float = 0.0  # share of those whose table is taken away; no sample loses both
    #: Of the learning rate, after warm-up. cosine: half of one, to zero; one-cycle: that after 30 % of warm-up.
    schedule: Literal["constant", "cosine", "one-cycle"] = "constant"
    lr_backbone: float = 1.0  # of the learning rate: the share that holds for the image network
    #: The share of the learning rate that a stage of the image network keeps of the one after it: the last stage has
    #: this share of what follows the stages, the stem the smallest.
    layer_decay: float = 1.0
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
        if self.members < 1:
            raise OptionError(f"training.members takes 1 network or more, not {self.members}.")
        if self.steps < 1:
            raise OptionError(f"training.steps takes 1 or more, not {self.steps}.")
        if self.schedule == "one-cycle" and self.warmup:
            raise OptionError("training.schedule=one-cycle has a warm-up of its own; leave training.warmup out.")
        if not (self.drop_image >= 0 and self.drop_table >= 0 and self.drop_image + self.drop_table <= 1):
            raise OptionError(
                "training.drop_image and training.drop_table take shares of the samples that are together at most 1, "
                f"not {self.drop_image:g} and {self.drop_table:g}."
            )
        if not 0 < self.layer_decay <= 1:
            raise OptionError(f"training.layer_decay takes a share above 0 and at most 1, not {self.layer_decay:g}.")
        if not self.lr_backbone > 0:
            raise OptionError(
                f"training.lr_backbone takes a share above 0, not {self.lr_backbone:g}. backbone.freeze=all trains "
                "nothing of the backbone."
            )
        for name in ("weight_decay", "clip", "warmup", "workers"):
            if not getattr(self, name) >= 0:
                raise OptionError(f"training.{name} takes 0 or more, not {getattr(self, name):g}.")

    @property
    def dropped(self) -> tuple[str, ...]:
        """What samples lack in some steps: "image", "table"."""
        return tuple(name for name, share in (("image", self.drop_image), ("table", self.drop_table)) if share)

    def epochs(self, batches: int) -> int:
        """Passes over so many batches that ``steps`` needs."""
        return min(max(round(self.steps * self.accumulate / batches), FEWEST), MOST)
