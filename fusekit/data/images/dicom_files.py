"""DICOM as files: which files are DICOM, and what is in them, within the memory that their size warrants."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fusekit.errors import DataError

#: The transfer syntax that packs everything after the file's first lines; it is named in those.
_DEFLATED = b"1.2.840.10008.1.2.1.99"


def is_dicom(path: Path) -> bool:
    """By suffix, or by the file's mark: a hospital's archive calls its files ``IM0001``, or by their UID."""
    # A DICOMDIR lists a disk's files, and what Macs leave beside files ("._IM0001.dcm") is no image.
    if path.name.upper() == "DICOMDIR" or path.name.startswith("."):
        return False
    if path.suffix.lower() == ".dcm" or not path.is_file():  # a pipe would wait for a writer
        return path.is_file()
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:  # a folder, or not ours to read
        return False


def read_dataset(path: Path, *, pixels: bool = False, keywords: Sequence[str] = ()) -> Any:
    """Read a file's elements, or only some by keyword, as a pydicom data set; refuse a damaged or deflated file.

    Elements are decoded, and may be found damaged, only when they are asked for.
    """
    import pydicom

    try:
        with _WithinFile(path) as file:
            if _DEFLATED not in file.peek():
                return pydicom.dcmread(file, stop_before_pixels=not pixels, specific_tags=list(keywords) or None)
    except Exception as error:  # a damaged file can make pydicom raise anything
        raise DataError(f"{path}: the DICOM file cannot be read ({error}). Get it again.") from error
    raise DataError(
        f"{path}: the whole file is deflated ({_DEFLATED.decode()}), which may unpack to any size and is not read. "
        "Convert the series to another transfer syntax, e.g. with dcmconv, or to NIfTI."
    )


class _WithinFile(io.BufferedReader):
    """A file that is never asked for more than it has: a damaged length of 4 GiB would be allocated before reading."""

    def __init__(self, path: Path):
        super().__init__(io.FileIO(path))
        self._end = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self._end - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))
