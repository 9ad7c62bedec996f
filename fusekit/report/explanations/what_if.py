"""What if one clinical value were another: how the map moves. And the mean map of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fusekit.report.drawing.palette import BLUE
from fusekit.report.drawing.picture import Picture, draw
from fusekit.report.explanations.examples import SCALE
from fusekit.report.explanations.maps import orientation, scale, show
from fusekit.report.formatting import explained, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 2.05


def what_if(
    name: str,
    arm: str,
    table: pd.DataFrame,
    image: np.ndarray,
    maps: np.ndarray,
    classes: Sequence[str],
    *,
    plane: str,
    synthetic: bool = False,
) -> Picture:
    """Draw one slice's map for several values of each of some clinical columns.

    Args:
        table: one row a value: column, level (text), unit, original (text), is_original, p_0, p_1, ..., change (0 to
            1, half the L1 distance to the map of the patient's own value), and maybe number (the level's), explained
            (the class that the maps speak for; 1 without).
        image: (H, W), grey levels 0 to 255.
        maps: (m, H, W) in the table's order, scaled by one maximum a column.
        plane: of the slice; empty where the file does not say how it lies in the body.
    """
    table = table.reset_index(drop=True)
    target = int(explained(table)[0])
    groups = {str(column): own for column, own in table.groupby("column", sort=False)}
    lines = [-(-len(own) // 3) for own in groups.values()]

    def paint(figure: Figure) -> None:
        heights = [ROW * n + 0.25 for n in lines]
        parts = figure.add_gridspec(len(groups) + 1, 1, height_ratios=[*heights, SCALE])
        for k, (column, own) in enumerate(groups.items()):
            part = figure.add_subfigure(parts[k])
            original = str(own["original"].iloc[0])
            said = f"own value {shortened(original, 14)} {own['unit'].iloc[0]}" if original else "own value missing"
            part.suptitle(f"{shortened(column, 30)} ({said.strip()})", fontsize=9, fontweight="bold", x=0.02, ha="left")
            grid = part.subplots(lines[k], 3, squeeze=False)
            for axes in grid.flat:
                axes.set_axis_off()
            for axes, (at, row) in zip(grid.flat, own.iterrows(), strict=False):
                show(axes, image, maps[int(str(at))], plane)
                _heading(axes, row, classes[target], target)
        scale(
            figure.add_subfigure(parts[len(groups)]),
            "nothing",
            "most of this column's maps",
            f"speaks for {classes[target]}",
        )

    moved = table[~table["is_original"].astype(bool)].groupby("column", sort=False)["change"].max()
    said = ", ".join(f"{column} up to {100 * value:.0f} %" for column, value in moved.items() if value == value)
    columns = ["column", "level", "unit", "is_original", *(f"p_{k}" for k in range(len(classes))), "change"]
    return draw(
        name,
        paint,
        title=f"{arm}: what if one clinical value were another?",
        caption="One held-out slice and its Grad-CAM while one clinical value is changed and all else stays. Moved: "
        f"share of the map that lies elsewhere than with the patient's own value (framed). {orientation(plane)}",
        alt=f"Maps of one slice for other values of {', '.join(groups)}; share of the map that moves: "
        f"{said or 'unknown'}.",
        table=table[[c for c in columns if c in table]],
        height=sum(ROW * n + 0.25 for n in lines) + SCALE + 0.25,
        synthetic=synthetic,
    )


def _heading(axes: Axes, row: pd.Series, target_name: str, target: int) -> None:
    own = bool(row["is_original"])
    number, unit = row.get("number", float("nan")), f" {row['unit']}".rstrip()
    level = str(row["level"]) if pd.isna(number) else f"{number:.4g}"
    level = shortened(level, 14) or "missing"
    level += unit if len(level + unit) <= 16 else ""
    moved = "own value" if own else "" if pd.isna(row["change"]) else f"moved {100 * row['change']:.0f} %"
    axes.set_title(
        f"{level}\np({shortened(target_name, 10)}) = {row[f'p_{target}']:.2f}\n{moved}",
        fontsize=8,
        fontweight="bold" if own else "normal",
        loc="center",
    )
    if own:
        axes.set_axis_on()
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=True, color=BLUE, linewidth=2.5)


def mean_maps(
    name: str,
    arm: str,
    table: pd.DataFrame,
    images: np.ndarray,
    maps: np.ndarray,
    *,
    plane: str,
    target: str,
    template: tuple[np.ndarray, np.ndarray] | None = None,
    synthetic: bool = False,
) -> Picture:
    """Draw the mean map of each class over its mean slices, and laid on the template where there is one.

    Args:
        table: one row a class and position: class, position, slices, subjects, and with a template template_mm.
        images: (g, H, W), grey levels 0 to 255.
        maps: (g, H, W), 0 to 1.
        plane: of the slices; empty where the files do not say how they lie in the body.
        template: images and maps (g, T, T) of the template's most similar slices.
    """
    names, positions = list(dict.fromkeys(table["class"])), sorted(set(table["position"]))
    kinds = [("mean", images, maps)] + ([("template", *template)] if template is not None else [])
    largest = float(max(np.nanmax(part.astype(float)) for _, _, part in kinds)) or 1.0
    cells = [(kind, pictures, heat, label) for label in names for kind, pictures, heat in kinds]

    def paint(figure: Figure) -> None:
        parts = figure.add_gridspec(2, 1, height_ratios=[ROW * len(cells), SCALE])
        grid = figure.add_subfigure(parts[0]).subplots(len(cells), max(3, len(positions)), squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for line, (kind, pictures, heat, label) in zip(grid, cells, strict=True):
            for at, row in table.reset_index(drop=True).iterrows():
                if row["class"] == label:
                    axes = line[positions.index(row["position"])]
                    show(axes, pictures[int(str(at))], heat[int(str(at))] / largest, plane)
                    place = f"mean of {row['subjects']}" if kind == "mean" else f"template, {row['template_mm']:.0f} mm"
                    axes.set_title(f"{shortened(label, 16)}\n{place}", fontsize=8, fontweight="normal", loc="center")
        scale(figure.add_subfigure(parts[1]), "0", f"{largest:.2f}", f"mean weight that speaks for {target}")

    subjects = ", ".join(f"{own['subjects'].max()} {label}" for label, own in table.groupby("class", sort=False))
    approximate = (
        " On the template only approximately: its most similar slice, as images are not registered."
        if template is not None
        else ""
    )
    return draw(
        name,
        paint,
        title=f"{arm}: mean map of each class",
        caption=f"Mean Grad-CAM of held-out subjects ({subjects}) over their mean slice; every map had its own maximum "
        f"as 1 before.{approximate} {orientation(plane)}",
        alt=f"Mean maps of what speaks for {target}, of {subjects} subjects, at {len(positions)} places.",
        table=table,
        height=ROW * len(cells) + SCALE + 0.25,
        synthetic=synthetic,
    )
