"""The drawing and the list of floors on the page "Architecture", made from floors.toml and the sources' docstrings."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PAGE = DOCS / "explanation" / "architecture.md"
WIDTH, LEFT, GAP, LINE = 1080, 100, 10, 17
LOWEST, HIGHEST = (0xE8, 0xEE, 0xF4), (0x8F, 0xBA, 0xD8)


def page() -> str:
    """The page as it stands, with the list of floors that the sources give now."""
    block = f"<!-- floors -->\n{listing()}<!-- /floors -->"
    return re.sub(
        "<!-- floors -->.*<!-- /floors -->", lambda _: block, PAGE.read_text(encoding="utf-8"), flags=re.DOTALL
    )


def floors() -> list[list[str]]:
    """Rooms by floor, the lowest first."""
    table: list[list[str]] = tomllib.loads((DOCS / "explanation" / "floors.toml").read_text(encoding="utf-8"))["floors"]
    return table


def place(room: str) -> Path:
    """The folder or file of a room, or of a plugin."""
    home = ROOT / ("plugins" if room.startswith("fusekit_") else "fusekit") / room
    return home if home.is_dir() else home.with_suffix(".py")


def sentence(path: Path) -> str:
    """First line of the docstring of a file, or of a folder's ``__init__``."""
    source = path / "__init__.py" if path.is_dir() else path
    found = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return found.split("\n")[0].replace("``", "`")


def folders(path: Path) -> list[Path]:
    """The packages directly inside a folder."""
    return sorted(inner.parent for inner in path.glob("*/__init__.py")) if path.is_dir() else []


def plugins() -> list[str]:
    """The bundled plugins."""
    return [path.name for path in folders(ROOT / "plugins")]


def listing() -> str:
    """Every floor from the top, with its rooms, their folders and what each is for."""
    rows = [f"| plugins | `{name}/` | {sentence(place(name))} |" for name in plugins()]
    for number, rooms in reversed(list(enumerate(floors()))):
        for room in rooms:
            path = place(room)
            rows.append(f"| {number} | `{room}{'/' if path.is_dir() else '.py'}` | {sentence(path)} |")
            rows += [f"| | `{room}/{inner.name}/` | {sentence(inner)} |" for inner in folders(path)]
    return "| floor | place | what it is for |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def drawing() -> str:
    """Floors as rows of boxes, the highest on top, plugins above them, in SVG."""
    numbered = list(enumerate(floors()))
    rows = [("plugins", plugins(), "#f6e3c5")]
    rows += [(f"floor {number}", rooms, _shade(number / numbered[-1][0])) for number, rooms in reversed(numbered)]
    svg = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "font-family": "Helvetica, Arial, sans-serif"})
    ET.SubElement(svg, "title").text = "FuseKit's floors: a file imports from its own room and from lower floors"
    top = GAP
    for label, rooms, fill in rows:
        inside = [[inner.name for inner in folders(place(room))] for room in rooms]
        across = 1 if len(rooms) > 2 else 2 if len(rooms) == 2 else 4  # columns of folder names in a box
        lines = max(-(-len(names) // across) for names in inside)
        height = 34 + (LINE * lines + 4 if lines else 0)
        width = (WIDTH - LEFT - GAP * len(rooms)) / len(rooms)
        _text(svg, 16, top + 22, label, size=14, fill="#444")
        for i, (room, names) in enumerate(zip(rooms, inside, strict=True)):
            left = LEFT + i * (width + GAP)
            box = {"x": f"{left:g}", "y": f"{top}", "width": f"{width:g}", "height": f"{height}", "rx": "5"}
            ET.SubElement(svg, "rect", box, fill=fill, stroke="#5b7083")
            _text(svg, left + 10, top + 22, room, size=15, weight="bold")
            for k, name in enumerate(names):
                column, line = k % across, k // across
                _text(svg, left + 10 + column * width / across, top + 44 + LINE * line, f"{name}/", size=13)
        top += height + GAP
    rule = "A file imports from its own room and from the floors below it. Plugins import fusekit and themselves."
    _text(svg, 16, top + 12, rule, size=13)
    svg.set("viewBox", f"0 0 {WIDTH} {top + 26}")
    ET.indent(svg)
    return ET.tostring(svg, encoding="unicode") + "\n"


def _shade(share: float) -> str:
    mixed = (round(low + share * (high - low)) for low, high in zip(LOWEST, HIGHEST, strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)


def _text(
    svg: ET.Element, x: float, y: float, text: str, *, size: int, weight: str = "normal", fill: str = "#111"
) -> None:
    where = {"x": f"{x:g}", "y": f"{y:g}", "font-size": f"{size}", "font-weight": weight, "fill": fill}
    ET.SubElement(svg, "text", where).text = text
