"""The generated pages are those that the code gives now."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

from docs import architecture, generate
from fusekit.extension import Catalog, Plugin, PluginHost, hookspecs
from fusekit.extension.mistakes import HOOKS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.mark.parametrize("page", generate.PAGES)
def test_generated_pages_are_up_to_date(page: str) -> None:
    assert (DOCS / page).read_text(encoding="utf-8") == generate.PAGES[page](), "run `make reference`"


def test_the_drawing_shows_every_room_and_plugin_inside_the_picture() -> None:
    svg = ET.fromstring(architecture.drawing())
    shown = [text.text or "" for text in svg.findall(".//{*}text")]
    assert {room for floor in architecture.floors() for room in floor} <= set(shown)
    assert set(architecture.plugins()) <= set(shown)
    inner = [path.parent.name for path in (ROOT / "fusekit").glob("*/*/__init__.py")]
    assert {f"{name}/" for name in inner} <= set(shown)
    width, height = map(float, svg.attrib["viewBox"].split()[2:])
    for box in svg.findall(".//{*}rect"):
        x, y, w, h = (float(box.attrib[name]) for name in ("x", "y", "width", "height"))
        assert x + w <= width
        assert y + h <= height


def test_what_to_open_for_a_change_exists() -> None:
    text = architecture.PAGE.read_text(encoding="utf-8")
    table = text.partition("| I want to change")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(table) == 17
    for row in table:
        paths = re.findall(r"`([^`]+)`", row.split("|")[2])
        assert paths, row
        assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", ["reference/hooks.md", "how-to/write-a-plugin.md"])
def test_every_hook_is_documented(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    source = inspect.getsource(hookspecs)
    for name in HOOKS:
        assert name in text
        if page.startswith("reference"):
            line = next(line for line in source.splitlines() if line.startswith(f"def {name}("))
            assert f"\n## {name}\n\n```python\n{line.removesuffix(':')}\n```\n" in text


def test_every_hook_has_an_example_that_a_plugin_could_be_made_of() -> None:
    example = ModuleType("example")
    for name in HOOKS:
        (code,) = re.findall(r"```python\n(.*?)```", inspect.getdoc(getattr(hookspecs, name)) or "", flags=re.DOTALL)
        exec(code, vars(example))
    plugin, host = Plugin("example", "fusekit-example", "1", "example"), PluginHost()
    host.add(example, plugin)
    assert host.hooks_of(plugin) == sorted(HOOKS)
    assert Catalog(host).heads.names() == ["gated-sum"]
