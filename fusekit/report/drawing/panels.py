"""Panels that several pictures share: lines of all arms in one, each arm's line in one of its own, and forests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple

import numpy as np

from fusekit.report.drawing.palette import GREY, ArmStyle, arm_styles
from fusekit.report.drawing.picture import Axes, Figure
from fusekit.report.formatting import Limits, shortened

#: More arms than these have their bands in panels of their own: bands over bands cannot be read.
TOGETHER = 2
OTHERS = "#C8C8C8"
#: Of an axis from 0 to 1.
TICKS = (0, 0.25, 0.5, 0.75, 1)


class Line(NamedTuple):
    """A line and its band: (G,) each; limits that are all NaN are not drawn."""

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray


def overlay(axes: Axes, lines: Mapping[str, Line], texts: Mapping[str, str], bands: bool, order: Sequence[str]) -> None:
    """Draw the lines of all arms, and the legend below the panel: names and texts; ``order`` as for ``arm_styles``."""
    styles = arm_styles(list(lines), order)
    for k, arm in enumerate(lines):
        name = shortened(arm, 34)
        label = f"{name}: {texts[arm]}" if texts.get(arm) else name
        plot(axes, lines[arm], styles[arm], label=label, offset=k, band=bands)
    legend_below(axes)


def legend_columns(names: Sequence[str]) -> int:
    """How many of these names fit beside each other below a panel."""
    return max(1, min(len(names), 64 // (max(map(len, names), default=0) + 8)))


def legend_below(axes: Axes, columns: int = 1) -> None:
    """Put the legend under the axis' label, where it covers nothing."""
    from matplotlib.transforms import ScaledTranslation

    figure = axes.get_figure(root=True)
    assert figure is not None
    # The panel's coordinates, moved down by the height of the ticks' and the axis' labels.
    under = axes.transAxes + ScaledTranslation(0, -0.48, figure.dpi_scale_trans)
    axes.legend(
        loc="upper left", bbox_to_anchor=(0.0, 0.0), bbox_transform=under, borderaxespad=0,
        handlelength=3.2, ncols=columns, columnspacing=1.2,
    )  # fmt: skip


def small_multiples(
    figure: Figure,
    lines: Mapping[str, Line],
    texts: Mapping[str, str],
    finish: Callable[[Axes], object],
    order: Sequence[str],
) -> None:
    """Draw each arm's line with its band in a panel of its own, two per row, the other arms in light grey.

    ``finish`` gives each panel its labels, limits and reference lines; ``order`` as for ``arm_styles``.
    """
    styles = arm_styles(list(lines), order)
    for arm, axes in arm_panels(figure, list(lines)).items():
        for other, line in lines.items():
            if other != arm:
                axes.plot(line.x, line.y, color=OTHERS, linewidth=0.8)
        plot(axes, lines[arm], styles[arm], offset=1)
        axes.set_title("\n".join(filter(None, (shortened(arm), texts.get(arm)))), fontsize=8.5)
        finish(axes)
        if not first_column(axes):
            axes.set_ylabel("")


def arm_panels(figure: Figure, arms: Sequence[str], *, sharex: bool = True) -> dict[str, Axes]:
    """Lay out a panel per arm, two per row; labels of shared axes are at the edges only."""
    columns = min(2, len(arms))
    grid = figure.subplots(ceil(len(arms) / columns), columns, sharex=sharex, sharey=True, squeeze=False)
    for axes in grid.flat[len(arms) :]:
        axes.set_visible(False)
    panels = dict(zip(arms, grid.flat, strict=False))
    for k, axes in enumerate(panels.values()):
        at_bottom = k + columns >= len(arms)
        axes.xaxis.set_tick_params(labelbottom=at_bottom or not sharex)
        axes.xaxis.label.set_visible(at_bottom)
    return panels


def forest(axes: Axes, place: float, limits: Limits, style: ArmStyle, **rest: Any) -> None:
    """Draw a value at the height ``place`` with its interval; what is not a number is left out."""
    value, low, high = limits
    if not np.isnan([low, high]).any():
        axes.plot([low, high], [place, place], color=style.colour, linewidth=1.5, solid_capstyle="butt")
    if not np.isnan(value):
        axes.plot(value, place, marker=style.marker, color=style.colour, linestyle="none", **rest)


def rows(axes: Axes, labels: Sequence[str]) -> None:
    """Name the heights 0, 1, ... from the top down."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#E6E6E6", linewidth=0.7)


def reference(axes: Axes, x: Sequence[float], y: Sequence[float]) -> None:
    """Draw a dotted grey line, of what no knowledge gives."""
    axes.plot(x, y, color=GREY, linewidth=1.0, linestyle=":", zorder=1)


def first_column(axes: Axes) -> bool:
    """Whether a panel is the leftmost of its row."""
    place = axes.get_subplotspec()
    return place is not None and place.is_first_col()


def plot(
    axes: Axes, line: Line, style: ArmStyle, *, label: str | None = None, offset: int = 0, band: bool = True
) -> None:
    """Draw a line in its arm's style, with a few markers; ``offset`` moves them so that arms' markers differ."""
    x, y, low, high = line
    if band and not np.isnan(low).all():
        axes.fill_between(x, low, high, color=style.colour, alpha=0.18, linewidth=0)
    every = max(1, len(x) // 4)
    marks = (min(len(x) - 1, offset * every // 8 + every // 6), every) if len(x) > 20 else None
    axes.plot(
        x, y, color=style.colour, linestyle=style.line, marker=style.marker, markersize=4.5, markevery=marks,
        label=label,
    )  # fmt: skip
