"""Every public name is on a page of the API, and has a docstring."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "reference" / "api").glob("*.md"))
#: What only FuseKit itself imports: the page's drawing, the command line, the formats of a bundle's description.
OURS_ALONE = {"fusekit.report", "fusekit.report.drawing.picture", "fusekit.cli", "fusekit.bundle.formats"}


def packages() -> list[str]:
    """Modules that say what is public."""
    found = [
        path
        for folder in (ROOT, ROOT / "plugins")
        for path in folder.glob("fusekit*/**/*.py")
        if re.search(r"^__all__\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removeprefix("plugins.") for path in found]
    return sorted({name.removesuffix(".__init__") for name in names} - OURS_ALONE)


def found_at(name: str) -> Any:
    """What a dotted name is, by the longest of its beginnings that is a module."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            value: Any = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            value = getattr(value, part)
        return value
    raise AssertionError(f"{name} is nothing that can be imported")


def documented() -> dict[str, Any]:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    names = re.findall(r"^\.\. auto(?:class|function|data|exception|decorator):: (\S+)$", text, re.MULTILINE)
    assert len(names) == len(set(names))
    return {name: found_at(name) for name in names}


def test_the_packages_are_those_that_an_embedder_imports() -> None:
    wanted = {"fusekit", "fusekit.models", "fusekit.training", "fusekit.data", "fusekit.explain", "fusekit.audit"}
    assert wanted <= set(packages())


@pytest.mark.parametrize("package", packages())
def test_every_public_name_is_on_a_page(package: str) -> None:
    module, known = import_module(package), documented()
    for name in module.__all__:
        value = getattr(module, name)
        assert any(value is other and name == path.rpartition(".")[2] for path, other in known.items()), name


def test_what_is_documented_says_more_than_its_name() -> None:
    for name, value in documented().items():
        if inspect.isclass(value) or inspect.isfunction(value):
            assert len((value.__doc__ or "").split()) >= 2, name
            assert not (value.__doc__ or "").startswith(f"{value.__name__}("), name  # what a dataclass makes up


def test_each_page_is_in_the_table_and_in_the_tree() -> None:
    index = (ROOT / "docs" / "reference" / "api" / "index.md").read_text(encoding="utf-8")
    for page in PAGES:
        if page.stem != "index":
            assert f"]({page.name})" in index
            assert f"\n{page.stem}\n" in index
