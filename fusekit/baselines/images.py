"""Images of scans that are read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

import numpy as np


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
