"""How often slices are drawn, against a table made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusekit.training.feed.balance import balanced_shares
from fusekit.training.feed.loader import EpochBatches
from fusekit.training.machines.processes import Processes

#: Two ill subjects with three slices and one, four healthy ones with a slice each.
SUBJECTS = np.array(["a", "a", "a", "b", "c", "d", "e", "f"])
LABELS = np.array([1, 1, 1, 1, 0, 0, 0, 0])
SHARES = np.array([1 / 12, 1 / 12, 1 / 12, 1 / 4, 1 / 8, 1 / 8, 1 / 8, 1 / 8])


def test_classes_subjects_and_slices_count_alike() -> None:
    np.testing.assert_allclose(balanced_shares(SUBJECTS, LABELS), SHARES)


def test_a_subject_of_two_classes_is_one_in_each() -> None:
    shares = balanced_shares(np.array(["a", "a", "b", "c"]), np.array([0, 1, 1, 0]))
    np.testing.assert_allclose(shares, [1 / 4, 1 / 4, 1 / 4, 1 / 4])


def test_slices_are_drawn_so_often_and_batches_are_a_function_of_seed_and_epoch() -> None:
    drawn: list[int] = []
    batches = EpochBatches(8, 4, seed=0, shares=SHARES)
    for epoch in range(2000):
        batches.start_epoch(epoch)
        epoch_s = [row for batch in batches for row in batch]
        assert len(epoch_s) == 8
        drawn += epoch_s
    found = pd.Series(drawn).value_counts(normalize=True).sort_index()
    assert found.to_numpy() == pytest.approx(SHARES, abs=0.01)
    batches.start_epoch(7)
    shares = [EpochBatches(8, 2, 0, Processes(rank, 2), shares=SHARES) for rank in range(2)]
    for share in shares:
        share.start_epoch(7)
    assert [a + b for a, b in zip(*shares, strict=True)] == list(batches)  # processes share the draws of one
