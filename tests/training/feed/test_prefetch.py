"""Batches arrive complete and in order."""

from __future__ import annotations

import pytest
import torch

from fusekit.training.feed.loader import Batch
from fusekit.training.feed.prefetch import Prefetch


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
    assert [tensor.device.type for batch in moved for tensor in batch] == ["meta"] * 8
    assert [batch.image.dtype for batch in moved] == [torch.uint8] * 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: streams are its own")
@pytest.mark.parametrize("count", [0, 1, 5])
def test_on_cuda_batches_are_the_same(count: int) -> None:
    given = [Batch(*(tensor.pin_memory() for tensor in batch)) for batch in some(count)]
    for one, other in zip(Prefetch(given, torch.device("cuda")), given, strict=True):
        assert all(torch.equal(mine.cpu(), theirs) for mine, theirs in zip(one, other, strict=True))
