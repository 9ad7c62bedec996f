"""Read tables as people export them: encodings, separators and quoting recognised, every cell kept as text."""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from math import isfinite
from pathlib import Path

import numpy as np
import pandas as pd

from fusekit.disk import read_named
from fusekit.errors import DataError

#: Cells that mean "no value", compared in lower case. Codes such as -4 mean it in some tables only: that is the
#: table's reader to know.
MISSING = frozenset({"", "na", "n/a", "nan", "."})

#: Bytes of a table once unpacked, at most, and those at its beginning that its first line is looked for in.
LARGEST, HEADER = 2**30, 2**16
#: What a file that gzip compressed begins with.
GZIP = b"\x1f\x8b"

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)


def read_table(path: Path, required: Sequence[str] = ()) -> pd.DataFrame:
    """Read a table of text separated by commas, semicolons or tabs.

    A file that gzip compressed is unpacked. UTF-8 (with or without byte-order mark), UTF-16 (with one) and, where
    the bytes are not valid UTF-8, Windows-1252/Latin-1 are recognised. The separator is the one that cuts the
    header into most columns. Lines without any value are skipped, and so are columns with neither name nor value.

    Returns:
        One row per record: every cell as text without surrounding blanks, ``""`` where empty. The index ``line`` is the
        line of the file, counted from 1, on which the record starts.

    Raises:
        DataError: the file is missing, empty or no text table; it has no header, repeats a column name, or lacks a
            required column; a record has too many or too few cells. The message names the file and the line.
    """
    text = _decode(path, _content(path))
    lines, records = _records(path, text)
    if not records:
        raise DataError(f"{path}: the file is empty; a header line and rows were expected.")
    header, width = [cell.strip() for cell in records[0]], len(records[0])
    if all(not name or _NUMBER.fullmatch(name) for name in header):
        raise DataError(
            f"{path}, line {lines[0]}: no header: the first line holds no column names but {', '.join(header[:5])}."
        )
    for line, record in zip(lines, records, strict=True):
        if len(record) != width:
            raise DataError(
                f"{path}, line {line}: {len(record)} cells, but the header has {width} columns. "
                "Look for a missing or extra separator, or for text that needs quotes."
            )
    cells = [[cell.strip() for cell in record] for record in records[1:]]
    table = pd.DataFrame(cells, columns=header, index=pd.Index(lines[1:], name="line", dtype=int), dtype=str)
    nameless = [not name and not any(row[i] for row in cells) for i, name in enumerate(header)]
    table = table.loc[:, ~np.array(nameless)]
    repeated = table.columns[table.columns.duplicated()].unique()
    if len(repeated):
        names = ", ".join(map(repr, repeated))
        raise DataError(f"{path}, line {lines[0]}: column names are repeated: {names}. Rename or remove one of each.")
    require_columns(table, required, str(path))
    return table


def read_header(path: Path) -> list[str]:
    """Names of a table's columns, from the beginning of its file alone; none where the file is no table."""
    try:
        data = read_named(path, HEADER)
        if data.startswith(GZIP):
            data = zlib.decompressobj(zlib.MAX_WBITS + 16).decompress(data, HEADER)
        _, records = _records(path, _decode(path, data).partition("\n")[0])
    except (DataError, zlib.error):
        return []
    return [cell.strip() for cell in records[0]] if records else []


def require_columns(table: pd.DataFrame, required: Sequence[str], source: str) -> None:
    """Refuse a table without the columns that are needed, and name the ones that look like them."""
    missing = [name for name in required if name not in table.columns]
    if not missing:
        return
    lower = {str(name).lower(): str(name) for name in table.columns}
    hints = []
    for name in missing[:10]:
        same = [name.lower()] if name.lower() in lower else []
        near = [repr(lower[match]) for match in same or get_close_matches(name.lower(), lower, n=3, cutoff=0.7)]
        hints.append(f"{name!r}" + (f" (renamed to {' or '.join(near)}?)" if near else ""))
    if len(missing) > 10:
        hints.append(f"and {len(missing) - 10} more")
    found = ", ".join(map(repr, list(table.columns)[:12])) + (", ..." if len(table.columns) > 12 else "")
    raise DataError(f"{source}: column{'s' * (len(missing) > 1)} missing: {', '.join(hints)}. The file has {found}.")


def place(source: str, cells: pd.Series | pd.DataFrame, row: object) -> str:
    """Name a row in messages: its line where the table was read from a file, else its index."""
    return f"{source}, {'line' if cells.index.name == 'line' else 'row'} {row}"


def is_missing(cells: pd.Series) -> pd.Series:
    """Which cells mean "no value": those in ``MISSING``, in any case."""
    return pd.Series([cell.strip().lower() in MISSING for cell in cells], index=cells.index, dtype=bool)


def to_number(cells: pd.Series, source: str) -> pd.Series:
    """Read a column of text (as ``read_table`` returns it) as numbers: float64, NaN where missing.

    The decimal sign is the point. A comma is read as the decimal sign where it cannot mean anything else: no cell of
    the column has a point, none has two commas, and at least one (``0,5``, ``12,75``) cannot be thousands. A cell that
    is no finite number is refused with ``source``, line and column.
    """
    text = [cell.strip() for cell in cells]
    observed = [cell for cell in text if cell.lower() not in MISSING]
    commas = [cell for cell in observed if "," in cell]
    thousands = any(cell.count(",") > 1 for cell in commas) or all(_THOUSANDS.fullmatch(cell) for cell in commas)
    comma = "." if thousands or any("." in cell for cell in observed) else ","
    numbers = np.full(len(text), np.nan)
    bad = []
    for position, cell in enumerate(text):
        if cell.lower() in MISSING:
            continue
        plain = cell.replace(comma, ".")
        if _NUMBER.fullmatch(plain) and isfinite(number := float(plain)):
            numbers[position] = number
        else:
            bad.append(position)
    if bad:
        cell = text[bad[0]]
        more = f", and {len(bad) - 1} more cells of this column" if len(bad) > 1 else ""
        hint = "Use a decimal point and no thousands separator." if "," in cell else "Correct it or leave it empty."
        where = place(source, cells, cells.index[bad[0]])
        raise DataError(f"{where}, column {cells.name!r}: {cell!r} is no number{more}. {hint}")
    return pd.Series(numbers, index=cells.index, name=cells.name)


def _content(path: Path) -> bytes:
    """What a file holds, unpacked if it is compressed, up to ``LARGEST``."""
    data = read_named(path)
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


def _decode(path: Path, data: bytes) -> str:
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
                "Save it as CSV (an Excel workbook: Save as, CSV UTF-8)."
            )
        return text
    raise DataError(f"{path}: the file begins as UTF-16 text but is damaged further on. Save it as CSV UTF-8.")


def _records(path: Path, text: str) -> tuple[list[int], list[list[str]]]:
    """Cut text into records with a value, each with the line on which it starts; the first is the header."""
    best: list[str] = []
    separator = ","
    # Where two cut the header into equally many, the comma is the one that also occurs inside names.
    for candidate in "\t;,":
        first = next(_reader(path, text, candidate, strict=False), (0, [""]))[1]
        if len(first) > max(1, len(best)):
            best, separator = first, candidate
    pairs = list(_reader(path, text, separator, strict=True))
    return [line for line, _ in pairs], [record for _, record in pairs]


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
