"""Empty figures, on which text is text: dollars are dollars, and letters that the font lacks are boxes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
else:  # annotations alone need these, and importing matplotlib takes a second
    Axes = Figure = SubFigure = Any

__all__ = ["Axes", "Figure", "SubFigure", "blank", "plain_text"]


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


def blank(width: float, height: float, title: str = "") -> Figure:
    """An empty figure of so many inches, by matplotlib's object interface: no window, no global state, no backend."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title, fontsize=13, fontweight="bold")
    return figure
