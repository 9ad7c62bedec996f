"""Items in place of those of scans without an image, which a store does not hold."""

from __future__ import annotations

from mmap import mmap
from typing import Any, TypeAlias

import numpy as np


def closed(images: Images) -> Any:
    """What another process can open again, of a memory map; anything else as it is."""
    if isinstance(images, np.memmap) and isinstance(images.base, mmap):
        return images.filename, images.dtype, "r", images.offset, images.shape
    return images


def opened(images: Any) -> Any:
    """Undo ``closed``."""
    return np.memmap(*images) if isinstance(images, tuple) else images


class WithBlanks:
    """A store's images (N, C, ...), and after them blank ones, for rows of scans without an image.

    It is indexed by a row, rows or a slice of them, as the array is, and keeps no blank in memory.
    """

    def __init__(self, images: np.ndarray, blanks: int):
        self.images, self.blanks = images, blanks

    def __getstate__(self) -> dict[str, Any]:
        """For another process: it opens a memory map itself instead of receiving its content."""
        return {"images": closed(self.images), "blanks": self.blanks}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Undo ``__getstate__``."""
        self.images, self.blanks = opened(state["images"]), state["blanks"]

    def __len__(self) -> int:
        return len(self.images) + self.blanks

    @property
    def shape(self) -> tuple[int, ...]:
        """(N + blanks, C, ...)."""
        return (len(self), *self.images.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        """Of the store."""
        return self.images.dtype

    @property
    def ndim(self) -> int:
        """Of the store."""
        return self.images.ndim

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, slice) and rows.indices(len(self))[1] <= len(self.images):
            return self.images[rows]  # a view
        chosen = np.arange(len(self))[rows]
        there = chosen < len(self.images)
        if there.all():
            return np.asarray(self.images[chosen])
        found = np.zeros((*chosen.shape, *self.images.shape[1:]), self.images.dtype)
        found[there] = self.images[chosen[there]]
        return found


#: What rows of a cohort count in.
Images: TypeAlias = np.ndarray | WithBlanks
