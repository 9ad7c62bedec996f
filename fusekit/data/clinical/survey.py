"""What the XML of a workbook says of its sheets, besides values: how far they reach, errors, hidden rows, merged cells.

Strict about size, lenient about the rest: what is not understood here is left to the library that reads the values.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from fusekit.errors import DataError

#: Cells of a sheet, at most, from A1 to its last row and column.
CELLS = 5_000_000
#: An error that has no name of its own here, such as LibreOffice's Err:502.
OTHER = "#ERROR!"
#: What cells show instead of a value.
ERRORS = frozenset(
    {"#N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#GETTING_DATA", OTHER}
)
#: The text of a formula whose value was not saved: written by a program, and never opened in a spreadsheet.
UNSAVED = "#UNSAVED!"


@dataclass
class Survey:
    """A sheet; rows and columns are counted from 0."""

    name: str
    shown: bool = True
    rows: set[int] = field(default_factory=set)  # with a value
    size: tuple[int, int] = (0, 0)  # rows and columns up to the last cell with a value
    errors: dict[tuple[int, int], str] = field(default_factory=dict)  # (row, column) -> what it shows
    hidden: set[int] = field(default_factory=set)  # rows with a value that are not shown
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)  # top, left, bottom, right
    too_far: str = ""  # the cell that makes it larger than ``CELLS``, if one does; then it was not looked through

    def add(self, row: int, column: int, *, hidden: bool, error: str = "", height: int = 1, width: int = 1) -> None:
        """Note a cell with a value, or so many equal ones below and beside each other."""
        if min(row, column) < 0:
            raise ValueError(f"cell {row}, {column}")
        size = max(self.size[0], row + height), max(self.size[1], column + width)
        if size[0] * size[1] > CELLS:
            self.too_far = self.too_far or cell_name(row, column)
        if self.too_far:
            return
        self.size = size
        self.rows.update(range(row, row + height))
        if hidden:
            self.hidden.update(range(row, row + height))
        if error:
            self.errors |= {(row + i, column + j): error for i in range(height) for j in range(width)}


def cell_name(row: int, column: int) -> str:
    """``C7`` for row 6 and column 2."""
    return f"{column_letters(column)}{row + 1}"


def column_letters(column: int) -> str:
    """``AA`` for column 26."""
    letters, column = "", column + 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(65 + letter) + letters
    return letters


def survey_sheets(path: Path, members: Mapping[str, bytes]) -> list[Survey]:
    """Look at every sheet; DataError for what is no workbook, or not to be trusted."""
    try:
        if "content.xml" in members:
            return _OpenDocument().parse(members["content.xml"])
        return list(_excel(members))
    except KeyError as error:
        raise DataError(f"{path}: the file is no workbook: it lacks {error}. Save it as .xlsx or .csv.") from None
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise DataError(f"{path}: the workbook is damaged ({error}). Save it again.") from error


class _Reader:
    """Follows XML; elements and attributes are named without their namespaces."""

    def start(self, name: str, attributes: dict[str, str]) -> None: ...

    def end(self, name: str) -> None: ...

    def text(self, text: str) -> None: ...

    def read(self, content: bytes) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = lambda name, attributes: self.start(
            name.rpartition(":")[2], {key.rpartition(":")[2]: value for key, value in attributes.items()}
        )
        parser.EndElementHandler = lambda name: self.end(name.rpartition(":")[2])
        parser.CharacterDataHandler = self.text
        parser.Parse(content, True)


def _refuse_doctype(*_: object) -> None:
    raise expat.ExpatError("it declares a document type")


class _Elements(_Reader):
    """The attributes of every element of a name."""

    def __init__(self, name: str, content: bytes):
        self.name, self.found = name, list[dict[str, str]]()
        self.read(content)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == self.name:
            self.found.append(attributes)


def _excel(members: Mapping[str, bytes]) -> Iterator[Survey]:
    targets = {
        one["Id"]: posixpath.normpath(posixpath.join("/xl", one["Target"])).lstrip("/")
        for one in _Elements("Relationship", members["xl/_rels/workbook.xml.rels"]).found
        if one.get("TargetMode") != "External"
    }
    for sheet in _Elements("sheet", members["xl/workbook.xml"]).found:
        content = members.get(targets.get(sheet["id"], ""))
        if content is not None and "worksheets" in targets[sheet["id"]]:  # else a chart or a macro
            survey = Survey(sheet["name"], sheet.get("state", "visible") == "visible")
            _ExcelSheet(survey).read(content)
            yield survey


class _ExcelSheet(_Reader):
    def __init__(self, survey: Survey):
        self.survey = survey
        self.row = self.column = -1
        self.hidden = self.formula = self.inside = False
        self.kind, self.value = "", ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "row":
            self.row, self.column = int(attributes.get("r", self.row + 2)) - 1, -1
            self.hidden = attributes.get("hidden") in ("1", "true")
        elif name == "c":
            self.column = _place(attributes["r"])[1] if "r" in attributes else self.column + 1
            self.formula, self.inside, self.kind, self.value = False, False, attributes.get("t", "n"), ""
        elif name == "f":
            self.formula = True
        elif name in ("v", "t"):
            self.inside = True
        elif name == "mergeCell":
            first, _, last = attributes["ref"].partition(":")
            self.survey.merged.append((*_place(first), *_place(last or first)))

    def text(self, text: str) -> None:
        if self.inside:
            self.value += text

    def end(self, name: str) -> None:
        if name in ("v", "t"):
            self.inside = False
        elif name == "c":
            unsaved = self.formula and not self.value and self.kind != "str"
            error = _error(self.value) if self.kind == "e" else UNSAVED if unsaved else ""
            if self.value or unsaved:
                self.survey.add(self.row, self.column, hidden=self.hidden, error=error)


def _place(name: str) -> tuple[int, int]:
    """Row and column of ``C7``."""
    found = re.fullmatch(r"\$?([A-Z]{1,3})\$?(\d{1,7})", name)
    if not found:
        raise expat.ExpatError(f"{name!r} is no cell")
    column = 0
    for letter in found[1]:
        column = 26 * column + ord(letter) - 64
    return int(found[2]) - 1, column - 1


class _OpenDocument(_Reader):
    def __init__(self) -> None:
        self.sheets: list[Survey] = []
        self.styles: dict[str, bool] = {}  # of tables: whether they are shown
        self.style = ""
        self.row, self.column, self.height, self.width = 0, 0, 1, 1
        self.hidden = self.inside = False
        self.cell: dict[str, str] | None = None
        self.aside = 0  # depth of comments, which hold text too
        self.value = ""

    def parse(self, content: bytes) -> list[Survey]:
        self.read(content)
        return self.sheets

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "style":
            self.style = attributes.get("name", "")
        elif name == "table-properties":
            self.styles[self.style] = attributes.get("display") != "false"
        elif name == "table":
            self.sheets.append(Survey(attributes["name"], self.styles.get(attributes.get("style-name", ""), True)))
            self.row = 0
        elif name == "table-row":
            self.column, self.height = 0, _count(attributes, "number-rows-repeated")
            self.hidden = attributes.get("visibility", "visible") != "visible"
        elif name in ("table-cell", "covered-table-cell"):
            self.cell, self.value, self.width = attributes, "", _count(attributes, "number-columns-repeated")
        elif name == "annotation":
            self.aside += 1
        elif name == "p":
            self.inside = True

    def text(self, text: str) -> None:
        if self.inside and not self.aside:
            self.value += text

    def end(self, name: str) -> None:
        if name in ("table-cell", "covered-table-cell"):
            self._note()
            self.column, self.cell = self.column + self.width, None
        elif name == "table-row":
            self.row += self.height
        elif name == "annotation":
            self.aside -= 1
        elif name == "p":
            self.inside = False

    def _note(self) -> None:
        cell, sheet = self.cell or {}, self.sheets[-1]
        kind, shown = cell.get("value-type", ""), self.value.strip() or cell.get("string-value", "")
        error = ""
        if "formula" in cell and (kind == "error" or shown in ERRORS or shown.startswith("Err:")):
            error = _error(shown)
        elif "formula" in cell and not kind and not shown:
            error = UNSAVED
        if kind or shown or error:
            at: dict[str, int] = {"height": self.height, "width": self.width}
            sheet.add(self.row, self.column, hidden=self.hidden, error=error, **at)
        down, across = _count(cell, "number-rows-spanned"), _count(cell, "number-columns-spanned")
        if down > 1 or across > 1:
            sheet.merged.append((self.row, self.column, self.row + down - 1, self.column + across - 1))


def _error(shown: str) -> str:
    return shown if shown in ERRORS else OTHER


def _count(attributes: Mapping[str, str], name: str) -> int:
    return max(1, int(attributes.get(name, "1")))
