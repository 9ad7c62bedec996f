"""A moving average of the weights, which usually predicts better than those of the last step."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class Average:
    """The exponential moving average of a model's weights: ``a = d * a + (1 - d) * w`` after every step.

    It starts as the weights after the first step. After n steps d is ``decay``, or (1 + n) / (10 + n) if that is less,
    as in TensorFlow's ExponentialMovingAverage: a training of few steps would else end where it began. The running
    statistics of batch normalisation are averaged too, since those of the last weights do not fit the averaged ones;
    whole numbers, such as its count of batches, are copied. The model must already be on its device.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.model = model
        self.decay, self.steps = decay, 0
        self.averaged = AveragedModel(model, multi_avg_fn=self._average, use_buffers=True)

    def update(self) -> None:
        """Take in the weights as they are now."""
        self.averaged.update_parameters(self.model)
        self.steps += 1
        for average, own in self._pairs():
            if not own.is_floating_point():
                average.copy_(own)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Exchange the weights for their averages for a while; nothing is copied."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def keep(self) -> None:
        """Leave the model with its averaged weights."""
        self.model.load_state_dict(self.averaged.module.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """The averaged weights and how many steps they have seen."""
        return self.averaged.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume."""
        self.averaged.load_state_dict(state)
        self.steps = int(self.averaged.n_averaged)

    def _average(self, averaged: Any, current: Any, count: Any) -> None:
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))  # ``count`` lies on the device: a wait per step
        get_ema_multi_avg_fn(decay)(averaged, current, count)  # type: ignore[no-untyped-call]  # torch leaves its type away

    @torch.no_grad()
    def _swap(self) -> None:
        for average, own in self._pairs():
            average.data, own.data = own.data, average.data

    def _pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        averaged = self.averaged.module
        return zip(
            chain(averaged.parameters(), averaged.buffers()),
            chain(self.model.parameters(), self.model.buffers()),
            strict=True,
        )
