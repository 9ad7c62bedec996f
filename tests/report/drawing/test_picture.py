"""Pictures as files and as elements of a page."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from fusekit.report.drawing.picture import Picture, draw

TABLE = pd.DataFrame({"x": [1, 2], "y": [0.25, 0.5]})
HOSTILE = '<script src="http://example.org"> $x_1$ id="figure" & "'


def paint(figure: Figure) -> None:
    axes = figure.subplots()
    axes.plot(TABLE["x"], TABLE["y"], marker="o", label=HOSTILE)
    axes.fill_between([1, 2], [0, 0], [1, 1], alpha=0.5)
    axes.imshow(np.eye(3), extent=(1, 2, 0, 1), interpolation="none")
    axes.set_xlim(1.2, 1.8)  # something is cut off: clip paths
    axes.legend()


def picture(name: str = "some", **rest: Any) -> Picture:
    words = {"title": "a < b", "caption": "Of 2 subjects.", "alt": "It rises."}
    return draw(name, paint, table=TABLE, height=3, **{**words, **rest})


def test_the_same_input_gives_the_same_bytes() -> None:
    first, second = picture(), picture()
    assert first.svg == second.svg
    assert first.png == second.png


def test_the_svg_is_one_element_without_anything_from_elsewhere() -> None:
    svg = picture().svg
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.attrib["role"] == "img"
    assert [child.text for child in root[:2]] == ["a < b", "It rises."]
    tags = {element.tag.split("}")[1] for element in root.iter()}
    assert not tags & {"style", "script", "metadata", "foreignObject"}
    for element in root.iter():
        for name, value in element.attrib.items():
            if name.endswith("href"):
                assert value.startswith(("#some-", "data:image/png;base64,"))
            assert "http" not in value
    assert any(text.text == HOSTILE for text in root.iter("{http://www.w3.org/2000/svg}text"))  # a text, as it was


def test_ids_are_of_the_picture_and_every_reference_is_met() -> None:
    svgs = [picture(name).svg for name in ("some", "some-other")]
    ids = [{e.attrib["id"] for e in ElementTree.fromstring(svg).iter() if "id" in e.attrib} for svg in svgs]
    for name, own, svg in zip(("some-", "some-other-"), ids, svgs, strict=True):
        assert own
        assert all(i.startswith(name) for i in own)
        tags = "".join(re.findall(r"<[a-z][^>]*>", svg))
        assert len(re.findall(r'\sid="', tags)) == len(own)
        assert set(re.findall(r'(?:url\(#|href="#)([^)"]+)', tags)) == own
    assert not ids[0] & ids[1]


def test_pixels_of_an_image_are_kept() -> None:
    found = re.search(r"base64,\s*([A-Za-z0-9+/=\s]+)\"", picture().svg)
    assert found
    import base64

    with Image.open(BytesIO(base64.b64decode(found[1]))) as image:
        assert image.size == (3, 3)


def test_synthetic_data_are_called_so_in_picture_caption_and_text() -> None:
    one = picture(synthetic=True)
    assert one.caption.startswith("SYNTHETIC data.")
    assert one.alt.startswith("SYNTHETIC data.")
    assert any(e.text == "SYNTHETIC data" for e in ElementTree.fromstring(one.svg).iter() if e.tag.endswith("text"))
    assert "SYNTHETIC" not in picture().svg


def test_three_files_lie_in_the_folder(tmp_path: Path) -> None:
    one = picture()
    one.save(tmp_path / "new" / "figures")
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["some.csv", "some.png", "some.svg"]
    assert (tmp_path / "new/figures/some.svg").read_text(encoding="utf-8") == one.svg
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "new/figures/some.csv"), TABLE)
    with Image.open(tmp_path / "new/figures/some.png") as image:
        assert image.size == (676, 390)  # 5.2 x 3 inches at 130 dpi


@pytest.mark.parametrize("name", ["", "A", "../up", "1", "with space", 'q"'])
def test_names_that_are_no_file_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="small letters"):
        picture(name)
