"""A fusion drawn: the image's way through the stages, where the table enters them, and what the head reads."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from xml.etree import ElementTree as ET

from fusekit.models.anatomy import Anatomy, Part, shape

#: What is of the image, and what of the table.
IMAGE, TABLE = "#8fbad8", "#e8a33d"
_INK = "#555"
_WIDTH, _HEIGHT, _GAP, _LEFT = 132, 62, 26, 16
#: Tops of the image's row, of the injector, of the table's row.
_TOPS = (44, 150, 256)


def canvas(title: str) -> ET.Element:
    """An empty drawing with a title, which screen readers say; its ``viewBox`` is set when its size is known."""
    svg = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "font-family": "Helvetica, Arial, sans-serif"})
    ET.SubElement(svg, "title").text = title
    return svg


def finished(svg: ET.Element, width: float, height: float) -> str:
    """The text of a drawing of that size."""
    svg.set("viewBox", f"0 0 {width:g} {height:g}")
    ET.indent(svg)
    return ET.tostring(svg, encoding="unicode") + "\n"


def box(svg: ET.Element, x: float, y: float, width: float, height: float, fill: str) -> None:
    """A box with its corners rounded."""
    where = {"x": f"{x:g}", "y": f"{y:g}", "width": f"{width:g}", "height": f"{height:g}", "rx": "3", "fill": fill}
    ET.SubElement(svg, "rect", where)


def words(
    svg: ET.Element,
    x: float,
    y: float,
    text: str,
    *,
    weight: str = "normal",
    anchor: str = "start",
    fill: str = "#111",
    size: int = 14,
) -> None:
    """A line of text."""
    where = {"x": f"{x:g}", "y": f"{y:g}", "font-size": f"{size}", "font-weight": weight, "text-anchor": anchor}
    ET.SubElement(svg, "text", {**where, "fill": fill}).text = text


def draw(anatomy: Anatomy) -> str:
    """SVG of a fusion on a backbone."""
    svg, parts = canvas(anatomy.title), {part.part: part for part in anatomy.parts}
    words(svg, _LEFT, 24, anatomy.title, weight="bold")
    above, middle, below = _TOPS if anatomy.image else (_TOPS[0],) * 3
    place = _LEFT
    stages: dict[int, float] = {}
    row: list[float] = []
    if anatomy.image:
        row.append(place)
        _labelled(svg, place, above, IMAGE, "image", shape(anatomy.image))
        for stage in dict.fromkeys(site.stage for site in anatomy.sites):
            own = [site for site in anatomy.sites if site.stage == stage]
            place += _WIDTH + _GAP
            row.append(place)
            stages[stage] = place
            _labelled(svg, place, above, IMAGE, f"stage {stage}", shape(own[0].shape), _sites(len(own)))
        for name in ("backbone", "pool"):
            if name in parts:
                place += _WIDTH + _GAP
                row.append(place)
                _labelled(svg, place, above, IMAGE, name, *_lines(parts[name]))
    else:
        place += _WIDTH + _GAP  # of the encoder, which lies in the same row
    place += _WIDTH + _GAP
    head = place
    row.append(head)
    if "stack" in parts:
        place += _WIDTH + _GAP
        row.append(place)
        _labelled(svg, place, above, TABLE, "stack", parts["stack"].name, "reads the table too")
    reads = "table" in parts["head"].shapes
    _labelled(svg, head, above, TABLE if reads else IMAGE, "head", *_lines(parts["head"]))
    _joined(svg, row, above)
    if "encoder" in parts:
        _labelled(svg, _LEFT, below, TABLE, "table", f"{anatomy.columns} columns")
        _labelled(svg, _LEFT + _WIDTH + _GAP, below, TABLE, "encoder", *_lines(parts["encoder"]))
        _joined(svg, [_LEFT, _LEFT + _WIDTH + _GAP], below)
        start, level = _LEFT + 2 * _WIDTH + _GAP, below + _HEIGHT / 2
        if "injector" in parts:
            injected = {site.stage for site in anatomy.sites if site.injected}
            under = [x for stage, x in stages.items() if stage in injected]
            _labelled(svg, under[0], middle, TABLE, "injector", *_lines(parts["injector"]), last=under[-1])
            for x in under:
                _line(svg, (x + _WIDTH / 2, middle), (x + _WIDTH / 2, above + _HEIGHT), "injected")
            bend = max(start + _GAP / 2, (under[0] + under[-1] + _WIDTH) / 2)
            _line(svg, (start, level), (bend, level))
            _line(svg, (bend, level), (bend, middle + _HEIGHT))
        if reads and not anatomy.image:
            _line(svg, (start, level), (head, level))
        elif reads:
            _line(svg, (start, level), (head + _WIDTH / 2, level))
            _line(svg, (head + _WIDTH / 2, level), (head + _WIDTH / 2, above + _HEIGHT))
    if "prior" in parts:
        _labelled(svg, head, middle, TABLE, "prior", *_lines(parts["prior"]))
        _line(svg, (head + _WIDTH / 2, middle), (head + _WIDTH / 2, above + _HEIGHT))
    bottom = below if "encoder" in parts else middle if "prior" in parts else above
    foot = f"{anatomy.parameters:,} parameters, {in_words(anatomy.multiply_adds)} multiply-adds of one image"
    words(svg, _LEFT, bottom + _HEIGHT + 30, foot)
    width = max(place + _WIDTH, _LEFT + 8 * max(len(anatomy.title), len(foot))) + _LEFT
    return finished(svg, width, bottom + _HEIGHT + 44)


def in_words(count: int) -> str:
    """A count in thousands, millions or thousand millions: ``8.73 G``."""
    for unit, power in (("G", 9), ("M", 6), ("k", 3)):
        if count >= 10**power:
            return f"{count / 10**power:.3g} {unit}"
    return str(count)


def _sites(count: int) -> str:
    return f"{count} site{'s' * (count > 1)}"


def _lines(part: Part) -> tuple[str, str]:
    return part.name, f"{in_words(part.parameters)} weight{'s' * (part.parameters != 1)}"


def _labelled(
    svg: ET.Element, x: float, y: float, fill: str, name: str, *lines: str, last: float | None = None
) -> None:
    """A box with a name and lines below it; from its place to that of another, ``last``, if there is one."""
    width = _WIDTH if last is None else last - x + _WIDTH
    box(svg, x, y, width, _HEIGHT, fill)
    words(svg, x + width / 2, y + 19, name, weight="bold", anchor="middle")
    for number, line in enumerate(lines):
        fitting = min(13, int(1.8 * width / max(len(line), 1)))
        words(svg, x + width / 2, y + 36 + 16 * number, line, anchor="middle", size=fitting)


def _joined(svg: ET.Element, row: Iterable[float], top: float) -> None:
    """Lines from each box of a row to the next."""
    for left, right in pairwise(row):
        _line(svg, (left + _WIDTH, top + _HEIGHT / 2), (right, top + _HEIGHT / 2))


def _line(svg: ET.Element, start: tuple[float, float], end: tuple[float, float], kind: str = "") -> None:
    (x1, y1), (x2, y2) = start, end
    where = {"x1": f"{x1:g}", "y1": f"{y1:g}", "x2": f"{x2:g}", "y2": f"{y2:g}"}
    extra = {"class": kind, "stroke": TABLE, "stroke-width": "3"} if kind else {"stroke": _INK, "stroke-width": "1.5"}
    ET.SubElement(svg, "line", {**where, **extra})
