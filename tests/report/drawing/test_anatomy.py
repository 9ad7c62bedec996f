"""The drawing of a fusion has its parts, marks the stages that are injected into, and fits its frame."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from fusekit import describe
from fusekit.report.drawing.anatomy import in_words


@pytest.mark.parametrize("name", ["rbca", "film", "concat", "image-only", "clinical-only", "table-first", "late+mean"])
def test_parts_stages_and_totals_are_there_and_nothing_leaves_the_frame(name: str) -> None:
    made = describe(name, backbone="test_resnet", size=32)
    svg = ET.fromstring(made.svg())
    width, height = map(float, svg.attrib["viewBox"].split()[2:])
    said = [text.text for text in svg.findall(".//{*}text")]
    assert {part.part for part in made.parts} <= set(said)
    assert {part.name for part in made.parts} <= set(said)
    assert any(text and f"{made.parameters:,} parameters" in text for text in said)
    injected = {site.stage for site in made.sites if site.injected}
    assert len(svg.findall(".//{*}line[@class='injected']")) == len(injected)
    boxes = [
        tuple(float(box.attrib[key]) for key in ("x", "y", "width", "height")) for box in svg.findall(".//{*}rect")
    ]
    for x, y, w, h in boxes:
        assert x + w <= width
        assert y + h <= height
    for number, (x, y, w, h) in enumerate(boxes):
        for x2, y2, w2, h2 in boxes[:number]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y, "two boxes overlap"


def test_a_notebook_shows_it() -> None:
    made = describe("concat", backbone="test_resnet", size=32)
    assert made._repr_svg_() == made.svg()


@pytest.mark.parametrize(("count", "said"), [(7, "7"), (1234, "1.23 k"), (13_170_146, "13.2 M"), (8.73e9, "8.73 G")])
def test_counts_are_readable(count: int, said: str) -> None:
    assert in_words(count) == said
