"""What may fail in training: losses that are not finite, memory, and processes that read batches."""

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

from fusekit.errors import FusekitError, SharedError
from fusekit.training.feed.loader import Batch
from fusekit.training.machines.processes import ALONE, Processes

T = TypeVar("T")


class BatchTooLargeError(FusekitError):
    """A batch does not fit; the message says which size does."""


def within_memory(step: Callable[[Batch], T], batch: Batch, where: str, *, alone: bool = True) -> T:
    """Do a training step; if memory is too short, raise BatchTooLargeError with the size that fits.

    Half of the batch is tried, then a quarter and so on; the weights are worthless afterwards. With other processes,
    which would have to try as well, nothing is tried.
    """
    try:
        return step(batch)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Only here the error is forgotten, and everything that its traceback held on to.
    size, what = len(batch.label), "slices" if batch.slices is None else "scans"
    fits = size
    if not alone:
        raise BatchTooLargeError(
            f"memory is too short for {size} {what} on this device in {where}. Try --batch-size {max(size // 2, 1)}, "
            "and more devices or training.accumulate for as large a batch as before."
        )
    while fits > 2:
        fits = max(2, fits // 2)
        if _fits(step, batch.first(fits)):
            raise BatchTooLargeError(
                f"memory is too short for a batch of {size} in {where}. A step with {fits} of its {what} was tried and "
                f"fits: --batch-size {fits}. It changes the training; so compare with runs of the same batch size."
            )
    raise BatchTooLargeError(
        f"memory is too short for a batch of {size} in {where}, and for the smallest, 2, as well. Choose a smaller "
        "--image-size, another --backbone or --precision bf16-mixed, or end what else uses the memory."
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory was too short, on any device."""
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError)
        and any(sign in text for sign in ("DefaultCPUAllocator", "can't allocate memory", "out of memory"))
    )


def _fits(step: Callable[[Batch], object], batch: Batch) -> bool:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    try:
        step(batch)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


@contextmanager
def readers_watched() -> Iterator[None]:
    """Raise a FusekitError instead of torch's own where a process that reads batches was lost."""
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise FusekitError(
            f"a process that reads batches was lost ({str(error).splitlines()[0]}). Most often memory was short, or "
            "the shared memory (/dev/shm) of a container: give it more, or read with fewer processes."
        ) from error


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
