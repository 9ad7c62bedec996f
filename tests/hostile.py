"""JSON as an enemy would change it: each value of a document by others, one at a time; and limits for its readers."""

from __future__ import annotations

import copy
import json
import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fusekit.disk import DIGEST, signed

#: Seconds after which a reader counts as hanging.
PATIENCE = 60
MB = 2**20
#: Stands in a document for a list in a list, a hundred thousand deep, which ``json`` itself does not write.
DEEP = "<deep>"
NUMBERS = (-1, 0, 1.5, 10**6, 10**15, 10**400, float("nan"))
VALUES: tuple[Any, ...] = (None, True, *NUMBERS, "text", "", [], {}, [[1]], {"x": [None]}, DEEP)


def places(document: Any, prefix: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value, containers before what is in them; of long lists the first two items."""
    yield prefix
    if isinstance(document, dict):
        for key in document:
            yield from places(document[key], (*prefix, key))
    if isinstance(document, list):
        for number in range(min(2, len(document))):
            yield from places(document[number], (*prefix, number))


def changed(document: Any, place: tuple[Any, ...], value: Any) -> str:
    """The document as JSON, with another value at a place."""
    if not place:
        document = value
    else:
        document = copy.deepcopy(document)
        within = document
        for step in place[:-1]:
            within = within[step]
        within[place[-1]] = value
    deep = "[" * 100_000 + "]" * 100_000
    return json.dumps(document).replace(json.dumps(DEEP), deep)


def resigned(text: str) -> str:
    """A changed bundle.json with the checksum that it would have: who changes it on purpose can write one too."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return json.dumps(signed(content)) if isinstance(content, dict) and DIGEST in content else text


@contextmanager
def bounded(limit: int) -> Iterator[None]:
    """Fail on a hang, and on more memory of Python and NumPy than ``limit`` bytes."""

    def hang(number: int, frame: object) -> None:
        raise AssertionError(f"the reader hangs: no answer in {PATIENCE} s")

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(PATIENCE)
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert peak <= limit, f"{peak:,} bytes, where {limit:,} are allowed"


def of_one_channel(description: dict[str, Any]) -> None:
    """Make a bundle's description one of the formats 1 and 2, as far as its images go."""
    del description["images"]
    description["pixels"] = {name: value for name, (value,) in description["pixels"].items()}
    for later in ("mask", "margin", "colour"):
        del description["slices"][later]
