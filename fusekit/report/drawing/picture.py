"""Empty figures, and pictures: one drawing as SVG and PNG, with its words and the very numbers that it shows."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pandas as pd

from fusekit.terminal import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
else:  # annotations alone need these, and importing matplotlib takes a second
    Axes = Figure = SubFigure = Any

__all__ = ["Axes", "Figure", "Picture", "SubFigure", "blank", "draw", "plain_text"]

#: Inches. Narrow, so that the letters can still be read where a telephone shows the picture 390 pixels wide.
WIDTH = 5.2
DPI = 130

#: What is printed on every picture of a synthetic cohort.
SYNTHETIC = "SYNTHETIC data"

_STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.7,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "svg.fonttype": "none",  # letters stay letters: smaller, and a screen reader or a search finds them
    "image.composite_image": False,
}

#: Laid out with DejaVu Sans, which is wider than all of these: shown with another, no word runs into the next.
_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"

_SVG = "http://www.w3.org/2000/svg"
#: In an attribute: a colour, or the id of an element that it refers to.
_AFTER_HASH = re.compile(r"#([\w-]+)")
_DIGITS = re.compile(r"(\.\d\d)\d+")


@contextmanager
def plain_text(style: Mapping[str, Any] = MappingProxyType({})) -> Iterator[None]:
    """Draw and save a figure within this context, or decorate what does so; ``style`` are matplotlib's parameters."""
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


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """One drawing."""

    name: str  # stem of its files, and prefix of the SVG's ids
    title: str
    caption: str  # what is shown, of how many subjects, and what bands and bars are
    alt: str  # what a reader who cannot see it should know
    svg: str  # one ``<svg>`` element, for an HTML page that has others, or for a file
    png: bytes  # the same at 130 dpi
    table: pd.DataFrame  # the numbers that are drawn

    def __repr__(self) -> str:
        return f"Picture({self.name}: {self.caption})"

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_png_(self) -> bytes:
        return self.png

    def save(self, folder: Path) -> None:
        """Write NAME.svg, NAME.png and NAME.csv into a folder, which is made if it does not exist."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.svg").write_text(self.svg, encoding="utf-8")
        (folder / f"{self.name}.png").write_bytes(self.png)
        self.table.to_csv(folder / f"{self.name}.csv", index=False, lineterminator="\n")


def draw(
    name: str,
    paint: Callable[[Figure], None],
    *,
    title: str,
    caption: str,
    alt: str,
    table: pd.DataFrame,
    height: float,
    width: float = WIDTH,
    synthetic: bool = False,
) -> Picture:
    """Make a picture; the same input gives the same bytes. Picture and caption say so if the data are ``synthetic``.

    Args:
        name: small letters, digits and hyphens, starting with a letter.
        paint: draws into an empty figure with constrained layout.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise ValueError(f"A picture's name is small letters, digits and hyphens, not {name!r}.")
    png, svg = BytesIO(), BytesIO()
    with plain_text({**_STYLE, "svg.hashsalt": name}):
        figure = blank(width, height)
        paint(figure)
        if synthetic:
            figure.suptitle(SYNTHETIC, x=0.99, ha="right", fontsize=8, fontweight="bold", color="#7A3B00")
        figure.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
        figure.set_layout_engine("none")  # the same places again, in half the time
        figure.savefig(svg, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    caption, alt = (f"{SYNTHETIC}. {text}" if synthetic else text for text in (caption, alt))
    # XML has no control characters.
    text = _embeddable(visible(svg.getvalue().decode()), name, visible(title), visible(alt))
    return Picture(name, title, caption, alt, text, png.getvalue(), table.reset_index(drop=True))


def _embeddable(svg: str, name: str, title: str, alt: str) -> str:
    """Make matplotlib's SVG file an element that may stand in a page with others.

    The document type (which names a file on another host) and the style sheet (which would hold for the whole page)
    go; ids that something refers to get the picture's name before them, the others go. Places are rounded to a
    hundredth of a point.
    """
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(svg)  # noqa: S314 (written just now)
    for sheet in root.findall(f"{{{_SVG}}}defs[{{{_SVG}}}style]"):
        root.remove(sheet)
    values = [value for element in root.iter() for value in element.attrib.values()]
    used = {id_ for value in values for id_ in _AFTER_HASH.findall(value)} & set(values)
    for element in root.iter():
        if element.get("id", "") not in used:
            element.attrib.pop("id", None)
        for key, value in element.attrib.items():
            if key == "id":
                value = f"{name}-{value}"
            elif key in ("d", "x", "y"):
                value = _DIGITS.sub(r"\1", value)
            else:
                value = value.replace("; font-family: 'DejaVu Sans'", "")
                value = _AFTER_HASH.sub(lambda at: f"#{name}-{at[1]}" if at[1] in used else at[0], value)
            element.set(key, value)
    root.set("role", "img")
    root.set("style", f"stroke-linejoin: round; stroke-linecap: butt; font-family: {_FONTS}")
    for place, (tag, text) in enumerate((("title", title), ("desc", alt))):
        words = ElementTree.Element(f"{{{_SVG}}}{tag}")
        words.text, words.tail = text, "\n"
        root.insert(place, words)
    return ElementTree.tostring(root, encoding="unicode")
