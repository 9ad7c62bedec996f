"""Which clinical values speak for a call, and how the table opens and closes channels of the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fusekit.report.drawing.palette import COLOURS, GREY
from fusekit.report.drawing.panels import legend_below, rows
from fusekit.report.drawing.picture import Picture, draw
from fusekit.report.formatting import explained, named, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_COLUMNS = 12
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")


def attributions(
    name: str, arm: str, table: pd.DataFrame, classes: Sequence[str], *, synthetic: bool = False
) -> Picture:
    """Draw every subject's attribution to the columns that matter most, and the mean of their sizes.

    Args:
        table: subject, label, column, attribution (log odds of a class), and maybe explained (which; 1 without).
    """
    sizes = table["attribution"].abs().groupby(table["column"]).mean().sort_values(ascending=False, kind="stable")
    shown = sizes.index[:MOST_COLUMNS].tolist()
    of = named(explained(table), classes)
    table = table[table["column"].isin(shown)]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axvline(0, color=GREY, linewidth=1)
        for place, column in enumerate(shown):
            axes.plot([0, sizes[column]], [place, place], color="#D8D8D8", linewidth=9, solid_capstyle="butt", zorder=1)
        for label in sorted(set(table["label"])):
            own = table[table["label"] == label]
            # Those of one class side by side, spread by their order within the row.
            spread = own.groupby("column").cumcount().to_numpy() * 0.6180339887 % 1 - 0.5
            heights = own["column"].map({column: k for k, column in enumerate(shown)}).to_numpy() + 0.5 * spread
            axes.plot(
                own["attribution"],
                heights,
                linestyle="none",
                marker=MARKERS[label % len(MARKERS)],
                markersize=3.8,
                color=COLOURS[label % len(COLOURS)],
                alpha=0.75,
                markeredgewidth=0,
                label=classes[label],
            )
        rows(axes, [shortened(str(column), 24) for column in shown])
        axes.set_xlabel(f"attribution (log odds of {of})")
        legend_below(axes, columns=len(classes))

    means = table.assign(size=table["attribution"].abs())
    said = ", ".join(f"{column} {sizes[column]:.2f}" for column in shown)
    return draw(
        name,
        paint,
        title=f"{arm}: which clinical values speak",
        caption=f"Integrated gradients of {table['subject'].nunique()} held-out subjects against the training mean: "
        f"what each value adds to the log odds of {of}. Grey bars: mean size over subjects.",
        alt=f"Mean size of the attribution: {said}.",
        table=means.drop(columns=["subject", "value"], errors="ignore"),
        height=0.3 * len(shown) + 1.1,
        synthetic=synthetic,
    )


def gates(name: str, arm: str, table: pd.DataFrame, classes: Sequence[str], *, synthetic: bool = False) -> Picture:
    """Draw the range of the channel gates at every site, by class.

    Args:
        table: site, label, channels, low, median, high (5, 50 and 95 % over channels of the class's mean gate).
    """
    sites, labels = list(dict.fromkeys(table["site"])), sorted(set(table["label"]))

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        shifts = np.linspace(-0.18, 0.18, len(labels)) if len(labels) > 1 else np.zeros(1)
        for label, shift in zip(labels, shifts, strict=True):
            colour, marker = COLOURS[label % len(COLOURS)], MARKERS[label % len(MARKERS)]
            own = table[table["label"] == label]
            heights = own["site"].map({site: k for k, site in enumerate(sites)}).to_numpy() + shift
            axes.hlines(heights, own["low"], own["high"], color=colour, linewidth=1.5)
            axes.plot(own["median"], heights, linestyle="none", marker=marker, color=colour, label=classes[label])
        rows(axes, [shortened(str(site), 24) for site in sites])
        axes.set_xlabel("gate (factor on a channel)")
        legend_below(axes, columns=len(classes))

    middle = table.groupby("label")["median"].median()
    return draw(
        name,
        paint,
        title=f"{arm}: how the table gates the image's channels",
        caption="Gates at each site of the network, mean over the held-out subjects of a class; point: median over "
        "channels, line: from the 5th to the 95th percentile of channels.",
        alt="Median gate over all sites: "
        + ", ".join(f"{classes[int(str(label))]} {value:.3f}" for label, value in middle.items())
        + ".",
        table=table,
        height=0.27 * len(sites) + 1.1,
        synthetic=synthetic,
    )
