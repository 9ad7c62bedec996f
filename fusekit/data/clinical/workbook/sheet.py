"""One sheet of an Excel or OpenDocument workbook, every cell as text; what has no right text is refused by its cell.

python-calamine reads the values. It drops what a cell shows instead of a value, and it holds a sheet as one block,
however far its last cell lies; so the sheets' XML is looked at first (``Survey``).
"""

import io
import zipfile
import zlib
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from fusekit.data.clinical.workbook.excel import excel_sheets
from fusekit.data.clinical.workbook.opendocument import opendocument_sheets
from fusekit.data.clinical.workbook.survey import CELLS, Survey, cell_name
from fusekit.errors import DataError, first_ten

#: Endings of workbooks, in small letters.
SUFFIXES = (".xlsx", ".xlsm", ".ods")
#: Bytes of a workbook once unpacked, at most, and how many files it may hold.
LARGEST, MEMBERS = 2**28, 10_000
#: What old Excel files and those with a password begin with, and what zip files do.
OLE, ZIP = b"\xd0\xcf\x11\xe0", b"PK"
#: Whole numbers from here on have more digits than spreadsheets keep, which is 15: the others become 0.
ROUNDED = 1e15


class Sheet(NamedTuple):
    """The rows of a sheet that hold a value."""

    name: str
    lines: list[int]  # their numbers, counted from 1 as the spreadsheet does
    records: list[list[str]]  # from column A on, equally long
    rounded: frozenset[str]  # cells (``C7``) with numbers of more digits than a spreadsheet keeps


def is_workbook(path: Path) -> bool:
    """Whether a file is a workbook by its name."""
    return path.name.lower().endswith(SUFFIXES)


def read_sheet(path: Path, data: bytes, wanted: str) -> Sheet:
    """Read the sheet of a name, or the only one that is shown and holds values; several are refused and listed.

    Whole numbers have no decimals, percentages are shown as such (``5%``), dates are YYYY-MM-DD (with a time if there
    is one), booleans TRUE and FALSE. An error has its own name (``#N/A``), and a formula without a saved value is
    ``UNSAVED``. A cell merged over several rows of a column has its value in each of them.

    Raises:
        DataError: the file is no workbook, or too large; there is no such sheet; rows are hidden; merged cells leave
            open what belongs where. The message names file, sheet and cell.
    """
    members = _unpacked(path, data)
    found = _chosen(path, _surveyed(path, members), wanted)
    where = f"{path}, sheet {found.name!r}"
    _refuse_hidden(where, found)
    rows, rounded = _values(path, members, found)
    for (row, column), text in found.errors.items():
        rows[row][column] = text
    _fill_merged(where, rows, found)
    lines = [number for number, cells in enumerate(rows, 1) if any(cells)]
    return Sheet(found.name, lines, [rows[number - 1] for number in lines], rounded)


def _unpacked(path: Path, data: bytes) -> dict[str, bytes]:
    """The files in a workbook, pictures aside."""
    if data.startswith(OLE):
        advice = "Open it and save it as .xlsx, without a password."
        raise DataError(f"{path}: the workbook is protected by a password, or in the old format .xls. {advice}")
    members, left = dict[str, bytes](), LARGEST
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            infos = [info for info in packed.infolist() if "/media/" not in info.filename.lower()]
            # What a file says of its size is checked too: no more than that is unpacked, and then compared.
            if len(infos) > MEMBERS or sum(info.file_size for info in infos) > LARGEST:
                raise DataError(
                    f"{path}: the workbook is over {LARGEST // 2**20:,} MiB once it is unpacked, or damaged. Save the "
                    "sheet as CSV."
                )
            for info in infos:
                with packed.open(info) as member:
                    members[info.filename] = member.read(left + 1)
                left -= len(members[info.filename])
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError, ValueError) as error:
        if not data.startswith(ZIP):
            raise DataError(f"{path}: the file is no workbook. If it is text, name it .csv.") from None
        raise DataError(f"{path}: the workbook is damaged or protected ({error}). Save it again.") from error
    return members


