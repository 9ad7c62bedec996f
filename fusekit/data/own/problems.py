"""Everything that is wrong with people's own data, gathered and reported at once."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from fusekit.data.cohort import Finding
from fusekit.errors import DataError, FusekitError


class Problems:
    """Sentences about what has to be put right, in the order in which they were found; ``source`` is the TOML."""

    def __init__(self, source: Path):
        self.source = source
        self.sentences: list[str] = []

    def add(self, sentence: str) -> None:
        """Note one."""
        self.sentences.append(sentence)

    def add_some(self, sentences: list[str], summary: str) -> None:
        """Note ten, and if there are more how many."""
        self.sentences += sentences[:10] + [summary] * (len(sentences) > 10)

    @contextmanager
    def gather(self) -> Iterator[None]:
        """Note what is raised within, instead of stopping there."""
        try:
            yield
        except FusekitError as error:
            self.add(str(error))

    def refuse(self) -> None:
        """Raise all of them, one per line."""
        if len(self.sentences) == 1:
            raise DataError(self.sentences[0])
        if self.sentences:
            listed = "\n".join(f"  {number}. {sentence}" for number, sentence in enumerate(self.sentences, 1))
            raise DataError(f"{self.source}: {len(self.sentences)} things to put right:\n{listed}")


def note(findings: list[Finding], code: str, message: str, items: Iterable[object], **more: Any) -> None:
    """Add a finding if it concerns anything; items of a finding that is there already are added to it."""
    listed = tuple(map(str, items))
    if not listed:
        return
    for number, before in enumerate(findings):
        if (before.code, before.message) == (code, message):
            along = None if before.along is None else before.along + (more.get("along") or 0)
            findings[number] = replace(before, items=tuple(dict.fromkeys(before.items + listed)), along=along)
            return
    findings.append(Finding(code, message, listed, **more))


def line_of(text: str, *keys: str) -> int | None:
    """Return the line, counted from 1, of a key in a TOML as people write it; None if it is not found.

    The second section ``[[tables]]`` is ``tables[2]``.
    """
    section: list[str] = []
    repeated: Counter[str] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line)
        entry = re.match(r"\s*([^=#]+?)\s*=", line)
        if header:
            section = _keys(header[1])
        if header and line.lstrip().startswith("[["):
            repeated[header[1]] += 1
            section[-1] += f"[{repeated[header[1]]}]"
        here = section if header else [*section, *_keys(entry[1])] if entry else []
        if keys and here in ([*keys], [*keys[:-1], f"{keys[-1]}[1]"]):
            return number
    return None


def _keys(dotted: str) -> list[str]:
    return [key.strip().strip("\"'") for key in dotted.split(".")]
