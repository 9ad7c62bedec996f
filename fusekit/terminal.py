"""The one way to a terminal: data are shown as text, whatever they hold; styles are given apart from the text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

#: What moves the cursor, changes colours, turns the reading direction, hides itself or cannot be encoded. A line's
#: end and a tab stay, and so do the joiners of Persian and Indic scripts.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""Return text with control characters spelled out, such as ``\x1b``."""
    return _INVISIBLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def in_line(name: object) -> str:
    """Return a name or path that stays in its line: line ends are spelled out as well."""
    return visible(str(name)).replace("\n", r"\n")


def styled(*parts: str | Path | tuple[str | Path, str]) -> Text:
    """Put text together from plain parts and parts with a style, such as ``("SYNTHETIC", "bold yellow")``."""
    pairs = (part if isinstance(part, tuple) else (part, "") for part in parts)
    return Text.assemble(*((in_line(p) if isinstance(p, Path) else visible(p), style) for p, style in pairs))


class Terminal(Console):
    """A console that shows every string as it is, in a table's cell or title as well."""

    def __init__(self, **settings: Any):
        super().__init__(markup=False, emoji=False, highlight=False, **settings)

    def render_str(self, text: str, **settings: Any) -> Text:
        """Return what is shown of a string; every string comes through here."""
        return super().render_str(visible(text), **{**settings, "markup": False, "emoji": False})
