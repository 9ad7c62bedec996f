"""How the table opens and closes channels of the image, and what the head of a network weighs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from fusekit.report.drawing.palette import COLOURS
from fusekit.report.drawing.panels import legend_below, legend_columns, rows
from fusekit.report.drawing.picture import Figure, Picture
from fusekit.report.explanations.attributions import MARKERS, MOST_COLUMNS
from fusekit.report.explanations.folder import Explained
from fusekit.report.formatting import shortened


def gates(own: Explained) -> Iterator[Picture]:
    """Draw the range of the gates of an injector at every site, and of those of a head, by group."""
    table = own.table("gates.csv")
    if table is None:
        return
    of_head = table["part"] == "head" if "part" in table else pd.Series(False, index=table.index)
    if not of_head.all():
        yield _drawn(
            own,
            table[~of_head],
            ("gates", "how the table gates the image's channels", "gate (factor on a channel)"),
            f"Gates at each site of the network, mean over the held-out subjects of a {own.target.part}; point: "
            "median over channels, line: from the 5th to the 95th percentile of channels.",
            "Median gate over all sites",
        )
    if of_head.any():
        weighed = table[of_head]
        means = weighed.groupby("site", sort=False)["median"].mean()
        most = means.sort_values(ascending=False, kind="stable")[:MOST_COLUMNS].index
        yield _drawn(
            own,
            weighed[weighed["site"].isin(most)],
            ("weighed", "what its head weighs", "weight"),
            f"What the head of the network gives each, mean over the held-out subjects of a {own.target.part}, the "
            f"{MOST_COLUMNS} largest at most; of a weight with several units, point: median over units, line: from the "
            "5th to the 95th percentile.",
            "Median weight over all",
        )


def _drawn(own: Explained, table: pd.DataFrame, titles: tuple[str, str, str], caption: str, said: str) -> Picture:
    """``titles``: kind, title and the axis of values; ``said``: what the middle of a group is called."""
    kind, title, axis = titles
    places = {site: k for k, site in enumerate(table["site"].unique())}
    groups, columns = sorted(set(table["group"])), legend_columns(own.groups)
    shifts = np.linspace(-0.18, 0.18, len(groups)) if len(groups) > 1 else np.zeros(1)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for group, shift in zip(groups, shifts, strict=True):
            colour, marker = COLOURS[group % len(COLOURS)], MARKERS[group % len(MARKERS)]
            part = table[table["group"] == group]
            heights = part["site"].map(places).to_numpy() + shift
            axes.hlines(heights, part["low"], part["high"], color=colour, linewidth=1.5)
            name = own.groups[group]
            axes.plot(part["median"], heights, linestyle="none", marker=marker, color=colour, label=name)
        rows(axes, [shortened(site, 24) for site in places])
        axes.set_xlabel(axis)
        if kind == "weighed":
            axes.set_xlim(0, None)  # weights that hardly differ look alike
        legend_below(axes, columns=columns)

    middle = table.groupby("group")["median"].median()
    each = ", ".join(f"{own.groups[int(str(group))]} {value:.3f}" for group, value in middle.items())
    return own.draw(
        kind,
        paint,
        title,
        caption=caption,
        alt=f"{said}: {each}.",
        table=table,
        height=0.27 * len(places) + 0.93 + 0.17 * -(-len(own.groups) // columns),
    )
