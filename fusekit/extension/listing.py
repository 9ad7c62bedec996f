"""What is installed, as small tables for Python and notebooks. Neither torch nor timm is imported but for backbones."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING

from fusekit.errors import OptionError
from fusekit.extension.discovery import catalog
from fusekit.extension.registry import Entry

if TYPE_CHECKING:
    import pandas as pd


def tasks() -> pd.DataFrame:
    """List the tasks: one row each, with name, question and plugin."""
    return _table(catalog().tasks.entries)


def fusions() -> pd.DataFrame:
    """List the fusions: one row each, with name, what it does and plugin."""
    return _table(catalog().fusions.entries)


def backbones(pattern: str = "*") -> pd.DataFrame:
    """List the image backbones whose names match, timm's and torchvision's too: name, what it is, plugin.

    Args:
        pattern: with ``*`` for any letters and ``?`` for one, e.g. ``"resnet*"``; large and small letters alike.

    Raises:
        OptionError: the pattern is no text.
    """
    if not isinstance(pattern, str):
        raise OptionError(f"pattern takes text such as 'resnet*', not {pattern!r}.")
    registry = catalog().backbones
    every = {name: family for family in registry.families.values() for name in registry.members(family)}
    every |= registry.entries  # a name registered alone wins over a family's
    return _table({name: entry for name, entry in every.items() if fnmatch(name.lower(), pattern.lower())})


def _table(entries: dict[str, Entry]) -> pd.DataFrame:
    import pandas as pd

    rows = [(name, entry.summary, entry.plugin.name) for name, entry in sorted(entries.items())]
    return pd.DataFrame(rows, columns=["name", "what", "plugin"])
