"""Batches of slices and encoded columns, in an order that depends on seed and epoch only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from fusekit.data import Pixels


class Batch(NamedTuple):
    """What the training loop sees: B slices, the columns of their subjects, their labels and their rows."""

    image: Tensor  # (B, 1, H, W) float32; (B, 1, S, S, S) of whole volumes
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
        pixels: how grey levels become network input.
    """

    def __init__(self, images: np.ndarray, rows: np.ndarray, clinical: np.ndarray, labels: np.ndarray, pixels: Pixels):
        self.images, self.rows, self.pixels = images, rows, pixels
        self.clinical = torch.tensor(np.asarray(clinical), dtype=torch.float32)
        self.labels = torch.tensor(np.asarray(labels), dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """Fetch a batch at once: one read of the memory map, one conversion."""
        chosen = np.asarray(indices)
        rows = self.rows[chosen]
        image = self.pixels.to_tensor(self.images[rows])
        return Batch(image, self.clinical[chosen], self.labels[chosen], torch.from_numpy(rows))


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


def loader_for(dataset: SliceDataset, sampler: EpochSampler, batch_size: int) -> DataLoader[Batch]:
    """Batches in the sampler's order; a last batch of one slice is left out, since batch normalisation fails on it."""
    lonely = len(dataset) > 1 and len(dataset) % batch_size == 1
    return DataLoader(dataset, batch_size=batch_size, sampler=sampler, drop_last=lonely, collate_fn=_as_is)


def _as_is(batch: Any) -> Any:
    """Pass on what ``__getitems__`` made: it is a batch already."""
    return batch
