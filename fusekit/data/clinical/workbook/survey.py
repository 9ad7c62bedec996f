"""What the XML of a workbook says of a sheet, besides values: how far it reaches, errors, percentages, hidden rows.

Strict about size, lenient about the rest: what is not understood here is left to the library that reads the values.
"""

from dataclasses import dataclass, field

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
    percent: set[tuple[int, int]] = field(default_factory=set)  # cells whose number, such as 0.05, is shown as 5%
    hidden: set[int] = field(default_factory=set)  # rows with a value that are not shown
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)  # top, left, bottom, right
    too_far: str = ""  # the cell that makes it larger than ``CELLS``, if one does; then it was not looked through

    def add(
        self,
        row: int,
        column: int,
        *,
        hidden: bool,
        error: str = "",
        percent: bool = False,
        height: int = 1,
        width: int = 1,
    ) -> None:
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
        if error or percent:
            cells = [(row + i, column + j) for i in range(height) for j in range(width)]
            self.errors |= dict.fromkeys(cells, error) if error else {}
            self.percent.update(cells if percent else ())


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


def error_name(shown: str) -> str:
    """The name of an error that a cell shows."""
    return shown if shown in ERRORS else OTHER
