"""One patient's picture: the slice, what speaks for the class in it, what the values add, and what if."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fusekit.report.drawing.canvas import plain_text
from fusekit.report.drawing.palette import BLUE, GREY, ORANGE
from fusekit.report.explanations.maps import edges
from fusekit.terminal import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Values shown as bars.
BARS = 10


@plain_text()
def patient_figure(
    path: Path,
    *,
    title: str,
    target: str,
    probability: str,
    plane: str,
    image: np.ndarray | None,
    map_: np.ndarray | None,
    attributions: pd.DataFrame | None,
    answers: pd.DataFrame | None,
    answer_maps: np.ndarray | None,
) -> None:
    """Draw a patient as ``path``.png and ``path``.svg.

    Args:
        path: without an ending.
        title: above everything; says so if the model knows a synthetic cohort only.
        target: name of the class that is explained.
        probability: column of ``answers`` with its probability.
        plane: of the slice, for the letters at its edges; empty where the file does not say how it lies in the body.
        image: (H, W) grey levels; None if the model reads no image.
        map_: (H, W) Grad-CAM, 0 to 1.
        attributions: column, value, attribution; None if the model reads no table.
        answers: of ``explain.answers``, for the columns that were asked about; None if none were.
        answer_maps: (lines of ``answers``, H, W), 0 to 1 for each column.
    """
    # The object interface, not pyplot: no window, no global state, no backend to choose.
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    asked = [] if answers is None else [part for _, part in answers.groupby("column", sort=False)]
    heights = [2.6, *[1.6] * len(asked)]
    figure = Figure(figsize=(11, sum(heights) * 1.45 + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12, fontweight="bold")
    rows = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    above = rows[0].subplots(1, 3, width_ratios=[1, 1, 1.5], squeeze=False)[0]
    if image is None or map_ is None:
        for axes in above[:2]:
            axes.set_axis_off()
        above[0].text(0, 0.5, "This model reads no image.", fontsize=10)
    else:
        _picture(above[0], image, None, plane, "as the model sees it")
        _picture(above[1], image, map_, plane, f"speaks for {target} (Grad-CAM)")
    if attributions is None:
        above[2].set_axis_off()
        above[2].text(0, 0.5, "This model reads no table.", fontsize=10)
    else:
        _bars(above[2], attributions, target)
    for part, row in zip(asked, rows[1:], strict=True):
        unit = f" ({part['unit'].iloc[0]})" if part["unit"].iloc[0] else ""
        row.suptitle(f"what if {part['column'].iloc[0]}{unit} were ...", fontsize=9, x=0.01, ha="left")
        _answers(
            row.subplots(1, len(part), squeeze=False)[0], part, image, answer_maps, plane, f"p({target})", probability
        )
    # Text stays text, and nothing of the day or of chance goes into the file.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "fusekit"}):
        svg = StringIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
    path.with_suffix(".svg").write_text(visible(svg.getvalue()), encoding="utf-8")  # XML has no control characters
    figure.savefig(path.with_suffix(".png"), dpi=130)


def _picture(axes: Axes, image: np.ndarray, map_: np.ndarray | None, plane: str, title: str) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    if map_ is not None:
        # Opaque where the map is high: where it is zero, the grey levels are untouched.
        shown = map_.astype(float)
        axes.imshow(shown, cmap="inferno", vmin=0, vmax=1, alpha=0.65 * np.clip(shown * 1.5, 0, 1))
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    box: dict[str, Any] = {"color": "white", "fontsize": 8, "transform": axes.transAxes}
    places = [(0.02, 0.5, "left", "center"), (0.98, 0.5, "right", "center")]
    places += [(0.5, 0.98, "center", "top"), (0.5, 0.02, "center", "bottom")]
    for letter, (x, y, across, down) in zip(edges(plane), places, strict=False):
        axes.text(x, y, letter, ha=across, va=down, **box)
    axes.set_title(title, fontsize=9)


def _bars(axes: Axes, attributions: pd.DataFrame, target: str) -> None:
    order = attributions["attribution"].abs().sort_values(ascending=False, kind="stable").index[:BARS]
    top = attributions.loc[order[::-1]]
    colours = [ORANGE if value > 0 else BLUE for value in top["attribution"]]
    axes.barh(range(len(top)), top["attribution"], color=colours)
    pairs = zip(top["column"], top["value"], strict=True)
    names = [f"{column} = {value}" if value else f"{column} (missing)" for column, value in pairs]
    axes.set_yticks(range(len(top)), names, fontsize=8)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlabel(f"adds to the log odds of {target}, against the training mean", fontsize=8)
    axes.set_title("what the values add (integrated gradients)", fontsize=9)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _answers(
    axes: Sequence[Axes],
    part: pd.DataFrame,
    image: np.ndarray | None,
    maps: np.ndarray | None,
    plane: str,
    said_of: str,
    probability: str,
) -> None:
    lines: list[dict[Any, Any]] = part.to_dict("records")
    for each, number, line in zip(axes, part.index, lines, strict=True):
        said = f"{line['level'] or 'missing'}{' (as it is)' if line['is_original'] else ''}"
        said += f"\n{said_of} = {line[probability]:.3f}"
        if not line["is_original"] and line["change"] == line["change"]:
            said += f"\nmap moved {line['change']:.0%}"
        if image is None or maps is None:
            each.set_axis_off()
            each.text(0.5, 0.5, said, ha="center", fontsize=9, weight="bold" if line["is_original"] else "normal")
            continue
        _picture(each, image, maps[number], plane, said)
        if line["is_original"]:
            each.title.set_fontweight("bold")
