"""Batches of slices and encoded columns, in an order of seed and epoch alone, on the device before they are needed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from fusekit.data import Pixels, grey_tensor
from fusekit.data.images.channels import Channel
from fusekit.data.store.blanks import Images, closed, opened
from fusekit.training.machines.processes import ALONE, Processes


class Batch(NamedTuple):
    """What the training loop sees: B slices, their subjects' columns, their labels and rows."""

    image: Tensor  # (B, C, H, W) grey levels as stored, uint8 or float16; (B, C, S, S, S) of whole volumes
    clinical: Tensor  # (B, F) float32
    label: Tensor  # (B,) int64; of numbers float32, on the scale of the training subjects; with delayed entry (B, 2)
    row: Tensor  # (B,) int64, of the slice store
    present: Tensor | None = None  # (B, 2) bool: has an image, has a table; None: all have both
    #: With a pool, B are scans, and images the slices of all of them: (B, N), which of N slices each scan has.
    slices: Tensor | None = None

    def first(self, count: int) -> Self:
        """So many samples of it."""
        first = self._each(lambda one: one[:count])
        return first if first.slices is None else first._replace(image=self.image[: int(first.slices.sum())])

    def to(self, device: torch.device, non_blocking: bool) -> Self:
        """On another device."""
        return self._each(lambda one: one.to(device, non_blocking=non_blocking))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        return self._replace(**{name: change(one) for name, one in self._asdict().items() if one is not None})


class SliceDataset(Dataset[Batch]):
    """Slices of a store with their subjects' encoded columns, fetched a batch at a time.

    Args:
        images: (N, C, H, W), or (N, C, S, S, S) of whole volumes; uint8 or float16, usually a memory map.
        rows: (n,) which of the N belong to this data set, with clinical (n, F) and labels (n,).
        pixels: how the loop makes network input of grey levels, on the device.
        channels: what the C are; () where each is an image of its own.
        shares: (n,) how often each is drawn, for a sampler that draws; None: each once per epoch.
        present: (n, 2) bool, which have an image and which a table; None: all have both.
    """

    def __init__(
        self,
        images: Images,
        rows: np.ndarray,
        clinical: np.ndarray,
        labels: np.ndarray,
        pixels: Pixels,
        channels: Sequence[Channel] = (),
        shares: np.ndarray | None = None,
        present: np.ndarray | None = None,
    ):
        self.shares = shares
        self.present = None if present is None else torch.tensor(present, dtype=torch.bool)
        self.images, self.rows, self.pixels, self.channels = images, rows, pixels, tuple(channels)
        self.clinical = torch.tensor(np.asarray(clinical), dtype=torch.float32)
        whole = np.issubdtype(np.asarray(labels).dtype, np.integer)  # classes; else numbers
        self.labels = torch.tensor(np.asarray(labels), dtype=torch.int64 if whole else torch.float32)

    def __len__(self) -> int:
        return len(self.rows)

    def __getstate__(self) -> dict[str, Any]:
        """For a worker that is not forked: it opens the memory map itself instead of receiving its content."""
        return {**self.__dict__, "images": closed(self.images)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Undo ``__getstate__``."""
        self.__dict__ = {**state, "images": opened(state["images"])}

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """Fetch a batch at once: one read of the memory map."""
        chosen = np.asarray(indices)
        return self._batch(chosen, self.rows[chosen])

    def _batch(self, chosen: np.ndarray, shown: np.ndarray) -> Batch:
        """The samples ``chosen`` of it, with the images ``shown``."""
        present = None if self.present is None else self.present[chosen]
        image, row = grey_tensor(self.images[shown]), torch.from_numpy(self.rows[chosen])
        return Batch(image, self.clinical[chosen], self.labels[chosen], row, present)


class EpochBatches(Sampler[list[int]]):
    """The batches of an epoch: their order is a function of (seed, epoch), and each process takes its share of each.

    Every slice comes once; with ``shares`` (length,) as many are drawn, each by its share. A last batch of fewer than
    ``least`` slices, on which batch normalisation fails, is left out of several. ``sizes`` are slices per batch, of all
    processes together; none if there are fewer slices than processes.
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        seed: int,
        processes: Processes = ALONE,
        least: int = 2,
        shares: np.ndarray | None = None,
    ):
        self.length, self.seed, self.processes, self.shares = length, seed, processes, shares
        self.size = batch_size * processes.size
        self.sizes = batch_sizes(length, self.size, max(least, 2)) if length >= processes.size else []
        self.epoch, self.done = 0, 0

    def start_epoch(self, epoch: int, done: int = 0) -> None:
        """Choose the permutation, without the first ``done`` batches of an epoch that is resumed."""
        # Not called set_epoch: Fabric would call that with a count of its own.
        self.epoch, self.done = epoch, done

    def __len__(self) -> int:
        return len(self.sizes) - self.done

    def __iter__(self) -> Iterator[list[int]]:
        draw = np.random.default_rng((self.seed, self.epoch))
        drawn = self.shares is not None
        order = draw.choice(self.length, self.length, p=self.shares) if drawn else draw.permutation(self.length)
        for number, size in enumerate(self.sizes[self.done :], start=self.done):
            yield order[number * self.size :][:size][self.processes.part(size)].tolist()


def loader_for(dataset: SliceDataset, batches: EpochBatches, workers: int = 0, pin: bool = False) -> DataLoader[Batch]:
    """Read batches in order. Workers start anew with each epoch, so that this process draws the same random numbers."""
    return DataLoader(dataset, batch_sampler=batches, collate_fn=_as_is, num_workers=workers, pin_memory=pin)


def batch_sizes(count: int, batch_size: int, least: int = 2) -> list[int]:
    """Slices in each batch of ``count`` slices; a last one of fewer than ``least`` is left out, of several."""
    whole, rest = divmod(count, batch_size)
    return [batch_size] * whole + [rest] * (rest >= least or (rest > 0 and not whole))


def _as_is(batch: Any) -> Any:  # __getitems__ has made a batch of it
    return batch


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
        return batch.to(self.device, non_blocking=self.device.type == "cuda")

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
            for tensor in filter(torch.is_tensor, following):
                tensor.record_stream(current)
            ready = following
        if ready is not None:
            yield ready
