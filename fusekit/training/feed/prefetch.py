"""Batches on the device before they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from fusekit.training.feed.loader import Batch


class Prefetch:
    """Batches of a loader, moved to the device.

    On CUDA the next batch is copied on a stream of its own while the present one is computed, so that the copy costs no
    time as long as it is shorter than a step; batches should come in pinned memory. Elsewhere each is moved when it is
    asked for, and on the CPU it is passed on.

    Args:
        batches: a loader, or anything else that can be iterated over again.
        device: where they are wanted.
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
            ready = self._wait(following, stream)
        if ready is not None:
            yield ready

    def _wait(self, batch: Batch, stream: torch.cuda.Stream) -> Batch:
        """Let the computation begin only when the copy has ended, and keep the memory until it has been read."""
        current = torch.cuda.current_stream(self.device)
        current.wait_stream(stream)
        for tensor in batch:
            tensor.record_stream(current)
        return batch
