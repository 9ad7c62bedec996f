"""Figures on which text is text: dollars are dollars, and letters that the font lacks are boxes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any


@contextmanager
def plain_text(style: Mapping[str, Any] = MappingProxyType({})) -> Iterator[None]:
    """Draw and save a figure within this context, or decorate what does so.

    Args:
        style: matplotlib's parameters.
    """
    from matplotlib import rc_context

    plain: dict[Any, Any] = {**style, "text.parse_math": False}
    with rc_context(plain), warnings.catch_warnings():
        # A name of 300 letters leaves no room for a layout.
        for message in ("Glyph .* missing from", "constrained_layout not applied"):
            warnings.filterwarnings("ignore", message, UserWarning)
        yield
