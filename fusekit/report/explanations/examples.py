"""Slices that were called rightly and wrongly, each beside the map of what spoke for the positive class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fusekit.report.drawing.picture import Picture, draw
from fusekit.report.explanations.maps import orientation, scale, show
from fusekit.report.formatting import explained, named, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Height of a row of slices with its heading, and of the colours' scale, in inches.
ROW, SCALE = 1.62, 0.62


def examples(
    name: str,
    arm: str,
    table: pd.DataFrame,
    images: np.ndarray,
    maps: np.ndarray | None,
    classes: Sequence[str],
    *,
    plane: str,
    synthetic: bool = False,
) -> Picture:
    """Draw slices in grey and again with their Grad-CAM, two examples a row.

    Args:
        table: one row a slice: row, label, kind (right or wrong), p_0, p_1, ..., called, and maybe
            maximum, explained (the class that the map speaks for; 1 without).
        images: (n, H, W), grey levels 0 to 255, as they are displayed.
        maps: (n, H, W), each from 0 to 1; None for models that have none.
        plane: of the slices; empty where the files do not say how they lie in the body.
    """
    p = table[[f"p_{k}" for k in range(len(classes))]].to_numpy(dtype=float)
    calls = table["called"].to_numpy()
    targets = explained(table)
    speaks_for = named(targets, classes)
    lines = -(-len(table) // 2)

    def paint(figure: Figure) -> None:
        parts = figure.add_gridspec(2, 1, height_ratios=[ROW * lines, SCALE]) if maps is not None else None
        above = figure.add_subfigure(parts[0]) if parts is not None else figure
        grid = above.subplots(lines, 4, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for k in range(len(table)):
            plain, covered = grid[k // 2, 2 * (k % 2) : 2 * (k % 2) + 2]
            show(plain, images[k], None, plane)
            if maps is not None:
                show(covered, images[k], maps[k], plane, letters=False)
            row = table.iloc[k]
            _heading(
                plain, str(row["kind"]), classes, int(row["label"]), int(calls[k]), p[k, targets[k]], int(targets[k])
            )
        if parts is not None:
            scale(
                figure.add_subfigure(parts[1]),
                "nothing",
                "most of this slice",
                f"speaks for {shortened(speaks_for, 30)}",
            )

    counts = table["kind"].value_counts()
    shown = table.assign(true=[classes[k] for k in table["label"]], called=[classes[k] for k in calls])
    columns = ["row", "true", "called", "kind", *(f"p_{k}" for k in range(len(classes))), "maximum"]
    beside = " Beside each its Grad-CAM, scaled to its own maximum." if maps is not None else ""
    return draw(
        name,
        paint,
        title=f"{arm}: slices called rightly and wrongly",
        caption="Held-out slices of different subjects, the surest right and the surest wrong calls of each class."
        f"{beside} {orientation(plane)}",
        alt=f"{counts.get('right', 0)} slices called rightly and {counts.get('wrong', 0)} called wrongly by {arm}"
        + (f", with maps of what speaks for {speaks_for}." if maps is not None else "."),
        table=shown[[c for c in columns if c in shown]],
        height=ROW * lines + (SCALE if maps is not None else 0) + 0.25,
        synthetic=synthetic,
    )


def _heading(
    axes: Axes, kind: str, classes: Sequence[str], label: int, call: int, probability: float, target: int
) -> None:
    right = kind == "right"
    sign = "\N{CHECK MARK} right" if right else "\N{BALLOT X} WRONG"
    true, called, shown = (shortened(classes[k], 12) for k in (label, call, target))
    axes.set_title(
        f"{sign}: {true} called {called}\np({shown}) = {probability:.2f}",
        fontsize=8,
        fontweight="normal",
        color="#006B4E" if right else "#A94A00",
    )
