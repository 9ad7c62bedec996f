"""Blank items after those of a store, as an array of both would have them."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusekit.data.store.blanks import WithBlanks, closed


@pytest.mark.parametrize("rows", [3, [0, 5, 2, 6], slice(2, 7), np.array([4, 4]), np.array([0, 1]), slice(None)])
def test_it_is_indexed_as_the_whole_array_would_be(rows: Any) -> None:
    images = np.random.default_rng(0).integers(1, 255, (5, 1, 4, 4), dtype=np.uint8)
    whole = np.concatenate([images, np.zeros((2, 1, 4, 4), dtype=np.uint8)])
    made = WithBlanks(images, 2)
    assert (made.shape, made.dtype, made.ndim, len(made)) == (whole.shape, whole.dtype, whole.ndim, 7)
    found = made[rows]
    np.testing.assert_array_equal(found, whole[rows])
    assert found.dtype == np.uint8


def test_another_process_opens_the_file_itself(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.ones((50, 1, 32, 32), dtype=np.uint8))
    made = WithBlanks(np.load(tmp_path / "images.npy", mmap_mode="r"), 3)
    sent = pickle.dumps(made)
    assert len(sent) < 2000
    again = pickle.loads(sent)
    assert again[[0, 52]].sum() == 32 * 32
    assert closed(np.ones(2)).tolist() == [1, 1]
