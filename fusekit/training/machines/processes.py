"""The processes of a training: this one alone, or several, each with a device and its share of every batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from fusekit.errors import FusekitError, SharedError

T = TypeVar("T")


class ProcessLostError(SharedError):
    """Another process of the same training has ended, so that this one cannot continue."""

    def __init__(self) -> None:
        super().__init__(
            "another process of this training has ended. Its own message is above; without one, it was ended "
            "from outside, which most often means that memory was short."
        )


class Processes:
    """What the processes of a training exchange, from host to host; alone, every answer is one's own.

    Every method but ``part`` must be called by all of them, in the same order. Gradients are exchanged by Fabric.
    ``group`` is of torch.distributed, on hosts (gloo); None where there is one process.
    """

    def __init__(self, rank: int = 0, size: int = 1, group: Any = None):
        self.rank, self.size, self.group = rank, size, group

    @classmethod
    def of_launched(cls) -> Processes:
        """Those of the running process group, if there is one."""
        if not distributed.is_available() or not distributed.is_initialized():
            return cls()
        patience = timedelta(days=7)  # while the first reads a cohort or explains; a lost process is noticed at once
        group = distributed.new_group(backend="gloo", timeout=patience)
        return cls(distributed.get_rank(), distributed.get_world_size(), group)

    @property
    def first(self) -> bool:
        """Whether this is the one that reads, writes and reports."""
        return self.rank == 0

    def part(self, count: int) -> slice:
        """Its share of ``count`` things in a row: shares differ by one at most and leave nothing out."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def gather(self, value: T) -> list[T]:
        """The values of all, by rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        with others_watched():
            distributed.all_gather_object(values, value, group=self.group)
        return values

    def from_first(self, make: Callable[[], T]) -> T:
        """What the first makes, for all; the others wait for it."""
        if self.size == 1:
            return make()
        held: list[Any] = [make() if self.first else None]
        with others_watched():
            distributed.broadcast_object_list(held, src=0, group=self.group)
        made: T = held[0]
        return made

    def wait(self) -> None:
        """Until all are here."""
        self.gather(None)

    def any(self, flag: bool) -> bool:
        """Whether it holds for any."""
        return self.sum([float(flag)])[0] > 0

    def sum(self, values: Sequence[float]) -> list[float]:
        """Sums over all, in double precision."""
        if self.size == 1:
            return list(values)
        summed = torch.tensor(values, dtype=torch.float64)
        with others_watched():
            distributed.all_reduce(summed, group=self.group)
        return list(summed.tolist())

    def same(self, what: str, value: Any) -> None:
        """Raise a FusekitError unless all have the same."""
        values = self.gather(value)
        other = next((rank for rank, one in enumerate(values) if one != values[0]), None)
        if other is not None:
            first, its = values[0], values[other]
            if isinstance(first, dict):  # what is the same need not be read
                names = [name for name in {**first, **its} if first.get(name) != its.get(name)]
                first, its = ({name: one.get(name) for name in names} for one in (first, its))
            raise FusekitError(
                f"process {other} of this training has other {what} than the first: {its}, not {first}. "
                "All of them must see the same files: the run folder, the data and FUSEKIT_CACHE."
            )

    def copy_from_first(self, tensors: Iterable[Tensor]) -> None:
        """Give all the first one's values, in place; from device to device."""
        if self.size > 1:
            with others_watched():
                for tensor in tensors:
                    distributed.broadcast(tensor, src=0)


#: One process.
ALONE = Processes()


@contextmanager
def others_watched() -> Iterator[None]:
    """Raise ProcessLostError instead of torch's own error where another process was lost."""
    try:
        yield
    except RuntimeError as error:
        if not (isinstance(error, distributed.DistError) or "gloo" in str(error).lower()):
            raise
        raise ProcessLostError from error
