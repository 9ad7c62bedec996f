"""Every finding that the bundled code can report is explained in the documentation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Folder of sources -> the pages that explain its findings.
PAGES = {"fusekit": "docs/reference/files.md", "plugins": "docs/how-to/*.md"}


def codes(folder: Path) -> Iterator[str]:
    """First text of every ``Finding(...)`` and ``note(findings, ...)`` in the sources."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Finding", "note"):
                texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                if texts and re.fullmatch(r"[a-z]+(-[a-z]+)*", texts[0]):
                    yield texts[0]


@pytest.mark.parametrize(("folder", "pages"), PAGES.items())
def test_every_finding_is_documented(folder: str, pages: str) -> None:
    found = set(codes(ROOT / folder))
    text = "".join(page.read_text(encoding="utf-8") for page in ROOT.glob(pages))
    assert len(found) >= 4
    assert {code for code in found if f"`{code}`" not in text} == set()
