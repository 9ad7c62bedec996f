"""From the losses of batches to new weights: Adam with all that may go with it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from fusekit.models import weights_channels_last
from fusekit.training.average import Average
from fusekit.training.compiled import Compiled
from fusekit.training.options import TrainingOptions
from fusekit.training.schedule import schedule_for


class Descent:
    """Adam, its schedule, accumulation, clipping and the average of the weights.

    Args:
        fabric: device and precision.
        model: whose weights change, in place; it is moved to the device.
        options: of the training.
        lr: Adam's learning rate, the highest of a schedule.
        epochs: of the training.
        sizes: samples in each batch of an epoch.

    Attributes:
        network: the model as it is to be called in training.
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
    ):
        self.fabric, self.options, self.sizes, self.lr = fabric, options, sizes, lr
        # Fused: one pass over the weights, which on a CPU are much of a step when images are small. It takes the
        # loss's scale off the gradients itself, too late for clipping.
        fused = not (options.clip and _scales_loss(fabric))
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=lr, weight_decay=options.weight_decay, fused=fused, foreach=not fused
        )
        self.schedule = schedule_for(optimizer, options, epochs, -(-len(sizes) // options.accumulate))
        weights_channels_last(model)
        network = Compiled(model, max(sizes)) if options.compile else model
        self.network, self.optimizer = fabric.setup(network, optimizer)
        self.average = Average(model, options.ema) if options.ema else None

    def take(self, loss: Tensor, number: int) -> None:
        """Follow a batch's mean loss backwards; change the weights if its group is complete.

        Args:
            loss: scalar, the mean over the batch.
            number: of the batch within its epoch, from 0. Groups begin anew with each epoch; the last may be smaller.
        """
        first = number - number % self.options.accumulate
        group = self.sizes[first : first + self.options.accumulate]
        if len(group) > 1:  # every sample of the group counts the same
            loss = loss * (self.sizes[number] / sum(group))
        self.fabric.backward(loss)
        if number == first + len(group) - 1:
            self._step()

    def averaged(self) -> AbstractContextManager[None]:
        """Within it, the model has the weights that are to be validated and shipped."""
        return self.average.applied() if self.average else nullcontext()

    def end(self) -> None:
        """Leave the model with the weights that are to be shipped."""
        if self.average:
            self.average.keep()

    def state_dict(self) -> dict[str, Any]:
        """What the next step depends on, besides the model's weights; within a group of batches, its gradients too."""
        parts = {"optimizer": self.optimizer, "schedule": self.schedule, "average": self.average}
        begun = {name: value.grad for name, value in self.network.named_parameters() if value.grad is not None}
        return {name: part.state_dict() for name, part in parts.items() if part is not None} | {
            "gradients": begun,
            "lr": self.lr,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a ``state_dict`` of a descent with the same options."""
        self.lr = state["lr"]
        self.optimizer.load_state_dict(state["optimizer"])
        if self.schedule:
            self.schedule.load_state_dict(state["schedule"])
        if self.average:
            self.average.load_state_dict(state["average"])
        for name, value in self.network.named_parameters():
            begun = state["gradients"].get(name)
            value.grad = None if begun is None else begun.to(value.device)

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


def _scales_loss(fabric: Fabric) -> bool:
    """Whether losses are scaled up, so that gradients in half precision do not vanish."""
    return getattr(fabric.strategy.precision, "scaler", None) is not None
