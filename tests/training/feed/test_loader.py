"""Batches: the right columns beside the right slices, in an order that can be repeated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fusekit.data import Pixels
from fusekit.training.feed.loader import Batch, EpochBatches, Prefetch, SliceDataset, batch_sizes, loader_for
from fusekit.training.machines.processes import Processes


def dataset(count: int = 23) -> SliceDataset:
    """Every second slice of a store; slice i is filled with i, its columns are (i, -i), labels alternate."""
    images = np.stack([np.full((1, 4, 4), i, dtype=np.uint8) for i in range(2 * count)])
    rows = np.arange(0, 2 * count, 2)
    return SliceDataset(images, rows, np.column_stack([rows, -rows]), rows // 2 % 2, Pixels((10.0,), (2.0,)))


def batches(seed: int, epoch: int, size: int = 5, count: int = 23) -> list[Batch]:
    data = dataset(count)
    order = EpochBatches(len(data), size, seed)
    order.start_epoch(epoch)
    return list(loader_for(data, order))


def test_image_columns_label_and_row_belong_together() -> None:
    for batch in batches(seed=0, epoch=1):
        assert batch.image.shape[1:] == (1, 4, 4)
        assert batch.image.dtype == torch.uint8  # as stored
        assert torch.equal(batch.image[:, 0, 0, 0], batch.row.to(torch.uint8))
        torch.testing.assert_close(batch.clinical, torch.stack([batch.row, -batch.row], dim=1).float())
        torch.testing.assert_close(batch.label, batch.row // 2 % 2)


def test_whole_volumes_of_half_precision_are_batched_as_they_are() -> None:
    volumes = np.random.default_rng(0).uniform(0, 255, (6, 1, 4, 4, 4)).astype(np.float16)
    data = SliceDataset(volumes, np.arange(6), np.zeros((6, 2)), np.zeros(6), Pixels((10.0,), (2.0,)))
    batch = next(iter(loader_for(data, EpochBatches(6, 3, 0))))
    assert batch.image.shape == (3, 1, 4, 4, 4)
    assert batch.image.dtype == torch.float16
    np.testing.assert_array_equal(batch.image.numpy(), volumes[batch.row.numpy()])


def test_every_epoch_has_its_own_order_and_every_slice_once() -> None:
    orders = [torch.cat([batch.row for batch in batches(seed=0, epoch=epoch)]).tolist() for epoch in (1, 2)]
    assert orders[0] != orders[1]
    assert all(sorted(order) == list(range(0, 46, 2)) for order in orders)


def test_order_is_a_function_of_seed_and_epoch_whatever_torch_drew_before() -> None:
    torch.manual_seed(1)
    first = [batch.row.tolist() for batch in batches(seed=3, epoch=2)]
    torch.rand(7)
    assert [batch.row.tolist() for batch in batches(seed=3, epoch=2)] == first
    assert [batch.row.tolist() for batch in batches(seed=4, epoch=2)] != first


def test_a_last_batch_of_one_is_left_out() -> None:
    sizes = {count: [len(batch.label) for batch in batches(0, 1, size=5, count=count)] for count in (3, 10, 11, 12)}
    assert sizes == {3: [3], 10: [5, 5], 11: [5, 5], 12: [5, 5, 2]}


@given(count=st.integers(1, 40), size=st.integers(2, 9))
def test_sizes_are_known_before_batches_are_read(count: int, size: int) -> None:
    assert batch_sizes(count, size) == [len(batch.label) for batch in batches(0, 1, size=size, count=count)]


@given(st.integers(1, 60), st.integers(1, 5), st.integers(1, 4), st.integers(0, 3))
def test_processes_share_the_batches_of_a_larger_one(count: int, size: int, processes: int, done: int) -> None:
    whole = EpochBatches(count, size * processes, seed=3, least=processes)
    shares = [EpochBatches(count, size, 3, Processes(rank, processes), least=processes) for rank in range(processes)]
    if count < processes:
        assert not any(share.sizes for share in shares)
        return
    for order in (whole, *shares):
        order.start_epoch(2, min(done, len(order.sizes)))
    assert all(share.sizes == whole.sizes for share in shares)
    for batch, *parts in zip(whole, *shares, strict=True):
        assert [row for part in parts for row in part] == batch
        assert all(0 < len(part) <= size for part in parts)  # nobody is without, none has more than fits


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # what torch does with workers since Python 3.12
def test_workers_read_the_same_batches_and_draw_no_random_numbers() -> None:
    data = dataset()
    order = EpochBatches(len(data), 5, seed=3)
    found, drawn = [], []
    for workers in (0, 2):
        torch.manual_seed(1)
        found.append([list(loader_for(data, order, workers)) for _ in range(2)])
        drawn.append(torch.rand(1))
    assert drawn[0] == drawn[1]
    for epochs in zip(*found, strict=True):
        for mine, theirs in zip(*epochs, strict=True):
            assert all(torch.equal(one, other) for one, other in zip(mine[:4], theirs[:4], strict=True))


def test_a_process_that_starts_afresh_opens_the_memory_map_itself(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.arange(2 * 46 * 16, dtype=np.uint8).reshape(-1, 4, 4)[:46])
    data = dataset()
    data.images = np.load(tmp_path / "images.npy", mmap_mode="r")
    state = data.__getstate__()
    assert not any(isinstance(value, np.ndarray) and value.size > 100 for value in state.values())
    again = SliceDataset.__new__(SliceDataset)
    again.__setstate__(state)
    assert torch.equal(again[5].image, data[5].image)


def some(count: int) -> list[Batch]:
    return [
        Batch(torch.full((2, 1, 3, 3), i, dtype=torch.uint8), torch.full((2, 4), i), torch.arange(2), torch.tensor(i))
        for i in range(count)
    ]


def test_on_the_cpu_batches_are_passed_on_each_time() -> None:
    given = some(3)
    batches = Prefetch(given, torch.device("cpu"))
    for _ in range(2):
        for one, other in zip(batches, given, strict=True):
            assert all(mine is theirs for mine, theirs in zip(one, other, strict=True))


def test_every_tensor_is_moved_and_keeps_its_type() -> None:
    moved = list(Prefetch(some(2), torch.device("meta")))
    assert [tensor.device.type for batch in moved for tensor in batch if tensor is not None] == ["meta"] * 8
    assert [batch.image.dtype for batch in moved] == [torch.uint8] * 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: streams are its own")
@pytest.mark.parametrize("count", [0, 1, 5])
def test_on_cuda_batches_are_the_same(count: int) -> None:
    given = [
        Batch._make(tensor if tensor is None else tensor.pin_memory() for tensor in batch) for batch in some(count)
    ]
    for one, other in zip(Prefetch(given, torch.device("cuda")), given, strict=True):
        for mine, theirs in zip(one, other, strict=True):
            assert mine is theirs is None or (
                mine is not None and theirs is not None and torch.equal(mine.cpu(), theirs)
            )
