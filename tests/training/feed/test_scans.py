"""Batches of scans; and a toy in which one slice of a scan carries the sign, and attention finds it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from fusekit.data import Pixels
from fusekit.data.store.scan_rows import ScanRows
from fusekit.models import FusionModel, ImageHead, ImageWidths
from fusekit.models.pools.attention import GatedAttention
from fusekit.progress import Quiet
from fusekit.training import TrainingOptions, train
from fusekit.training.feed.loader import EpochBatches, Prefetch, loader_for
from fusekit.training.feed.scans import ScanDataset
from fusekit.training.machines.fabric import fabric_for
from tests.explain.conftest import Small

PIXELS = Pixels((90.0,), (30.0,))
SCANS = 48


class Toy:
    """Scans of 4 to 7 noisy slices; in those of class 1 one slice has a bright square."""

    def __init__(self, seed: int):
        draw = np.random.default_rng(seed)
        lengths = draw.integers(4, 8, SCANS)
        self.labels = np.arange(SCANS) % 2
        self.images = draw.normal(90, 12, (lengths.sum(), 1, 16, 16))
        self.rows = ScanRows(np.repeat(np.arange(SCANS), lengths).tolist())
        self.carrying = np.cumsum(lengths) - 1 - draw.integers(0, 4, SCANS)
        for row in self.carrying[self.labels == 1]:
            top, left = draw.integers(1, 9, 2)
            self.images[row, 0, top : top + 6, left : left + 6] += 90
        self.images = self.images.clip(0, 255).astype(np.uint8)

    def dataset(self) -> ScanDataset:
        return ScanDataset(self.rows, self.images, self.rows.middle, np.zeros((SCANS, 1)), self.labels, PIXELS)


def test_a_batch_holds_every_slice_of_its_scans_once() -> None:
    toy = Toy(0)
    order = EpochBatches(SCANS, 5, seed=1)
    order.start_epoch(1)
    batches = list(Prefetch(loader_for(toy.dataset(), order), torch.device("cpu")))
    assert sum(len(batch.image) for batch in batches) == len(toy.images)
    for batch in batches:
        assert batch.slices is not None
        assert batch.slices.shape[0] == len(batch.label) == len(batch.clinical)
        named = [toy.rows.of(int(row)) for row in batch.row]
        assert batch.slices.sum(dim=1).tolist() == [len(own) for own in named]
        assert np.array_equal(batch.image.numpy(), toy.images[np.concatenate(named)])
        assert batch.label.tolist() == [int(toy.labels[toy.rows.scan[int(row)]]) for row in batch.row]


def test_a_batch_of_scans_says_which_have_an_image_and_a_table() -> None:
    toy, present = Toy(0), np.arange(2 * SCANS).reshape(SCANS, 2) % 3 > 0
    given = (toy.images, toy.rows.middle, np.zeros((SCANS, 1)), toy.labels, PIXELS)
    batch = ScanDataset(toy.rows, *given, (), None, present).__getitems__([5, 0, 7])
    assert batch.present is not None
    assert batch.present.tolist() == present[[5, 0, 7]].tolist()


def test_attention_finds_the_slice_that_carries_the_sign() -> None:
    torch.manual_seed(0)
    widths = ImageWidths(8, 8)
    model = FusionModel(Small(), None, None, ImageHead(widths, 0, 2), pool=GatedAttention(widths, 0, hidden=16))
    settings: dict[str, Any] = {"epochs": 20, "batch_size": 8, "lr": 0.02, "seed": 0, "options": TrainingOptions()}
    history: list[float] = []
    train(
        fabric_for("cpu", "32-true"),
        model,
        Toy(0).dataset(),
        progress=Quiet(),
        epoch_ended=lambda _, scores: history.append(scores["loss"]),
        **settings,
    )
    assert history[-1] < 0.1 < history[0]
    toy, right, found = Toy(1), [], []
    for row, label, carrying in zip(toy.rows.middle, toy.labels, toy.carrying, strict=True):
        own = toy.rows.of(row)
        with torch.no_grad():
            output = model.output(PIXELS.to_tensor(toy.images[own])[None])
        assert output.weights is not None
        right.append(int(output.outputs.argmax()) == label)
        if label:
            found.append(own[int(output.weights.argmax())] == carrying)
    assert np.mean(right) > 0.9
    assert np.mean(found) > 0.9


@pytest.mark.parametrize("lengths", [[1, 1, 1], [2, 2]])
def test_scans_of_one_length_have_no_padding(lengths: list[int]) -> None:
    rows = ScanRows(np.repeat(np.arange(len(lengths)), lengths).tolist())
    _, there = rows.packed(rows.middle)
    assert there.all()
