"""Which rows of a store are the slices of one scan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fusekit.data.store.blanks import Images


class ScanRows:
    """Whole scans, each named by any of its rows: what a network with a pool reads in place of slices.

    Args:
        scans: (N,) which scan each row is of; a scan's rows lie together, in the order of its slices.
    """

    def __init__(self, scans: Sequence[Any] | np.ndarray):
        numbers = pd.factorize(np.asarray(scans))[0]
        self.scan: np.ndarray = numbers  # (N,) from 0, in the order of the rows
        self._first: np.ndarray = np.flatnonzero(np.diff(numbers, prepend=-1))
        self._end: np.ndarray = np.append(self._first[1:], len(numbers))
        assert len(self._first) == len(np.unique(numbers)), "the rows of a scan lie apart"

    @property
    def middle(self) -> np.ndarray:
        """The middle row of each scan, in their order: the row that predictions of a scan have."""
        middle: np.ndarray = (self._first + self._end - 1) // 2
        return middle

    def of(self, row: int) -> np.ndarray:
        """All rows of the scan that a row is of."""
        scan = self.scan[row]
        return np.arange(self._first[scan], self._end[scan])

    def packed(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Every row of B scans, one scan after the other (T,); and which of N slices each scan has (B, N)."""
        each = [self.of(row) for row in rows]
        counts = np.array([len(own) for own in each], dtype=np.int64)
        packed = np.concatenate([np.empty(0, dtype=np.int64), *each])
        return packed, np.arange(counts.max(initial=1)) < counts[:, None]

    def images(self, images: Images) -> np.ndarray:
        """Images (N, C, H, W) of the rows -> (N,) views: at each row, all slices (n, C, H, W) of its scan."""
        views = [images[first:end] for first, end in zip(self._first, self._end, strict=True)]
        found = np.empty(len(self.scan), dtype=object)
        for row, scan in enumerate(self.scan):
            found[row] = views[scan]
        return found
