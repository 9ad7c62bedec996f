"""The sheets of an OpenDocument workbook, as its XML has them."""

from collections.abc import Mapping

from fusekit.data.clinical.workbook.survey import ERRORS, UNSAVED, Survey, error_name
from fusekit.data.clinical.workbook.xml import Reader


def opendocument_sheets(content: bytes) -> list[Survey]:
    """Look at every sheet of an OpenDocument workbook; ValueError, LookupError or ExpatError for what is none."""
    document = _Document()
    document.read(content)
    return document.sheets


class _Document(Reader):
    def __init__(self) -> None:
        self.sheets: list[Survey] = []
        self.styles: dict[str, bool] = {}  # of tables: whether they are shown
        self.style = ""
        self.row, self.column, self.height, self.width = 0, 0, 1, 1
        self.hidden = self.inside = False
        self.cell: dict[str, str] | None = None
        self.aside = 0  # depth of comments, which hold text too
        self.value = ""

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
            error = error_name(shown)
        elif "formula" in cell and not kind and not shown:
            error = UNSAVED
        if kind or shown or error:
            at: dict[str, int] = {"height": self.height, "width": self.width}
            sheet.add(self.row, self.column, hidden=self.hidden, error=error, percent=kind == "percentage", **at)
        down, across = _count(cell, "number-rows-spanned"), _count(cell, "number-columns-spanned")
        if down > 1 or across > 1:
            sheet.merged.append((self.row, self.column, self.row + down - 1, self.column + across - 1))


def _count(attributes: Mapping[str, str], name: str) -> int:
    return max(1, int(attributes.get(name, "1")))
