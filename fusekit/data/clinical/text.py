"""Tables that are text, exported by whatever program: unpacked, decoded, and cut into records of cells."""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from fusekit.errors import DataError

#: Bytes of a table once unpacked, at most, and those at its beginning that its first line is looked for in.
LARGEST, HEADER = 2**30, 2**16
#: What a file that gzip compressed begins with.
GZIP = b"\x1f\x8b"


def unpacked(path: Path, data: bytes) -> bytes:
    """What a file holds, unpacked if it is compressed, up to ``LARGEST``."""
    if not data.startswith(GZIP):
        return data
    try:
        with gzip.open(io.BytesIO(data)) as file:
            content = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: the gzip file is truncated or damaged ({error}). Get it again.") from error
    if len(content) > LARGEST:
        raise DataError(f"{path}: the table is over {LARGEST // 2**20:,} MiB once it is unpacked. Unpack and split it.")
    return content


def decoded(path: Path, data: bytes) -> str:
    """A file's text: UTF-16 with a byte-order mark, UTF-8, else Windows-1252 or Latin-1; NUL bytes are refused."""
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ["utf-16"] if marked else ["utf-8-sig", "cp1252", "latin-1"]:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            line = text.count("\n", 0, text.index("\0")) + 1
            raise DataError(
                f"{path}, line {line}: the file holds NUL bytes, so it is no text table. "
                "Save it as CSV; an Excel workbook is read if its name ends in .xlsx."
            )
        return text
    raise DataError(f"{path}: the file begins as UTF-16 text but is damaged further on. Save it as CSV UTF-8.")


def records_in(path: Path, text: str) -> tuple[list[int], list[list[str]], str]:
    """Cut text into records with a value, the header first: the line on which each starts, they, and the separator."""
    # Where none cuts the first line it may be a title, and the second tells.
    separator = _separator(path, text, 0, 1) or _separator(path, text, 1, 2) or ","
    pairs = list(_reader(path, text, separator, strict=True))
    return [line for line, _ in pairs], [record for _, record in pairs], separator


def _separator(path: Path, text: str, record: int, more: int) -> str:
    """What cuts a record into most cells, if it is more than so many; else empty.

    Where two cut it into equally many, the comma is the one that also occurs inside names.
    """
    best, found = more, ""
    for candidate in "\t;,":
        cells = next(islice(_reader(path, text, candidate, strict=False), record, None), (0, [""]))[1]
        if len(cells) > best:
            best, found = len(cells), candidate
    return found


def _reader(path: Path, text: str, separator: str, *, strict: bool) -> Iterator[tuple[int, list[str]]]:
    # newline="" keeps line breaks inside quotes as they are and still counts \n, \r\n and \r as lines.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=strict)
    start = 1
    try:
        for record in reader:
            if any(cell.strip() for cell in record):
                yield start, record
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}, line {start}: the quotes or separators of this record are damaged ({error}). "
            "Look for a quotation mark without its partner."
        ) from None
