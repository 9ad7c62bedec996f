"""Losses that are not finite, noticed early, with the batch that they came from."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from fusekit.errors import SharedError
from fusekit.training.machines.processes import ALONE, Processes

#: Batches between two looks at the losses of a device that works ahead: each look waits for it.
EVERY = 50


class NonFiniteError(SharedError):
    """Training cannot continue; ``rows`` are those of the batch, in the slice store."""

    def __init__(self, what: str, rows: Iterable[int] = ()):
        super().__init__(f"{what} Lower the learning rate (--lr), or train in full precision (--precision 32-true).")
        self.rows = tuple(rows)


class FiniteLosses:
    """Looks at every batch's loss: at once on a CPU, every 50 batches elsewhere. What one process finds, all raise."""

    def __init__(self, device: torch.device, processes: Processes = ALONE):
        self.processes = processes
        self.every = 1 if device.type == "cpu" else EVERY
        self._unseen: list[tuple[str, Tensor, Tensor]] = []
        self._last: tuple[str, Tensor] | None = None

    def see(self, where: str, loss: Tensor, rows: Tensor) -> None:
        """Note a batch: its name in messages, its scalar loss, its rows (B,) of the slice store; look if it is time."""
        self._unseen.append((where, loss.detach(), rows))
        self._last = where, rows
        if len(self._unseen) >= self.every:
            self.look()

    def look(self) -> None:
        """Look at the losses that were not looked at yet; NonFiniteError for the first that is not finite."""
        unseen, self._unseen = self._unseen, []
        if not unseen:
            return
        finite = torch.stack([loss for _, loss, _ in unseen]).isfinite().tolist()
        number = finite.index(False) if not all(finite) else None
        if not self.processes.any(number is not None):
            return
        mine = None if number is None else (number, unseen[number][0], unseen[number][2].tolist())
        found = [one for one in self.processes.gather(mine) if one is not None]
        first, where, _ = min(found)
        rows = (row for one in found if one[0] == first for row in one[2])
        raise NonFiniteError(f"the training loss is not finite in {where}.", rows)

    def look_at(self, model: nn.Module) -> None:
        """Look at the losses and at the weights; NonFiniteError if one, or a running statistic, is not finite."""
        self.look()
        values = [value for value in model.state_dict().values() if value.is_floating_point()]
        bad = self._last is not None and not bool(torch.stack([value.isfinite().all() for value in values]).all())
        if self._last and self.processes.any(bad):
            where, rows = self._last
            every = (row for part in self.processes.gather(rows.tolist()) for row in part)
            raise NonFiniteError(f"the weights are not finite after {where}.", every)
