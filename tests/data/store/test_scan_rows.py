"""Scans as the rows of a store that are theirs, against a table made by hand."""

from __future__ import annotations

import numpy as np

from fusekit.data.store.scan_rows import ScanRows

ROWS = ScanRows(["a", "a", "a", "b", "c", "c"])


def test_any_row_of_a_scan_means_all_of_it() -> None:
    assert [ROWS.of(row).tolist() for row in range(6)] == [[0, 1, 2]] * 3 + [[3]] + [[4, 5]] * 2
    assert ROWS.middle.tolist() == [1, 3, 4]
    assert ROWS.scan.tolist() == [0, 0, 0, 1, 2, 2]


def test_scans_are_packed_one_after_the_other() -> None:
    rows, there = ROWS.packed(np.array([4, 1, 3]))
    assert rows.tolist() == [4, 5, 0, 1, 2, 3]
    assert there.tolist() == [[True, True, False], [True, True, True], [True, False, False]]
    assert [part.shape for part in ROWS.packed(np.array([], dtype=int))] == [(0,), (0, 1)]


def test_images_are_views_of_whole_scans() -> None:
    images = np.arange(6 * 4).reshape(6, 1, 2, 2)
    found = ROWS.images(images)
    assert [own.shape for own in found] == [(3, 1, 2, 2)] * 3 + [(1, 1, 2, 2)] + [(2, 1, 2, 2)] * 2
    assert np.array_equal(found[5], images[4:])
    assert np.shares_memory(found[0], images)
