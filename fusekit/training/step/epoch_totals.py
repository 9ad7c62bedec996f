"""Losses, hits and time of an epoch so far."""

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from fusekit.training.machines.processes import ALONE, Processes


class Running:
    """Losses and hits over the slices of an epoch as they are seen, summed on the device.

    Scores are of all processes, which have the same losses by name.
    """

    def __init__(self, device: torch.device, processes: Processes = ALONE):
        self.device, self.processes = device, processes
        self.begin()

    def begin(self) -> None:
        """Begin an epoch."""
        self.losses: dict[str, Tensor] = {}
        self.hits = torch.zeros((), device=self.device)
        self.seen, self._before, self._start = 0, 0.0, time.perf_counter()

    def add(self, losses: Mapping[str, Tensor], logits: Tensor, labels: Tensor) -> None:
        """Count a batch: its mean losses by name, (B, K) logits and (B,) labels."""
        for name, loss in losses.items():
            self.losses[name] = self.losses.get(name, 0.0) + loss.detach() * len(labels)
        self.hits += (logits.detach().argmax(dim=1) == labels).sum()
        self.seen += len(labels)

    def scores(self, lr: float) -> dict[str, float]:
        """Mean losses, share of hits, learning rate, seconds and images per second; this waits for the device."""
        *sums, hits, seen = self.processes.sum([*map(float, self.losses.values()), float(self.hits), self.seen])
        means = {name: own / seen for name, own in zip(self.losses, sums, strict=True)}
        seconds = self.seconds
        return {
            "loss": means.pop("loss"),
            "accuracy": hits / seen,
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
        return {"losses": self.losses, "hits": self.hits, "seen": self.seen, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume adding."""
        self.losses = {name: own.to(self.device) for name, own in state_dict["losses"].items()}
        self.hits, self.seen = state_dict["hits"].to(self.device), state_dict["seen"]
        self._before, self._start = state_dict["seconds"], time.perf_counter()
