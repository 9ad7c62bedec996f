"""Words that readers stumbled over stay out, and pages fit the width they are read at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Phrase -> why it is out, and what to write.
BANNED = {
    "gone on with": "the field says resumed",
    "go on with": "the field says resume",
    "goes on with": "the field says resumes",
    "told of": "the field says notified of; of text: listed, reported",
    "are told": "programs are notified; things are distinguished",
    "is told": "programs are notified; things are distinguished",
    "stands for": "means, replaces, identifies: say which",
    "stand for": "mean, replace, identify: say which",
    "whoever": "name who: a subject, a user, a caller",
    "somebody's": "name whose: your, a user's",
    "somebody": "name who: a patient, a reader, another process",
    "the door": "the plugin interface",
    "the house": "the architecture",
}
WORDS = re.compile(r"\b(?:" + "|".join(p.replace(" ", r"\s+(?:#:?\s+)?") for p in BANNED) + r")\b", re.IGNORECASE)

READ = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
        *(
            path
            for folder in ("fusekit", "plugins", "docs", "examples")
            for path in (ROOT / folder).rglob("*")
            if path.suffix in (".md", ".py", ".toml", ".html")
            if not {"_build", "extra", "build"} & set(path.relative_to(ROOT).parts)
        ),
    ]
)
PAGES = sorted(
    page
    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    if "<!-- Generated" not in page.read_text(encoding="utf-8")
    if "_build" not in page.parts
)
#: Pages whose Python is wider: exact signatures, the plugin guide, the notebook.
LONG = {"hooks.md", "write-a-plugin.md", "notebook.md"}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(page: Path) -> Iterator[str]:
    """Lines outside of code blocks and tables; a line that is one link or picture cannot be broken."""
    inside = False
    for line in page.read_text(encoding="utf-8").splitlines():
        inside ^= line.startswith("```")
        if not inside and not line.startswith("|") and not re.fullmatch(r"!?\[.*\]\(\S+\)", line):
            yield line


@pytest.mark.parametrize("path", READ, ids=relative)
def test_banned_phrases_stay_out(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = [f"line {text.count(chr(10), 0, hit.start()) + 1}: {hit[0]}" for hit in WORDS.finditer(text)]
    assert found == [], f"{BANNED}"


def test_phrases_are_found_across_lines_and_in_any_case() -> None:
    assert WORDS.findall("Gone on\n    # with.") == ["Gone on\n    # with"]
    assert WORDS.findall("which is\n#: told.") == ["is\n#: told"]
    assert WORDS.findall("the doors, stood for, thesis told") == []


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_lines_are_wrapped(page: Path) -> None:
    assert [line for line in prose(page) if len(line) > 119] == []


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))], ids=relative)
def test_code_fits_the_page(page: Path) -> None:
    """A page shows 88 characters of code; what is longer is split, but for signatures and paths of others."""
    language = "console|bash" if page.name in LONG else "console|bash|python|toml"
    blocks = re.findall(rf"^```(?:{language})\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert [line for block in blocks for line in block.splitlines() if len(line) > 88] == []


@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "embedding").glob("*.py")), ids=relative)
def test_examples_that_pages_show_fit_too(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line.partition("  # type: ignore")[0]) > 88] == []
