"""Drawings of the gallery: an image and a table, whose network they go through, and whose loop trains it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

WIDTH, HEIGHT = 320, 180
INK, IMAGE, TABLE, PALE = "#1f2430", "#0072b2", "#d55e00", "#eef2f6"
#: Name of an example -> whose network, and whose loop.
EXAMPLES = {
    "own_network": ("your timm network", "your loop"),
    "torchvision_network": ("torchvision", "your loop"),
    "monai_volumes": ("MONAI, 3-D", "your loop"),
    "lightning_trainer": ("FuseKit", "Lightning"),
    "hugging_face_trainer": ("FuseKit", "Hugging Face Trainer"),
    "several_processes": ("FuseKit, twice", "DDP"),
    "predict_onnx": ("ONNX Runtime", "no torch"),
    "plugin": ("FuseKit", "your injector"),
}


def drawing(name: str) -> str:
    """A picture of an example, as SVG."""
    network, loop = EXAMPLES[name]
    svg = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {HEIGHT}")
    svg.set("font-family", "sans-serif")
    _box(svg, 0, 0, WIDTH, HEIGHT, "#ffffff")
    _box(svg, 84, 16, 180, 112, PALE)
    for row in range(3):
        for column in range(3):
            shade = ("#b8d3e6", IMAGE, "#6ba4cc")[(row * 2 + column) % 3]
            _box(svg, 18 + column * 16, 34 + row * 16, 16, 16, shade)
        _box(svg, 18, 104 + row * 14, 48, 10, TABLE if row == 1 else "#f0c09a")
    _line(svg, 68, 58, 96, 58, IMAGE)
    for stage in range(4):
        x, height = 100 + stage * 38, 64 - stage * 12
        _box(svg, x, 58 - height / 2, 26, height, IMAGE)
        if stage:
            _line(svg, x + 13, 108, x + 13, 58 + height / 2 + 3, TABLE)
    _line(svg, 68, 123, 78, 123, TABLE)
    _line(svg, 78, 123, 78, 108, TABLE)
    _line(svg, 78, 108, 227, 108, TABLE)
    _line(svg, 240, 58, 280, 58, IMAGE)
    _text(svg, 298, 63, "p", 20)
    _text(svg, 174, 123, network, 11)
    _text(svg, 160, 162, loop, 15)
    ET.indent(svg)
    return ET.tostring(svg, encoding="unicode") + "\n"


def _box(svg: ET.Element, x: float, y: float, width: float, height: float, fill: str) -> None:
    place = {"x": f"{x:g}", "y": f"{y:g}", "width": f"{width:g}", "height": f"{height:g}", "rx": "2"}
    ET.SubElement(svg, "rect", place, fill=fill)


def _line(svg: ET.Element, x: float, y: float, to_x: float, to_y: float, stroke: str) -> None:
    ends = {"x1": f"{x:g}", "y1": f"{y:g}", "x2": f"{to_x:g}", "y2": f"{to_y:g}", "stroke-width": "2.5"}
    ET.SubElement(svg, "line", ends, stroke=stroke)


def _text(svg: ET.Element, x: float, y: float, text: str, size: int) -> None:
    place = {"x": f"{x:g}", "y": f"{y:g}", "font-size": str(size), "text-anchor": "middle"}
    ET.SubElement(svg, "text", place, fill=INK).text = text
