"""Losses, tallies and time of an epoch so far."""

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from fusekit.training.machines.processes import ALONE, Processes


class Running:
    """Losses and tallies (hits, say) over the slices of an epoch as they are seen, summed on the device.

    Scores are of all processes, which have the same losses and tallies by name.
    """

    def __init__(self, device: torch.device, processes: Processes = ALONE):
        self.device, self.processes = device, processes
        self.begin()

    def begin(self) -> None:
        """Begin an epoch."""
        self.losses: dict[str, Tensor] = {}
        self.tallies: dict[str, Tensor] = {}
        self.seen, self._before, self._start = 0, 0.0, time.perf_counter()

    def add(self, losses: Mapping[str, Tensor], tallies: Mapping[str, Tensor], count: int) -> None:
        """Count a batch of so many samples: its mean losses and its sums, by name."""
        for name, loss in losses.items():
            self.losses[name] = self.losses.get(name, 0.0) + loss.detach() * count
        for name, tally in tallies.items():
            self.tallies[name] = self.tallies.get(name, 0.0) + tally.detach()
        self.seen += count

    def scores(self, lr: float) -> dict[str, float]:
        """Mean losses and tallies, learning rate, seconds and images per second; this waits for the device."""
        both = [*map(float, self.losses.values()), *map(float, self.tallies.values())]
        *sums, seen = self.processes.sum([*both, self.seen])
        means = {name: own / seen for name, own in zip((*self.losses, *self.tallies), sums, strict=True)}
        seconds = self.seconds
        return {
            "loss": means.pop("loss"),
            **{name: means.pop(name) for name in self.tallies},
            **means,
            "lr": lr,
            "seconds": seconds,
            "images_per_second": seen / seconds,
        }

    @property
    def seconds(self) -> float:
        """Time that the epoch took, without interruptions."""
        return self._before + time.perf_counter() - self._start

    def state_dict(self) -> dict[str, Any]:
        """The sums of this process."""
        return {"losses": self.losses, "tallies": self.tallies, "seen": self.seen, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume adding."""
        self.losses = {name: own.to(self.device) for name, own in state_dict["losses"].items()}
        self.tallies = {name: own.to(self.device) for name, own in state_dict["tallies"].items()}
        self.seen = state_dict["seen"]
        self._before, self._start = state_dict["seconds"], time.perf_counter()
