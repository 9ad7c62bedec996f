"""The one way to a terminal: data are shown as text, whatever they hold; styles are given apart from the text."""

from __future__ import annotations

import re
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


def styled(*parts: str | tuple[str, str]) -> Text:
    """Put text together from plain parts and parts with a style, such as ``("SYNTHETIC", "bold yellow")``."""
    return Text.assemble(*(visible(part) if isinstance(part, str) else (visible(part[0]), part[1]) for part in parts))


class Terminal(Console):
    """A console that shows every string as it is, in a table's cell or title as well."""

    def __init__(self, **settings: Any):
        super().__init__(markup=False, emoji=False, highlight=False, **settings)

    def render_str(self, text: str, **settings: Any) -> Text:
        """Return what is shown of a string; every string comes through here."""
        return super().render_str(visible(text), **{**settings, "markup": False, "emoji": False})
