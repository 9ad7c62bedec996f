"""What a machine may refuse during training: memory, and processes that read batches."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from fusekit.errors import FusekitError
from fusekit.training.feed.loader import Batch

T = TypeVar("T")


class BatchTooLargeError(FusekitError):
    """A batch does not fit; the message says which size does."""


def within_memory(step: Callable[[Batch], T], batch: Batch, where: str, *, alone: bool = True) -> T:
    """Do a training step; if memory is too short, raise BatchTooLargeError with the size that fits.

    Half of the batch is tried, then a quarter and so on, each time with the whole step. The weights are worthless
    afterwards, and training is over. With other processes, which would have to try as well, nothing is tried.
    """
    try:
        return step(batch)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Only here the error is forgotten, and everything that its traceback held on to.
    size = fits = len(batch.label)
    if not alone:
        raise BatchTooLargeError(
            f"memory is too short for {size} slices on this device in {where}. Try --batch-size {max(size // 2, 1)}, "
            "and more devices or training.accumulate for as large a batch as before."
        )
    while fits > 2:
        fits = max(2, fits // 2)
        if _fits(step, Batch(*(part[:fits] for part in batch))):
            raise BatchTooLargeError(
                f"memory is too short for a batch of {size} in {where}. A step with {fits} of its slices was tried and "
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
