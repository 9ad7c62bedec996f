"""From the losses of batches to new weights: Adam with its options and its schedule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from fusekit.errors import FusekitError, OptionError
from fusekit.models import Backbone, ClinicalEncoder, weights_channels_last
from fusekit.models.prior import Prior
from fusekit.training.machines.processes import ALONE, Processes
from fusekit.training.options import TrainingOptions
from fusekit.training.step.average import Average
from fusekit.training.step.compiled import Compiled
from fusekit.training.step.trained import Trained

if TYPE_CHECKING:
    from lightning_fabric import Fabric

#: Share of a cycle in which the learning rate rises (Smith and Topin 2018; the default of torch's OneCycleLR).
RISING = 0.3


class Descent:
    """Adam, its schedule, accumulation, clipping and the average of the weights, which change in place on the device.

    ``lr`` is the highest of a schedule, ``sizes`` are the samples in each batch of an epoch, of all processes together.

    Attributes:
        network: the model as it is to be called in training; it gives an ``Output``.
        lr: learning rate of the last step.
    """

    def __init__(
        self,
        fabric: Fabric,
        model: nn.Module,
        options: TrainingOptions,
        *,
        lr: float,
        epochs: int,
        sizes: Sequence[int],
        processes: Processes = ALONE,
    ):
        self.fabric, self.options, self.sizes, self.lr = fabric, options, sizes, lr
        self.processes = processes
        self._checked = processes.size == 1
        # Fused: one pass over the weights, which on a CPU are much of a step when images are small. It takes the
        # loss's scale off the gradients itself, too late for clipping.
        scales_loss = getattr(fabric.strategy.precision, "scaler", None) is not None
        fused = not (options.clip and scales_loss)
        optimizer = torch.optim.AdamW(
            weight_groups(model, lr, options), lr=lr, weight_decay=options.weight_decay, fused=fused, foreach=not fused
        )
        self.schedule = schedule_for(optimizer, options, epochs, -(-len(sizes) // options.accumulate))
        weights_channels_last(model)
        self._synced = None
        if processes.size > 1 and options.sync_batchnorm:
            from fusekit.training.step.sync_norm import SyncedNorms  # which imports timm

            self._synced = SyncedNorms(model, fabric.device)
        self._model, trained = model, Trained(model)
        network = Compiled(trained, max(sizes) // processes.size) if options.compile else trained
        self.network, self.optimizer = fabric.setup(network, optimizer)
        self.average = Average(model, options.ema) if options.ema else None

    def take(self, loss: Tensor, number: int) -> None:
        """Differentiate a batch's mean loss over this process's share; change the weights if its group is complete.

        ``number`` is the batch's within its epoch, from 0. Groups begin anew with each epoch; the last may be smaller.
        """
        first = number - number % self.options.accumulate
        group = self.sizes[first : first + self.options.accumulate]
        share = self.processes.part(self.sizes[number])
        weight = (share.stop - share.start) * self.processes.size / sum(group)  # gradients of processes are averaged
        if weight != 1:  # every sample of the group counts the same
            loss = loss * weight
        last = self.is_step(number)
        with nullcontext() if last else self.fabric.no_backward_sync(self.network, enabled=self.processes.size > 1):
            self.fabric.backward(loss)
        if not self._checked:
            self._refuse_unused()
        if last:
            self._step()

    def is_step(self, number: int) -> bool:
        """Whether the weights change after this batch of an epoch."""
        return (number + 1) % self.options.accumulate == 0 or number + 1 == len(self.sizes)

    def averaged(self) -> AbstractContextManager[None]:
        """Within it, the model has the weights that are to be validated and shipped."""
        return self.average.applied() if self.average else nullcontext()

    def end(self) -> None:
        """Leave the model as it is to be shipped."""
        if self.average:
            self.average.keep()
        if self._synced:
            self._synced.end()

    def state_dict(self) -> dict[str, Any]:
        """What the next step depends on besides the model's weights; valid between steps."""
        parts = {"optimizer": self.optimizer, "schedule": self.schedule, "average": self.average}
        return {name: part.state_dict() for name, part in parts.items() if part is not None} | {"lr": self.lr}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume a descent with the same options."""
        self.lr = state["lr"]
        self.optimizer.load_state_dict(state["optimizer"])
        if self.schedule:
            self.schedule.load_state_dict(state["schedule"])
        if self.average:
            self.average.load_state_dict(state["average"])

    def _refuse_unused(self) -> None:
        # Where a weight takes no part, other processes wait for its gradient for ever, without a message.
        self._checked = True
        named = self._model.named_parameters()
        unused = [name for name, value in named if value.requires_grad and value.grad is None]
        if unused:
            raise FusekitError(
                f"{len(unused)} weights of this model take no part in its loss ({', '.join(unused[:3])}), which "
                "several devices cannot train together. Leave them out of the model, or set requires_grad=False."
            )

    def _step(self) -> None:
        self.lr = float(self.optimizer.param_groups[0]["lr"])
        if self.options.clip:
            # Numbers that are not finite show in the loss, or are the scaler's to skip.
            self.fabric.clip_gradients(
                self.network, self.optimizer, max_norm=self.options.clip, error_if_nonfinite=False
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.schedule:
            self.schedule.step()
        if self.average:
            self.average.update()


def weight_groups(model: nn.Module, lr: float, options: TrainingOptions) -> list[dict[str, Any]]:
    """All weights; apart a prior's and a backbone's, at their own rates, and an encoder's with its own weight decay.

    OptionError if the rate is to fall from stage to stage, and the backbone does not say which weight is of which.
    """
    parts = list(model.modules())
    own: list[dict[str, Any]] = [
        {"params": list(prior.parameters()), "lr": prior.pace * lr, "weight_decay": 0.0}
        for prior in parts
        if isinstance(prior, Prior)
    ]
    own += [
        {"params": list(encoder.parameters()), "weight_decay": encoder.weight_decay}
        for encoder in parts
        if isinstance(encoder, ClinicalEncoder) and encoder.weight_decay is not None
    ]
    for backbone in parts:
        if isinstance(backbone, Backbone) and (options.lr_backbone, options.layer_decay) != (1, 1):
            own += _by_stage(backbone, lr * options.lr_backbone, options.layer_decay)
    apart = {id(weight) for group in own for weight in group["params"]}
    return [{"params": [weight for weight in model.parameters() if id(weight) not in apart]}, *own]


def _by_stage(backbone: Backbone, lr: float, decay: float) -> list[dict[str, Any]]:
    """From behind the last stage to the stem, each at ``decay`` times the rate of the one before (Bao et al. 2022)."""
    heights = backbone.heights
    if decay != 1 and not heights:
        raise OptionError(
            f"training.layer_decay needs the stages of the backbone, and {type(backbone).__name__} does not say them: "
            "leave it out, or let the class have heights."
        )
    groups: dict[int, list[nn.Parameter]] = {}
    for name, weight in backbone.named_parameters():
        groups.setdefault(heights.get(name, 0), []).append(weight)
    return [{"params": groups[height], "lr": lr * decay**height} for height in sorted(groups)]


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
    if options.schedule == "one-cycle":
        warmup = round(RISING * epochs * steps)
    return LambdaLR(optimizer, Factor(epochs * steps, warmup, options.schedule != "constant"))
