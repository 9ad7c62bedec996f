"""Which slices of a scan count, where a model joins them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from fusekit.report.drawing.palette import COLOURS, GREY
from fusekit.report.drawing.panels import legend_below, legend_columns
from fusekit.report.drawing.picture import Figure, Picture
from fusekit.report.explanations.attributions import MARKERS
from fusekit.report.explanations.folder import Explained
from fusekit.report.formatting import records

#: Parts of a scan whose weights are averaged, at most.
PARTS = 20


def slice_weights(own: Explained) -> Iterator[Picture]:
    """Draw where in a scan the weight lies: every scan's, and the mean of each group."""
    table = own.table("slice_weights.csv")
    if table is None:
        return
    table = along(table)
    means = table.groupby(["group", "part"], as_index=False).agg(along=("along", "mean"), times=("times", "mean"))
    scans, columns = table["scan"].nunique(), legend_columns(own.groups)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axhline(1, color=GREY, linewidth=0.8, linestyle="--")
        for _, part in table.groupby("scan"):
            colour = COLOURS[int(part["group"].iloc[0]) % len(COLOURS)]
            axes.plot(part["along"], part["times"], color=colour, linewidth=0.5, alpha=0.25)
        for group, part in means.groupby("group"):
            group = int(str(group))
            marker, colour = MARKERS[group % len(MARKERS)], COLOURS[group % len(COLOURS)]
            axes.plot(part["along"], part["times"], color=colour, marker=marker, label=own.groups[group])
        axes.set(xlim=(0, 1), xlabel="from the scan's first slice to its last", ylabel="weight / equal weight")
        axes.set_ylim(0, max(1.5, 1.05 * float(table["times"].max())))
        legend_below(axes, columns=columns)

    highest = means.loc[means.groupby("group")["times"].idxmax()]
    said = "; ".join(
        f"{own.groups[line['group']]} {line['times']:.2f} times the equal weight at {line['along']:.0%} of the scan"
        for line in records(highest)
    )
    yield own.draw(
        "slice-weights",
        paint,
        "which slices count",
        caption=f"Weights of the slices of {scans} held-out scans, in multiples of the weight that each would have if "
        "all weighed the same (dashed). Thin lines: scans; thick lines: means of a "
        f"{own.target.part}.",
        alt=f"Highest mean weights: {said}.",
        table=means,
        height=2.63 + 0.17 * -(-len(own.groups) // columns),
    )


def along(table: pd.DataFrame) -> pd.DataFrame:
    """Where slices lie in their scan, and how much they weigh.

    Args:
        table: scan, slice, weight.

    Returns:
        Its rows, scan by scan, with ``along``: the middle of the slice's place in its scan, 0 to 1; ``part``: the
        number of that place, of as many as the longest scan has slices, ``PARTS`` at most; ``times``: its weight in
        multiples of that which each slice would have if all weighed the same.
    """
    table = table.sort_values(["scan", "slice"], kind="stable")
    size = table.groupby("scan")["scan"].transform("size")
    place = (table.groupby("scan").cumcount() + 0.5) / size
    parts = min(PARTS, int(size.max()))
    part = np.minimum((place * parts).astype(int), parts - 1)
    return table.assign(along=place, part=part, times=table["weight"] * size)
