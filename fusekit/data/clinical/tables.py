"""Read tables as people have them, exported or in workbooks: recognised by their content, every cell kept as text."""

import re
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from fusekit.data.clinical.text import GZIP, HEADER, decoded, records_in, unpacked
from fusekit.data.clinical.workbook.sheet import is_workbook, read_sheet
from fusekit.data.clinical.workbook.survey import ERRORS, UNSAVED, column_letters
from fusekit.disk import read_named
from fusekit.errors import DataError

#: Cells that mean "no value", compared in lower case. Codes such as -4 mean it in some tables only: that is the
#: table's reader to know.
MISSING = frozenset({"", "na", "n/a", "nan", "."})

#: Where a table's ``attrs`` keep its ``Origin``.
ORIGIN = "origin"

_CODE = re.compile(r"[-+]?[0-9]+(\.[0-9]+|,[0-9]{1,2})?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a table was read from."""

    separator: str = ""  # of the cells of a text
    sheet: str = ""  # of a workbook
    letters: Mapping[str, str] = field(default_factory=dict)  # of its columns: ``C``
    rounded: frozenset[str] = frozenset()  # its cells (``C7``) with numbers of more digits than a spreadsheet keeps

    def __deepcopy__(self, memo: object) -> Self:
        return self  # pandas copies what attrs hold with every column it takes, and there may be thousands


def read_table(path: Path, required: Sequence[str] = (), sheet: str = "") -> pd.DataFrame:
    """Read a table: text separated by commas, semicolons or tabs, or a sheet of a workbook (``.xlsx``, ``.ods``).

    A text that gzip compressed is unpacked. UTF-8 (with or without byte-order mark), UTF-16 (with one) and, where
    the bytes are not valid UTF-8, Windows-1252/Latin-1 are recognised. The separator is the one that cuts the
    header into most columns. Of a workbook, ``sheet`` names the sheet where there are several; see ``read_sheet`` for
    what its cells become. Lines without any value are skipped, and so are columns with neither name nor value.

    Returns:
        One row per record: every cell as text without surrounding blanks, ``""`` where empty. The index ``line`` is the
        line of the file, counted from 1, on which the record starts; of a workbook ``row``, the row of the sheet.

    Raises:
        DataError: the file is missing, empty or no table; it has no header, repeats a column name, or lacks a
            required column; a record has too many or too few cells. The message names the file and the line.
    """
    data, separator, name, rounded = read_named(path), "", "", frozenset[str]()
    if is_workbook(path):
        name, lines, records, rounded = read_sheet(path, data, sheet)
        source, unit = f"{path}, sheet {name!r}", "row"
    elif sheet:
        raise DataError(f"{path} is no workbook and has no sheet {sheet!r}: leave the sheet out.")
    else:
        source, unit = str(path), "line"
        lines, records, separator = records_in(path, decoded(path, unpacked(path, data)))
    if not records:
        raise DataError(f"{path}: the file is empty; a header line and rows were expected.")
    header, width = [cell.strip() for cell in records[0]], len(records[0])
    if all(not name or _NUMBER.fullmatch(name) for name in header):
        raise DataError(
            f"{source}, {unit} {lines[0]}: no header: the first {unit} holds no column names but "
            f"{', '.join(header[:5])}."
        )
    named = list(filter(None, header))
    if len(named) == 1 and len(records) > 1 and (below := sum(map(bool, records[1]))) > 2:
        raise DataError(
            f"{source}, {unit} {lines[0]}: the first {unit} holds {named[0]!r} alone, and {unit} {lines[1]} has "
            f"{below} cells. If the first is a title, delete what lies above the names of the columns."
        )
    for line, record in zip(lines, records, strict=True):
        if len(record) != width:
            raise DataError(
                f"{source}, {unit} {line}: {len(record)} cells, but the header has {width} columns. "
                "Look for a missing or extra separator, or for text that needs quotes."
            )
    cells = [[cell.strip() for cell in record] for record in records[1:]]
    table = pd.DataFrame(cells, columns=header, index=pd.Index(lines[1:], name=unit, dtype=int), dtype=str)
    nameless = [not name and not any(row[i] for row in cells) for i, name in enumerate(header)]
    letters = {one: column_letters(i) for i, one in enumerate(header) if name and not nameless[i]}
    table = table.loc[:, ~np.array(nameless)]
    repeated = table.columns[table.columns.duplicated()].unique()
    if len(repeated):
        names = ", ".join(repr(name) if name else "'' (no name over values)" for name in repeated)
        raise DataError(
            f"{source}, {unit} {lines[0]}: column names are repeated: {names}. Rename or remove one of each."
        )
    require_columns(table, required, source)
    table.attrs = {ORIGIN: Origin(separator, name, letters, rounded)}
    return table


def read_header(path: Path) -> list[str]:
    """Names of a table's columns, from the beginning of its file alone; none where the file is no table."""
    try:
        data = read_named(path, HEADER)
        if data.startswith(GZIP):
            data = zlib.decompressobj(zlib.MAX_WBITS + 16).decompress(data, HEADER)
        _, records, _ = records_in(path, decoded(path, data).partition("\n")[0])
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
    """Name a row in messages: its line in a text, its row in a sheet (of a column, the cell ``C7``), else its index."""
    origin = cells.attrs.get(ORIGIN, Origin())
    if not origin.sheet:
        return f"{source}, {'line' if cells.index.name == 'line' else 'row'} {row}"
    letters = origin.letters.get(str(cells.name)) if isinstance(cells, pd.Series) else None
    return f"{source}, sheet {origin.sheet!r}, {f'cell {letters}{row}' if letters else f'row {row}'}"


def refuse_errors(cells: pd.Series, source: str) -> None:
    """Refuse cells that hold what a spreadsheet shows instead of a value; the first is named."""
    if "#" not in "".join(cells):  # so it is in thousands of columns
        return
    wrong = cells[cells.isin(ERRORS | {UNSAVED})]
    if len(wrong):
        where = f"{place(source, wrong, wrong.index[0])}, column {cells.name!r}"
        more = f", and {len(wrong) - 1} more cells of this column" if len(wrong) > 1 else ""
        if wrong.iloc[0] == UNSAVED:
            what = "a formula whose value was not saved"
            raise DataError(f"{where}: {what}{more}. Open the workbook in a spreadsheet and save it.")
        raise DataError(f"{where}: {wrong.iloc[0]!r} is an error of the spreadsheet{more}. Correct it or empty it.")


def refuse_rounded(ids: pd.Series, source: str) -> None:
    """Refuse ids that a spreadsheet holds as numbers of more digits than it keeps; the first cell is named."""
    origin = ids.attrs.get(ORIGIN, Origin())
    letters = origin.letters.get(str(ids.name), "")
    wrong = [row for row in ids.index if f"{letters}{row}" in origin.rounded] if origin.rounded else []
    if wrong:
        more = f", and {len(wrong) - 1} more cells of this column" if len(wrong) > 1 else ""
        raise DataError(
            f"{place(source, ids, wrong[0])}, column {ids.name!r}: {ids[wrong[0]]!r} is a number of more than 15 "
            f"digits, of which a spreadsheet keeps 15{more}: two ids may have become one. Format the column as text, "
            "and enter or import its ids again."
        )


def code(text: str) -> float | None:
    """A number as codes are spelled; 1,5 is one too, and 1,000 is not, which may be 1 or 1000."""
    return float(text.replace(",", ".")) if _CODE.fullmatch(text) else None


def is_missing(cells: pd.Series, further: Collection[str] = ()) -> pd.Series:
    """Which cells mean "no value": those in ``MISSING`` and ``further`` ones, in any case; -9.0 is the code -9."""
    words = MISSING | {text.lower() for text in further}
    codes = {number for text in further if (number := code(text)) is not None}
    found = [cell.strip().lower() in words or (bool(codes) and code(cell.strip()) in codes) for cell in cells]
    return pd.Series(found, index=cells.index, dtype=bool)
