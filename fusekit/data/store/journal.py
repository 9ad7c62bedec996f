"""What is written of a slice store while it grows: a line per scan, after the scan's bytes are there."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from pydantic import JsonValue, with_config
from typing_extensions import TypedDict

from fusekit.disk import checksum
from fusekit.disk.schema import OPEN, parse_json

IMAGES, THUMBNAILS, JOURNAL = "images.npy", "thumbnails.npy", "journal.jsonl"


@with_config(OPEN)
class Entry(TypedDict):
    """A line of the journal, of a scan; ``notes`` and ``facts`` are the builder's."""

    scan: str
    stamp: str
    slices: list[int]
    images: str
    thumbnails: str
    notes: list[str]
    facts: list[dict[str, JsonValue]]


def header_of(dtype: np.dtype, shape: tuple[int, ...]) -> bytes:
    """Return the header of an ``.npy`` file; it is as long for any length of the first axis."""
    file = BytesIO()
    descr = np.lib.format.dtype_to_descr(dtype)
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue()


class _Items:
    """An ``.npy`` file that grows by items of one shape.

    Written as a stream: a full disk is an error here, and would be a crash in a memory map.
    """

    def __init__(self, path: Path, dtype: np.dtype, shape: tuple[int, ...], opened: ExitStack):
        self.file: BinaryIO = opened.enter_context(path.open("r+b" if path.exists() else "w+b"))
        self.dtype, self.shape = dtype, shape
        self.start = len(header_of(dtype, (0, *shape)))
        self.count = 0
        self.file.seek(self.start)

    def read(self, count: int) -> bytes:
        return self.file.read(count * prod(self.shape) * self.dtype.itemsize)

    def cut_off(self, count: int) -> None:
        self.count = count
        self.file.seek(0)
        self.file.write(header_of(self.dtype, (0, *self.shape)))
        self.file.truncate(self.start + count * prod(self.shape) * self.dtype.itemsize)
        self.file.seek(0, 2)

    def append(self, items: np.ndarray) -> str:
        """Write items (n, ...), hand them to the operating system, and return their checksum."""
        items = np.ascontiguousarray(items, dtype=self.dtype).reshape(-1, *self.shape)
        self.file.write(items.data)
        self.file.flush()
        self.count += len(items)
        return checksum(items.data)

    def finish(self) -> None:
        self.file.seek(0)
        self.file.write(header_of(self.dtype, (self.count, *self.shape)))
        self.file.flush()
        os.fsync(self.file.fileno())


class Journal:
    """The images, thumbnails and journal of a store that is not finished.

    A scan counts as stored when its journal line is whole; what lies in the files beyond that is cut off when the build
    is resumed. Nothing is forced onto the disk before the end: what a power cut takes is found by its checksum and read
    again. A journal that begins with another ``heading`` counts for nothing; ``dtype`` and ``shape`` are of one item,
    ``thumbnails`` is the shape of a scan's.
    """

    def __init__(
        self,
        folder: Path,
        heading: dict[str, Any],
        dtype: np.dtype,
        shape: tuple[int, ...],
        thumbnails: tuple[int, ...],
    ):
        self._heading = heading
        with ExitStack() as opened:
            self._images = _Items(folder / IMAGES, dtype, shape, opened)
            self._thumbnails = _Items(folder / THUMBNAILS, np.dtype(np.uint8), thumbnails, opened)
            self._lines = opened.enter_context((folder / JOURNAL).open("a+b"))
            self._closing = opened.pop_all()
        self.written = self.appended = 0  # bytes of items, and scans, of this time

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.close()

    def resume(self, expected: list[tuple[str, str]]) -> int:
        """Keep the first of the expected (scan, stamp) that are stored, cut off the rest; return how many are kept."""
        kept, items, end = 0, 0, 0
        for line, entry in self._whole_lines():
            if end == 0:
                if entry != self._heading:
                    break
            else:
                count = len(entry["slices"])
                if kept == len(expected) or (entry["scan"], entry["stamp"]) != expected[kept]:
                    break
                stored = checksum(self._images.read(count)), checksum(self._thumbnails.read(1))
                if stored != (entry["images"], entry["thumbnails"]):
                    break
                kept, items = kept + 1, items + count
            end += len(line)
        self._lines.truncate(end)
        self._images.cut_off(items)
        self._thumbnails.cut_off(kept)
        if end == 0:
            self._write(self._heading)
        return kept

    def append(self, entry: dict[str, Any], images: np.ndarray, thumbnails: np.ndarray) -> None:
        """Store a scan: the bytes of its items (n, C, ...) and thumbnails first, then its line."""
        self.written, self.appended = self.written + images.nbytes, self.appended + 1
        sums = {"images": self._images.append(images), "thumbnails": self._thumbnails.append(thumbnails)}
        self._write(entry | sums)

    def entries(self) -> Iterator[dict[str, Any]]:
        """Every stored scan's entry, with the checksums ``images`` and ``thumbnails``."""
        yield from (entry for _, entry in islice(self._whole_lines(), 1, None))

    @property
    def stored(self) -> int:
        """How many scans."""
        return self._thumbnails.count

    def finish(self) -> None:
        """Write the headers, and wait until images and thumbnails are on the disk."""
        self._images.finish()
        self._thumbnails.finish()

    def _write(self, entry: dict[str, Any]) -> None:
        content = json.dumps(entry).encode()
        self._lines.write(checksum(content).encode() + b" " + content + b"\n")
        self._lines.flush()

    def _whole_lines(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Lines and what they say, up to the first that is torn or damaged."""
        self._lines.seek(0)
        for number, line in enumerate(self._lines):
            promised, _, content = line.removesuffix(b"\n").partition(b" ")
            if not line.endswith(b"\n") or checksum(content).encode() != promised:
                return
            kind: Any = Entry if number else dict[str, JsonValue]
            yield line, parse_json(content, kind, JOURNAL)
