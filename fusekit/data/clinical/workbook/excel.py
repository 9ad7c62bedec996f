"""The sheets of an Excel workbook, as its XML has them."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from xml.parsers import expat

from fusekit.data.clinical.workbook.survey import UNSAVED, Survey, error_name
from fusekit.data.clinical.workbook.xml import Elements, Reader

#: Formats of numbers that have no code of their own in a file, and show percentages: 0% and 0.00%.
_PERCENT = frozenset({"9", "10"})
#: What a format shows as it is, or means as something else: texts in quotes, signs after a backslash, brackets.
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\[[^\]]*\]')


def excel_sheets(members: Mapping[str, bytes]) -> Iterator[Survey]:
    """Look at every sheet of an Excel workbook; KeyError, ValueError or ExpatError for what is none."""
    targets = {
        one["Id"]: posixpath.normpath(posixpath.join("/xl", one["Target"])).lstrip("/")
        for one in Elements("Relationship", members["xl/_rels/workbook.xml.rels"]).found
        if one.get("TargetMode") != "External"
    }
    styles = _Styles()
    if "xl/styles.xml" in members:
        styles.read(members["xl/styles.xml"])
    for sheet in Elements("sheet", members["xl/workbook.xml"]).found:
        content = members.get(targets.get(sheet["id"], ""))
        if content is not None and "worksheets" in targets[sheet["id"]]:  # else a chart or a macro
            survey = Survey(sheet["name"], sheet.get("state", "visible") == "visible")
            _Sheet(survey, styles.percent).read(content)
            yield survey


class _Styles(Reader):
    """Which formats of cells, by number, show percentages."""

    def __init__(self) -> None:
        self.within = ""
        self.known = set(_PERCENT)
        self.count = 0
        self.percent = set[int]()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("numFmts", "cellXfs"):
            self.within = name
        elif name == "numFmt" and self.within == "numFmts":
            if "%" in _LITERAL.sub("", attributes["formatCode"]):
                self.known.add(attributes["numFmtId"])
            else:
                self.known.discard(attributes["numFmtId"])
        elif name == "xf" and self.within == "cellXfs":
            if attributes.get("numFmtId") in self.known:
                self.percent.add(self.count)
            self.count += 1

    def end(self, name: str) -> None:
        if name == self.within:
            self.within = ""


class _Sheet(Reader):
    def __init__(self, survey: Survey, percent: set[int]):
        self.survey, self.percent = survey, percent
        self.row = self.column = -1
        self.hidden = self.formula = self.inside = False
        self.kind, self.value, self.style = "", "", 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "row":
            self.row, self.column = int(attributes.get("r", self.row + 2)) - 1, -1
            self.hidden = attributes.get("hidden") in ("1", "true")
        elif name == "c":
            self.column = _place(attributes["r"])[1] if "r" in attributes else self.column + 1
            self.formula, self.inside, self.kind, self.value = False, False, attributes.get("t", "n"), ""
            self.style = int(attributes.get("s", "0"))
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
            error = error_name(self.value) if self.kind == "e" else UNSAVED if unsaved else ""
            percent = self.kind == "n" and self.style in self.percent
            if self.value or unsaved:
                self.survey.add(self.row, self.column, hidden=self.hidden, error=error, percent=percent)


def _place(name: str) -> tuple[int, int]:
    """Row and column of ``C7``."""
    found = re.fullmatch(r"\$?([A-Z]{1,3})\$?(\d{1,7})", name)
    if not found:
        raise expat.ExpatError(f"{name!r} is no cell")
    column = 0
    for letter in found[1]:
        column = 26 * column + ord(letter) - 64
    return int(found[2]) - 1, column - 1
