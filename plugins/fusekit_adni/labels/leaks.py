"""Columns that must never be inputs: those that state, define or betray the diagnosis, in whichever table they turn up.

Patterns, not a list of tables: exports gain columns, and people merge tables by hand. Not here, since they are only
strong and not circular: amyloid, tau and NfL in fluid or PET, and the volume of the hippocampus.
"""

import re
import tomllib
from pathlib import Path

_PATTERNS = tomllib.loads(Path(__file__).with_name("leaks.toml").read_text(encoding="utf-8"))
_REASONS = [(why, re.compile("|".join(names.split()), re.ASCII)) for why, names in _PATTERNS["names"].items()]
for _why, _words in _PATTERNS["words"].items():
    _REASONS.append((_why, re.compile(rf"(.*_)?({'|'.join(_words.split())})(_.*)?", re.ASCII)))


def reason_to_leave_out(column: str) -> str | None:
    """Say why a column must not be an input; None if it may be."""
    name = re.sub(r"[^A-Z0-9]+", "_", column.upper()).strip("_")
    return next((why for why, pattern in _REASONS if pattern.fullmatch(name)), None)
