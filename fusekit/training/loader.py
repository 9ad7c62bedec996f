"""Batches of slices and encoded columns, in an order that depends on seed and epoch only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from mmap import mmap
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from fusekit.data import Pixels, grey_tensor


class Batch(NamedTuple):
    """What the training loop sees: B slices, the columns of their subjects, their labels and their rows."""

    image: Tensor  # (B, 1, H, W) grey levels as stored, uint8 or float16; (B, 1, S, S, S) of whole volumes
    clinical: Tensor  # (B, F) float32
    label: Tensor  # (B,) int64
    row: Tensor  # (B,) int64, of the slice store


class SliceDataset(Dataset[Batch]):
    """Slices of a store with their subjects' encoded columns, fetched a batch at a time.

    Args:
        images: (N, H, W), or (N, S, S, S) of whole volumes; uint8 or float16, usually a memory map.
        rows: (n,) which of the N belong to this data set.
        clinical: (n, F) float32.
        labels: (n,) int64.
        pixels: how grey levels become network input; the loop does that, on the device.
    """

    def __init__(self, images: np.ndarray, rows: np.ndarray, clinical: np.ndarray, labels: np.ndarray, pixels: Pixels):
        self.images, self.rows, self.pixels = images, rows, pixels
        self.clinical = torch.tensor(np.asarray(clinical), dtype=torch.float32)
        self.labels = torch.tensor(np.asarray(labels), dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.rows)

    def __getstate__(self) -> dict[str, Any]:
        """For a worker that is not forked: it opens a memory map itself, instead of being sent all of it."""
        images, state = self.images, self.__dict__
        if isinstance(images, np.memmap) and isinstance(images.base, mmap):
            return {**state, "images": (images.filename, images.dtype, "r", images.offset, images.shape)}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Undo ``__getstate__``."""
        self.__dict__ = dict(state)
        if isinstance(self.images, tuple):
            self.images = np.memmap(*self.images)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """Fetch a batch at once: one read of the memory map. Grey levels are standardised on the device."""
        chosen = np.asarray(indices)
        rows = self.rows[chosen]
        return Batch(grey_tensor(self.images[rows]), self.clinical[chosen], self.labels[chosen], torch.from_numpy(rows))


class EpochSampler(Sampler[int]):
    """A permutation of ``range(length)`` that is a function of (seed, epoch)."""

    def __init__(self, length: int, seed: int):
        self.length, self.seed, self.epoch, self.done = length, seed, 0, 0

    def start_epoch(self, epoch: int, done: int = 0) -> None:
        """Choose the permutation, without the first ``done`` of it where an epoch is gone on with.

        Not called ``set_epoch``: Fabric would call that with a count of its own.
        """
        self.epoch, self.done = epoch, done

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[int]:
        yield from np.random.default_rng((self.seed, self.epoch)).permutation(self.length)[self.done :].tolist()


def loader_for(
    dataset: SliceDataset, sampler: EpochSampler, batch_size: int, workers: int = 0, pin: bool = False
) -> DataLoader[Batch]:
    """Batches in the sampler's order; a last batch of one slice is left out, since batch normalisation fails on it.

    Args:
        dataset: of the training subjects.
        sampler: the order.
        batch_size: slices a batch.
        workers: processes that read. They start anew with every epoch, so that this process draws the same random
            numbers as without them.
        pin: in memory that a GPU can copy from while it computes.
    """
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
        drop_last=_lonely(len(dataset), batch_size),
        collate_fn=_as_is,
        num_workers=workers,
        pin_memory=pin,
    )


def batch_sizes(count: int, batch_size: int) -> list[int]:
    """Slices in each batch that ``loader_for`` makes of so many slices."""
    rest = count % batch_size
    return [batch_size] * (count // batch_size) + [rest] * (rest > 0 and not _lonely(count, batch_size))


def _lonely(count: int, batch_size: int) -> bool:
    """Whether the last batch would have one slice, of several."""
    return count > 1 and count % batch_size == 1


def _as_is(batch: Any) -> Any:
    """Pass on what ``__getitems__`` made: it is a batch already."""
    return batch