def _surveyed(path: Path, members: Mapping[str, bytes]) -> list[Survey]:
    try:
        if "content.xml" in members:
            return opendocument_sheets(members["content.xml"])
        return list(excel_sheets(members))
    except KeyError as error:
        raise DataError(f"{path}: the file is no workbook: it lacks {error}. Save it as .xlsx or .csv.") from None
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise DataError(f"{path}: the workbook is damaged ({error}). Save it again.") from error


def _chosen(path: Path, sheets: list[Survey], wanted: str) -> Survey:
    names = ", ".join(repr(sheet.name) for sheet in sheets)
    likely = [sheet for sheet in sheets if (sheet.name == wanted if wanted else sheet.shown and sheet.rows)]
    if wanted and not likely:
        raise DataError(f"{path} has no sheet {wanted!r}; it has {names}.")
    if not likely:
        raise DataError(f"{path}: the file is empty; a header line and rows were expected.")
    if len(likely) > 1:
        example = likely[0].name
        raise DataError(
            f'{path} has several sheets: {names}. Name the one to read: sheet = "{example}" in a TOML, --sheet '
            f'"{example}" or -o task.sheet="{example}".'
        )
    if likely[0].too_far:
        raise DataError(
            f"{path}, sheet {likely[0].name!r}, cell {likely[0].too_far}: the sheet is larger than {CELLS:,} cells up "
            "to this one. Delete what lies so far out, or save the table as CSV."
        )
    return likely[0]


def _refuse_hidden(where: str, sheet: Survey) -> None:
    if sheet.hidden:
        rows = first_ten(row + 1 for row in sorted(sheet.hidden))
        raise DataError(
            f"{where}: rows with values are hidden, perhaps by a filter: {rows}. Show them, or delete them, so that it "
            "is clear whether they count."
        )


def _values(path: Path, members: Mapping[str, bytes], sheet: Survey) -> tuple[list[list[str]], frozenset[str]]:
    """Every cell as text, from A1 to the last cell with a value, and which have more digits than are kept."""
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ModuleNotFoundError as error:
        advice = "pip install 'fusekit[excel]', or save the sheet as CSV."
        raise DataError(f"{path}: to read a workbook, {advice}") from error
    repacked = io.BytesIO()
    with zipfile.ZipFile(repacked, "w") as plain:  # so that what is read is what was looked at
        for name, content in members.items():
            plain.writestr(name, content)
    repacked.seek(0)
    height, width = sheet.size
    rows, rounded = [[""] * width for _ in range(height)], set[str]()
    try:
        read = CalamineWorkbook.from_filelike(repacked).get_sheet_by_name(sheet.name)
        top, left = read.start or (0, 0)
        for number, cells in enumerate(read.to_python(skip_empty_area=True), top):
            for column, cell in enumerate(cells, left):
                if cell != "" and number < height and column < width:
                    rows[number][column] = _text(cell, percent=(number, column) in sheet.percent)
                    if isinstance(cell, float) and cell.is_integer() and abs(cell) >= ROUNDED:
                        rounded.add(cell_name(number, column))
    except (CalamineError, ValueError, OverflowError) as error:
        raise DataError(f"{path}: the workbook is damaged ({error}). Save it again.") from error
    return rows, frozenset(rounded)


def _text(cell: str | float | bool | date | datetime | time | timedelta, *, percent: bool = False) -> str:
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        if percent:  # in decimals: 0.07 * 100 is not 7
            return f"{_text(float(Decimal(repr(cell)) * 100))}%"
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    return cell.isoformat() if isinstance(cell, date | time) else str(cell).strip()


def _fill_merged(where: str, rows: list[list[str]], sheet: Survey) -> None:
    header, left_over = min(sheet.rows, default=0), CELLS
    for top, left, bottom, right in sheet.merged:
        cells = [row[left : right + 1] for row in rows[top : bottom + 1]]
        left_over -= len(cells)
        if left_over < 0:
            raise DataError(f"{where}: the merged cells lie over each other. Save the workbook again.")
        if not any(map(any, cells)):
            continue
        if left != right or top <= header:
            span = f"{cell_name(top, left)}:{cell_name(bottom, right)}"
            raise DataError(
                f"{where}: the cells {span} are merged. The first row with values names the columns, and each cell "
                "below it belongs to one of them: split these cells."
            )
        for row in rows[top : bottom + 1]:
            row[left] = cells[0][0]
