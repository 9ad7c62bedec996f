"""Everything that is wrong with somebody's own data, gathered and said at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fusekit.errors import DataError, FusekitError


class Problems:
    """Sentences about what has to be put right, in the order in which they were found.

    Args:
        source: the TOML that the data are described in.
    """

    def __init__(self, source: Path):
        self.source = source
        self.sentences: list[str] = []

    def add(self, sentence: str) -> None:
        """Note one."""
        self.sentences.append(sentence)

    @contextmanager
    def gather(self) -> Iterator[None]:
        """Note what is raised within, instead of stopping there."""
        try:
            yield
        except FusekitError as error:
            self.add(str(error))

    def refuse(self) -> None:
        """Stop if there are any.

        Raises:
            DataError: all of them, one a line.
        """
        if len(self.sentences) == 1:
            raise DataError(self.sentences[0])
        if self.sentences:
            listed = "\n".join(f"  {number}. {sentence}" for number, sentence in enumerate(self.sentences, 1))
            raise DataError(f"{self.source}: {len(self.sentences)} things to put right:\n{listed}")


def line_of(text: str, *keys: str) -> int | None:
    """Return the line on which a key of a TOML text stands, counted from 1; None if it is not found.

    Reads line by line, which is right for files as people write them, and only used to point at something.
    """
    section: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line)
        entry = re.match(r"\s*([^=#]+?)\s*=", line)
        if header:
            section = _keys(header[1])
        here = section if header else [*section, *_keys(entry[1])] if entry else []
        if here and here == list(keys):
            return number
    return None


def _keys(dotted: str) -> list[str]:
    return [key.strip().strip("\"'") for key in dotted.split(".")]
