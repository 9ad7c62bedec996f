"""What a machine refuses is said in words, and with a number that was tried."""

from __future__ import annotations

import math
import os
import signal
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from fusekit.errors import FusekitError
from fusekit.training.feed.loader import Batch
from fusekit.training.guard.failures import (
    EVERY,
    BatchTooLargeError,
    FiniteLosses,
    NonFiniteError,
    is_out_of_memory,
    readers_watched,
    within_memory,
)


def batch(size: int) -> Batch:
    return Batch(torch.zeros(size, 1, 2, 2), torch.zeros(size, 3), torch.zeros(size), torch.arange(size))


def needs(most: int, tried: list[int]) -> Any:
    """A step for which no more than so many slices fit; torch itself refuses the others."""

    def step(given: Batch) -> int:
        assert {len(part) for part in given if part is not None} == {len(given.label)}
        tried.append(len(given.label))
        if len(given.label) > most:
            torch.empty(2**60)
        return len(given.label)

    return step


def test_a_batch_that_fits_is_just_done() -> None:
    tried: list[int] = []
    assert within_memory(needs(8, tried), batch(8), "epoch 1, batch 1 of 2") == 8
    assert tried == [8]


@pytest.mark.parametrize(("most", "fits", "tried"), [(8, 8, [32, 16, 8]), (2, 2, [32, 16, 8, 4, 2])])
def test_a_batch_that_does_not_fit_is_halved_until_it_does(most: int, fits: int, tried: list[int]) -> None:
    sizes: list[int] = []
    message = rf"too short for a batch of 32 in epoch 1, batch 1 of 2\. .* --batch-size {fits}\."
    with pytest.raises(BatchTooLargeError, match=message):
        within_memory(needs(most, sizes), batch(32), "epoch 1, batch 1 of 2")
    assert sizes == tried


def test_where_nothing_fits_other_ways_are_named() -> None:
    tried: list[int] = []
    with pytest.raises(BatchTooLargeError, match=r"for the smallest, 2, as well\. Choose a smaller --image-size"):
        within_memory(needs(1, tried), batch(7), "epoch 1, batch 1 of 2")
    assert tried == [7, 3, 2]


def test_with_other_processes_nothing_is_tried() -> None:
    tried: list[int] = []
    with pytest.raises(BatchTooLargeError, match=r"8 slices on this device in epoch 1.*--batch-size 4,"):
        within_memory(needs(4, tried), batch(8), "epoch 1, batch 1 of 2", alone=False)
    assert tried == [8]


def test_other_errors_pass() -> None:
    def wrong(_: Batch) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        within_memory(wrong, batch(4), "")


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9.0 GB)"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_memory_is_known_by_its_messages(error: BaseException, is_it: bool) -> None:
    assert is_out_of_memory(error) is is_it


class Dying(Dataset[int]):
    """Its reader is killed, as the system does where memory is short."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return index


def test_a_lost_reader_is_said_in_words() -> None:
    def read() -> None:
        with readers_watched():
            list(DataLoader(Dying(), num_workers=1))

    with pytest.raises(FusekitError, match=r"a process that reads batches was lost \(DataLoader worker .*/dev/shm"):
        read()


def test_errors_that_are_no_readers_pass() -> None:
    with pytest.raises(RuntimeError, match="something else"), readers_watched():
        raise RuntimeError("something else")


def see(losses: FiniteLosses, values: list[float]) -> None:
    for number, value in enumerate(values, start=1):
        losses.see(f"epoch 2, batch {number}", torch.tensor(value), torch.tensor([10 * number, 10 * number + 1]))


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_on_a_cpu_every_batch_is_looked_at(wrong: float) -> None:
    with pytest.raises(NonFiniteError, match=r"loss is not finite in epoch 2, batch 3\. Lower") as caught:
        see(FiniteLosses(torch.device("cpu")), [0.1, 0.2, wrong, 0.3])
    assert caught.value.rows == (30, 31)


def test_elsewhere_the_first_wrong_batch_is_found_when_it_is_time_to_look() -> None:
    losses = FiniteLosses(torch.device("cuda"))
    see(losses, [0.1] * (EVERY + 5))  # one look lies behind
    see(losses, [0.1, math.nan, math.nan])
    with pytest.raises(NonFiniteError, match="epoch 2, batch 2") as caught:
        losses.look()
    assert caught.value.rows == (20, 21)
    with pytest.raises(NonFiniteError, match="epoch 2, batch 7"):
        see(FiniteLosses(torch.device("cuda")), [0.1] * 6 + [math.inf] + [0.1] * EVERY)


@pytest.mark.parametrize("spoil", ["weight", "running_mean"])
def test_what_the_last_step_made_of_the_weights_is_looked_at(spoil: str) -> None:
    model = nn.BatchNorm1d(3)
    losses = FiniteLosses(torch.device("cpu"))
    losses.look_at(model)
    see(losses, [0.5])
    losses.look_at(model)
    getattr(model, spoil).data[1] = math.nan
    with pytest.raises(NonFiniteError, match="weights are not finite after epoch 2, batch 1"):
        losses.look_at(model)
