"""Links lead somewhere: files and headings without a network, in the sources and on the built pages."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *DOCS.glob("**/*.md"), *ROOT.glob("examples/**/*.md")]
    if "_build" not in path.parts
)


def heading_anchors(page: Path) -> set[str]:
    """As GitHub and MyST make them: small letters, no punctuation, hyphens for spaces."""
    headings = re.findall(r"^#{1,4} (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[str]:
    """Targets of a page's links, pictures and cards; of code only the picture that it includes."""
    text = page.read_text(encoding="utf-8")
    yield from re.findall(r"^```\{(?:image|literalinclude)\} (\S+)$", text, re.MULTILINE)
    yield from re.findall(r"^:img-top: (\S+)$", text, re.MULTILINE)
    yield from (f"{name}.md" for name in re.findall(r"^:link: (\S+)$", text, re.MULTILINE))
    yield from (f"{name}.md" for name in re.findall(r"\{doc\}`(?:[^`<]*<)?([^`<>]+)>?`", text))
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"\]\(([^()\s]+)\)", prose)


def broken(page: Path) -> list[str]:
    found = []
    for link in links(page):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            found += [] if target.startswith(("https://", "mailto:")) else [link]
            continue
        path = (page.parent / unquote(target)).resolve() if target else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in heading_anchors(path)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_the_sources(page: Path) -> None:
    assert broken(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# What is there?\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](there.md) [b](there.md#what-is-there) [c](#here) [d](gone.md) [e](there.md#gone)\n"
        "```python\n[f](code.md)\n```\n[g](http://plain.example) {doc}`away`\n# Here\n"
    )
    assert broken(page) == ["away.md", "gone.md", "there.md#gone", "http://plain.example"]


class Page(HTMLParser):
    """What a built page names, and what it refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.names.add(given.get("id") or "")
        if tag in ("a", "img", "link", "script"):
            self.targets += filter(None, (given.get("href"), given.get("src")))


@pytest.mark.slow  # half a minute; `make docs` builds the same, and the sources' links are tested above
def test_links_of_the_built_pages(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(DOCS), str(tmp_path)]
    subprocess.run(build, check=True, cwd=ROOT)
    pages = {}
    for path in tmp_path.rglob("*.html"):
        if not path.name.startswith("example-"):  # reports, which have tests of their own
            pages[path] = Page()
            pages[path].feed(path.read_text(encoding="utf-8"))
    assert len(pages) > 60
    assert next(page for path, page in pages.items() if path.name == "faq.html").names >= {"how-do-i-cite-fusekit"}
    lost = []
    for path, page in pages.items():
        for target in page.targets:
            split = urlsplit(target)
            if split.scheme or not (split.path or split.fragment):
                continue
            to = (path.parent / unquote(split.path)).resolve() if split.path else path
            if not to.exists() or (split.fragment and to in pages and unquote(split.fragment) not in pages[to].names):
                lost.append(f"{path.relative_to(tmp_path)}: {target}")
    assert lost == []
