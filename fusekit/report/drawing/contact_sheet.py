"""A contact sheet: slices of several scans in rows, as a network sees them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
import pandas as pd

from fusekit.data.images.channels import Channel
from fusekit.report.drawing.channels import panels_of, stacked
from fusekit.report.drawing.palette import GOLD
from fusekit.report.drawing.picture import WIDTH, Axes, Figure, Picture, draw
from fusekit.report.formatting import shortened

#: Slices across the sheet, at most, unless one scan has more.
_ACROSS = 6


class Strip(NamedTuple):
    """Slices of one scan."""

    subject: str
    scan: str
    group: str  # what it is of: its class, its number, its time
    slices: Sequence[int]  # n places along the volume's axis
    images: np.ndarray  # (n, C, H, W) grey levels, 0 to 255
    outlines: np.ndarray | None = None  # (n, H, W) bool: where the mask is


def contact_sheet(strips: Sequence[Strip], channels: Sequence[Channel], *, caption: str, synthetic: bool) -> Picture:
    """Draw a row per scan; images of a scan are one below the other, and the mask is a line around what it holds."""
    most = max(len(strip.slices) for strip in strips)
    beside = max(1, _ACROSS // most)  # scans in a row
    lines, across = ceil(len(strips) / beside), most * beside
    several = len({channel.image for channel in channels})

    def paint(figure: Figure) -> None:
        grid = figure.subplots(lines, across, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for number, strip in enumerate(strips):
            first = number % beside * most
            row = grid[number // beside, first : first + most]
            for place, axes in enumerate(row[: len(strip.slices)]):
                _slice(axes, strip, place, channels)
            row[0].set_title(shortened(f"{strip.subject}: {strip.group}", 13 * most), fontsize=8)

    shown = [(s.scan, s.subject, s.group, place) for s in strips for place in s.slices]
    return draw(
        "look",
        paint,
        title="Slices as the network sees them",
        caption=caption,
        alt=f"Slices of {len(strips)} scans of {len({strip.subject for strip in strips})} subjects.",
        table=pd.DataFrame(shown, columns=["scan", "subject", "group", "slice"]),
        height=lines * (WIDTH / across * several + 0.22) + 0.3,
        synthetic=synthetic,
    )


def _slice(axes: Axes, strip: Strip, place: int, channels: Sequence[Channel]) -> None:
    panels = panels_of(strip.images[place], channels)
    axes.imshow(stacked(panels), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    height = strip.images.shape[-2]
    if strip.outlines is not None and strip.outlines[place].any():
        for number in range(len(panels)):
            rows = np.arange(height) + number * height
            columns = np.arange(strip.images.shape[-1])
            axes.contour(columns, rows, strip.outlines[place], levels=[0.5], colors=GOLD, linewidths=0.8)
    box = {"facecolor": "black", "edgecolor": "none", "pad": 1.0, "alpha": 0.6}
    for number, panel in enumerate(panels):
        name = f"{panel.name}, {strip.slices[place]}" if len(panels) > 1 else str(strip.slices[place])
        axes.text(1, number * height + 1, name, color="white", fontsize=6, va="top", bbox=box)
