"""Which patient a file belongs to: the id of the table that its path names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

#: Words of a name beyond this many are not looked at: ids are short.
_MOST_WORDS = 24
_WORD = re.compile(r"[^\W_]+")


def ids_in(parts: Sequence[str], ids: Mapping[str, str]) -> list[str]:
    """Find the ids that a path names; several where it cannot be told which is meant.

    A folder or file called exactly as an id counts first, the topmost one (``7/2/slice.dcm`` is of patient 7). Else the
    deepest name that holds an id between other words: at its beginning (``7_2.png`` is of patient 7), or anywhere.
    ``P1`` is not found in ``P12``, nor in ``P1-2`` if that is an id too.

    Args:
        parts: folders and the file's name without suffix, topmost first.
        ids: lower-case id -> the id as the table writes it.
    """
    for part in parts:
        if part.lower() in ids:
            return [ids[part.lower()]]
    for part in reversed(parts):
        found = _between_words(part.lower(), ids)
        if found:
            return found
    return []


def _between_words(part: str, ids: Mapping[str, str]) -> list[str]:
    words = list(_WORD.finditer(part))[:_MOST_WORDS]
    spans = [
        (first.start(), last.end())
        for i, first in enumerate(words)
        for last in words[i:]
        if part[first.start() : last.end()] in ids
    ]
    at_start = [span for span in spans if span[0] == words[0].start()]
    if at_start:
        spans = [max(at_start, key=lambda span: span[1])]
    outer = [s for s in spans if not any(s != o and o[0] <= s[0] and s[1] <= o[1] for o in spans)]
    return sorted({ids[part[start:end]] for start, end in outer})
