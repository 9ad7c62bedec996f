"""DICOM as files: which files are DICOM, and what is in them, within the memory that their size warrants."""

import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from fusekit.data.images.contents import what_is
from fusekit.errors import DataError

#: The transfer syntax that packs everything after the file's first lines; it is named in those.
_DEFLATED = b"1.2.840.10008.1.2.1.99"
#: Bytes that a deflated file may hold beside its pixels.
_HEADER = 2**20
#: More bytes of pixels than this are believed only of a file that is no smaller than a thousandth of them.
HARMLESS, MOST_PACKED = 2**26, 1000


def is_dicom(path: Path) -> bool:
    """By suffix, or by how it begins: a hospital's archive calls its files ``IM0001``, or by their UID."""
    # A DICOMDIR lists a disk's files, and what Macs leave beside files ("._IM0001.dcm") is no image.
    if path.name.upper() == "DICOMDIR" or path.name.startswith("."):
        return False
    if path.suffix.lower() == ".dcm" or not path.is_file():  # a pipe would wait for a writer
        return path.is_file()
    try:
        with path.open("rb") as file:
            return _begins(file.read(132))
    except OSError:  # a folder, or not ours to read
        return False


def _begins(first: bytes) -> bool:
    """Whether a file begins with 128 bytes and the mark, or, as old files do, with its first element."""
    if first[128:132] == b"DICM":
        return True
    if first[:2] in (b"\x00\x02", b"\x00\x08"):
        return first[2:4] <= b"\x00\x18" and first[4:6] in (b"UL", b"UI", b"CS", b"SH", b"DA", b"OB")
    if first[:2] not in (b"\x02\x00", b"\x08\x00") or not first[2:3] <= b"\x18" or first[3:4] != b"\0":
        return False
    explicit = first[4:6] in (b"UL", b"UI", b"CS", b"SH", b"DA", b"OB")
    return explicit or (len(first) >= 16 and int.from_bytes(first[4:8], "little") <= 128)


def read_dataset(path: Path, *, pixels: bool = False, keywords: Sequence[str] = ()) -> Any:
    """Read a file's elements, or only some by keyword, as a pydicom data set; refuse a damaged file.

    Files without the 128 bytes and the mark before their first element are read. A deflated file is unpacked as far
    as its header says that it has pixels, and refused if there is more.

    Elements are decoded, and may be found damaged, only when they are asked for.
    """
    options: dict[str, Any] = {"stop_before_pixels": not pixels, "specific_tags": list(keywords) or None}
    try:
        with _WithinFile(path) as file:
            first = file.peek(2**12)
            if _begins(first[:132]):
                deflated = _DEFLATED in first[:2048]
                return _inflated(path, file, options) if deflated else _read(file, options)
    except DataError:
        raise
    except Exception as error:  # a damaged file can make pydicom raise anything
        raise DataError(f"{path}: the DICOM file cannot be read ({error}). Get it again.") from error
    what = what_is(path) or "it is damaged, or of another kind. Get it again"
    raise DataError(f"{path}: the DICOM file cannot be read: {what}.")


def _read(file: BinaryIO, options: dict[str, Any]) -> Any:
    import pydicom
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    found = pydicom.dcmread(file, force=True, **options)
    if "TransferSyntaxUID" not in found.file_meta:  # then pydicom has found it out, and decoders ask for it
        implicit, little = found.original_encoding
        syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        found.file_meta.TransferSyntaxUID = syntax
    return found


def _inflated(path: Path, file: BinaryIO, options: dict[str, Any]) -> Any:
    """Unpack what follows the file's first lines: its header, and of pixels no more than that speaks of."""
    from pydicom.filereader import read_file_meta_info

    start = 128 + 4 + 12 + int(read_file_meta_info(path).FileMetaInformationGroupLength)
    file.seek(start)
    packed = file.read()
    header = io.BytesIO(_some(packed, _HEADER))
    if options["stop_before_pixels"]:
        return _read(header, options)
    claimed = claimed_bytes(_read(header, {"stop_before_pixels": True}))
    unpacked = b"" if claimed > max(HARMLESS, MOST_PACKED * len(packed)) else _some(packed, claimed + _HEADER + 1)
    if not 0 < len(unpacked) <= claimed + _HEADER:
        raise DataError(
            f"{path}: the whole file is deflated ({_DEFLATED.decode()}) and unpacks to more than the {claimed:,} bytes "
            "of pixels that its header speaks of, so it is not read. Get it again, or convert it, e.g. with dcmconv."
        )
    return _read(io.BytesIO(unpacked), options)


def _some(packed: bytes, most: int) -> bytes:
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, most)


def claimed_bytes(header: Any) -> int:
    """How many bytes of pixels a header speaks of."""
    numbers = [int(header.get(keyword) or 1) for keyword in ("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel")]
    size = int(header.get("BitsAllocated") or 16)
    for number in numbers:
        size *= max(1, number)
    return -(-size // 8)


class _WithinFile(io.BufferedReader):
    """A file that is never asked for more than it has: a damaged length of 4 GiB would be allocated before reading."""

    def __init__(self, path: Path):
        super().__init__(io.FileIO(path))
        self._end = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self._end - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))
