"""Columns that must never be inputs: what only pathology, the operation or the future can tell, and shortcuts.

Patterns over names, since every hospital calls them differently. Microvascular invasion is seen in the resected tissue,
so whatever else is seen there is known no earlier than the answer itself.
"""

import re
import tomllib
from pathlib import Path

from fusekit.data.own.attributes import recognise

_PATTERNS = tomllib.loads(Path(__file__).with_name("leaks.toml").read_text(encoding="utf-8"))
_REASONS = [(why, re.compile("|".join(patterns.split()), re.ASCII)) for why, patterns in _PATTERNS.items()]


def reason_to_leave_out(column: str) -> str | None:
    """Say why a column must not be an input; None if it may be."""
    if recognise(column):  # PT is the prothrombin time, not the stage of the tumour
        return None
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column)  # bloodLoss; not the middle of MVI or HBsAg's first letters
    names = {re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") for text in (column, plain)}
    return next((why for why, pattern in _REASONS if any(pattern.fullmatch(name) for name in names)), None)
