"""Batches on the device before they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from fusekit.training.feed.loader import Batch


class Prefetch:
    """Batches of a loader (or another iterable that can be iterated again), moved to the device.

    On CUDA the next batch is copied on a stream of its own while the present one is computed: the copy costs no time as
    long as it is shorter than a step. Batches should come in pinned memory.
    """

    def __init__(self, batches: Iterable[Batch], device: torch.device):
        self.batches, self.device = batches, device

    def __iter__(self) -> Iterator[Batch]:
        return self._streamed() if self.device.type == "cuda" else map(self._move, self.batches)

    def _move(self, batch: Batch) -> Batch:
        return Batch(*(tensor.to(self.device, non_blocking=self.device.type == "cuda") for tensor in batch))

    def _streamed(self) -> Iterator[Batch]:
        stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]  # torch leaves its type away
        ready: Batch | None = None
        for batch in self.batches:
            with torch.cuda.stream(stream):
                following = self._move(batch)
            if ready is not None:
                yield ready
            # The computation begins when the copy has ended, and the memory is kept until it has been read.
            current = torch.cuda.current_stream(self.device)
            current.wait_stream(stream)
            for tensor in following:
                tensor.record_stream(current)
            ready = following
        if ready is not None:
            yield ready
