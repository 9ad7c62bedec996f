"""Loss, hits and time of an epoch so far."""

import time
from typing import Any

import torch
from torch import Tensor

from fusekit.training.machines.processes import ALONE, Processes


class Running:
    """Loss and hits over the slices of an epoch as they are seen, summed on the device; scores are of all processes."""

    def __init__(self, device: torch.device, processes: Processes = ALONE):
        self.device, self.processes = device, processes
        self.begin()

    def begin(self) -> None:
        """Begin an epoch."""
        self.loss = torch.zeros((), device=self.device)
        self.hits = torch.zeros((), device=self.device)
        self.seen, self._before, self._start = 0, 0.0, time.perf_counter()

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count a batch: its mean loss, (B, K) logits and (B,) labels."""
        self.loss += loss.detach() * len(labels)
        self.hits += (logits.detach().argmax(dim=1) == labels).sum()
        self.seen += len(labels)

    def scores(self, lr: float) -> dict[str, float]:
        """Mean loss, share of hits, learning rate, seconds and images per second; this waits for the device."""
        loss, hits, seen = self.processes.sum([float(self.loss), float(self.hits), self.seen])
        seconds, means = self.seconds, {"loss": loss / seen, "accuracy": hits / seen}
        return {**means, "lr": lr, "seconds": seconds, "images_per_second": seen / seconds}

    @property
    def seconds(self) -> float:
        """Time that the epoch took, without interruptions."""
        return self._before + time.perf_counter() - self._start

    def state_dict(self) -> dict[str, Any]:
        """The sums of this process."""
        return {"loss": self.loss, "hits": self.hits, "seen": self.seen, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume adding."""
        self.loss, self.hits = state_dict["loss"].to(self.device), state_dict["hits"].to(self.device)
        self.seen, self._before, self._start = state_dict["seen"], state_dict["seconds"], time.perf_counter()
