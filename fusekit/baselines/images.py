"""Images of scans for classical methods: read when they are asked for, standardised, and made small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import overload

import numpy as np
import pandas as pd

from fusekit.baselines.baseline import Baseline, with_images
from fusekit.data.store.blanks import Images


class ReadLater(Sequence[np.ndarray]):
    """``count`` arrays, each made by ``read(number)`` when it is asked for, so that a cohort need not fit in memory."""

    def __init__(self, read: Callable[[int], np.ndarray], count: int):
        self._read, self._count = read, count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, number: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, number: slice) -> list[np.ndarray]: ...
    def __getitem__(self, number: int | slice) -> np.ndarray | list[np.ndarray]:
        if isinstance(number, slice):
            return [self._read(each) for each in range(self._count)[number]]
        return self._read(range(self._count)[number])


def by_scan(images: Images, rows: np.ndarray, scans: np.ndarray) -> ReadLater:
    """Images (slices, C, *S) of each scan, in the order in which scans are named first.

    ``images`` (N, C, *S) hold slices or volumes; ``rows`` (n,) count in them, and ``scans`` (n,) say whose they are.
    """
    number, known = pd.factorize(scans)
    order, starts = np.argsort(number, kind="stable"), np.cumsum(np.bincount(number))[:-1]
    own = np.split(rows[order], starts)
    return ReadLater(lambda scan: np.asarray(images[own[scan]]), len(known))


def of_slices(
    baseline: Baseline, images: Images | None, rows: np.ndarray, values: pd.DataFrame, scans: np.ndarray
) -> np.ndarray:
    """What a baseline says of slices (n, A); it speaks of scans: all slices of a scan get the scan's.

    ``values`` have a line for each slice, and ``scans`` (n,) say whose it is; ``rows`` (n,) count in ``images``, which
    may be None for a baseline that reads none. DataError if it does, and there are none.
    """
    number, _ = pd.factorize(scans)
    firsts = np.unique(number, return_index=True)[1]  # slices of a scan share their values
    shown = with_images(baseline, None if images is None else by_scan(images, rows, scans))
    return np.asarray(baseline.answers(values.iloc[firsts], **shown), dtype=float)[number]


def standardised(image: np.ndarray, size: int) -> np.ndarray:
    """Grey levels (slices, C, *S) -> (slices, C, *side): each slice and channel with mean 0 and deviation 1, averaged.

    A side is at most ``size``; pixels are means of the area that they cover. A slice of one grey level is NaN: it has
    no content.
    """
    inside = tuple(range(2, image.ndim))
    grey = image.astype(np.float64)
    centred, deviation = grey - grey.mean(axis=inside, keepdims=True), grey.std(axis=inside, keepdims=True)
    small: np.ndarray = centred / np.where(deviation > 0, deviation, np.nan)
    for axis in inside:
        if small.shape[axis] > size:
            small = np.moveaxis(np.moveaxis(small, axis, -1) @ _areas(small.shape[axis], size).T, -1, axis)
    return small


@lru_cache(maxsize=8)
def _areas(side: int, size: int) -> np.ndarray:
    """(size, side): what share of each of ``size`` equal parts of a side each pixel takes."""
    edges = np.arange(size + 1) * side / size
    overlap = np.minimum(edges[1:, None], np.arange(1, side + 1)) - np.maximum(edges[:-1, None], np.arange(side))
    return np.asarray(np.clip(overlap, 0, None) * size / side)
