"""What if one clinical value were another: how the map moves. And the mean map of each group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from fusekit.data.target.target import Meaning
from fusekit.report.drawing.channels import Panel
from fusekit.report.drawing.palette import BLUE
from fusekit.report.drawing.picture import Axes, Figure, Picture
from fusekit.report.explanations.examples import CLOSE, WORDS
from fusekit.report.explanations.folder import Explained
from fusekit.report.explanations.maps import SCALE, orientation, scale, show
from fusekit.report.formatting import records, shortened, signed

#: Height of a row of slices with its heading, in inches.
ROW = 2.05


def what_if(own: Explained) -> Iterator[Picture]:
    """Draw each example's map for several values of some clinical columns; only where the table moves maps."""
    table, images, maps = own.table("what_if.csv"), own.panels("images.npy"), own.array("what_if.npy")
    if table is None or images is None or maps is None or not own.injected:
        return
    kinds = pd.DataFrame() if (examples := own.table("examples.csv")) is None else examples
    close = set() if "kind" not in kinds else set(kinds.index[kinds["kind"] == CLOSE])
    for k, (example, part) in enumerate(table.groupby("example", sort=False), start=1):
        where = f" {WORDS[own.target.kind].close}" if example in close else ""  # of older runs a clear call
        yield _answers(own, k, part, images[int(str(example))][0], maps, where)


def _answers(own: Explained, number: int, table: pd.DataFrame, panel: Panel, maps: np.ndarray, where: str) -> Picture:
    """One slice's maps (m, H, W), which the table's index counts in, for the values of each column."""
    meaning, table = own.meaning_of(table), table.assign(gain=_gains(own, table))
    groups = {str(column): part for column, part in table.groupby("column", sort=False)}
    lines = [-(-len(part) // 3) for part in groups.values()]

    def paint(figure: Figure) -> None:
        heights = [ROW * n + 0.25 for n in lines]
        parts = figure.add_gridspec(len(groups) + 1, 1, height_ratios=[*heights, SCALE])
        for k, (column, answers) in enumerate(groups.items()):
            part = figure.add_subfigure(parts[k])
            original = str(answers["original"].iloc[0])
            said = f"own value {shortened(original, 14)} {answers['unit'].iloc[0]}" if original else "own value missing"
            part.suptitle(f"{shortened(column, 30)} ({said.strip()})", fontsize=9, fontweight="bold", x=0.02, ha="left")
            grid = part.subplots(lines[k], 3, squeeze=False)
            for axes in grid.flat:
                axes.set_axis_off()
            for axes, at, row in zip(grid.flat, answers.index, records(answers), strict=False):
                show(axes, panel.image, maps[at], own.plane)
                _heading(axes, row, meaning)
        title = f"speaks for {meaning.more}"
        scale(figure.add_subfigure(parts[len(groups)]), "nothing", "most of this column's maps", title)

    moved = table[~table["is_original"]].groupby("column", sort=False)["change"].max().dropna()
    said = ", ".join(f"{column} up to {100 * value:.0f} %" for column, value in moved.items())
    columns = ["column", "level", "unit", "is_original", *own.target.columns, "gain", "change"]
    return own.draw(
        "what-if",
        paint,
        "what if one clinical value were another?",
        caption=f"One held-out slice{where}, and its Grad-CAM{_on(own, panel)}, while one clinical value is changed "
        f"and all else stays. Signed: what that adds to the {meaning.scale}, against the patient's own value (framed). "
        "Moved: share of the map that lies elsewhere. All values occurred in training."
        f"{meaning.note} {orientation(own.plane)}",
        alt=f"Maps of one slice for other values of {', '.join(groups)}; share of the map that moves: "
        f"{said or 'unknown'}.",
        table=table[[c for c in columns if c in table]],
        height=sum(ROW * n + 0.25 for n in lines) + SCALE + 0.25,
        suffix=f"-{number}",
    )


def _gains(own: Explained, table: pd.DataFrame) -> np.ndarray:
    """What each value (L,) adds to the number that is explained, against the own value of its column; NaN without."""
    if not set(own.target.columns) <= set(table):
        return np.full(len(table), np.nan)
    of = table["explained"].astype(int) if "explained" in table else pd.Series(1, table.index)
    answers = table[list(own.target.columns)].to_numpy(dtype=float)
    explained = np.array([own.target.explained_answers(answers[[k]], of.iloc[k])[0] for k in range(len(table))])
    before = pd.Series(explained, table.index).where(table["is_original"]).groupby(table["column"]).transform("first")
    return np.asarray(explained - before.to_numpy())


def _on(own: Explained, panel: Panel) -> str:
    """Which image maps lie on, where a scan has several."""
    return f" on {panel.name}" if len({channel.image for channel in own.channels}) > 1 else ""


def _heading(axes: Axes, row: Mapping[str, Any], meaning: Meaning) -> None:
    number, unit = row.get("number", float("nan")), f" {row['unit']}".rstrip()
    level = row["level"] if pd.isna(number) else f"{number:.4g}"
    level = shortened(level, 14) or "missing"
    level += unit if len(level + unit) <= 16 else ""
    own, change = row["is_original"], row["change"]
    moved = "own value" if own else "" if pd.isna(change) else f"moved {100 * change:.0f} %"
    said = meaning.said(row, most=15) if own or pd.isna(row["gain"]) else signed(row["gain"], 2)
    heading = f"{level}\n{said}\n{moved}"
    axes.set_title(heading, fontsize=8, fontweight="bold" if own else "normal", loc="center")
    if own:
        axes.set_axis_on()
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=True, color=BLUE, linewidth=2.5)


def mean_maps(own: Explained) -> Iterator[Picture]:
    """Draw the mean map of each group over its mean slices, and laid on the template where there is one."""
    table, images, maps = own.table("mean_map.csv"), own.panels("mean_image.npy"), own.array("mean_map.npy")
    if table is None or images is None or maps is None:
        return
    kinds = [("mean", [panels[0].image for panels in images], maps)]
    brain, laid = own.array("template_image.npy"), own.array("template_map.npy")
    if brain is not None and laid is not None and "template_mm" in table:
        kinds.append(("template", list(brain), laid))
    positions = sorted(set(table["position"]))
    largest = float(max(np.nanmax(part.astype(float)) for _, _, part in kinds)) or 1.0
    cells = [(*kind, group) for group in table["group"].unique() for kind in kinds]

    def paint(figure: Figure) -> None:
        parts = figure.add_gridspec(2, 1, height_ratios=[ROW * len(cells), SCALE])
        grid = figure.add_subfigure(parts[0]).subplots(len(cells), max(3, len(positions)), squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for line, (kind, pictures, heat, group) in zip(grid, cells, strict=True):
            for at, row in enumerate(records(table)):
                if row["group"] == group:
                    axes = line[positions.index(row["position"])]
                    show(axes, pictures[at], heat[at] / largest, own.plane)
                    place = f"mean of {row['subjects']}" if kind == "mean" else f"template, {row['template_mm']:.0f} mm"
                    axes.set_title(
                        f"{shortened(own.groups[group], 26)}\n{place}", fontsize=8, fontweight="normal", loc="center"
                    )
        scale(figure.add_subfigure(parts[1]), "0", f"{largest:.2f}", f"mean weight that speaks for {own.meaning.more}")

    groups = table.groupby("group", sort=False)["subjects"].max()
    subjects = ", ".join(f"{most} {own.groups[int(str(group))]}" for group, most in groups.items())
    approximate = " On the template only approximately: its most similar slice, as images are not registered."
    yield own.draw(
        "mean-map",
        paint,
        f"mean map of each {own.target.part}",
        caption=f"Mean Grad-CAM of held-out subjects ({subjects}) over their mean slice"
        f"{_on(own, images[0][0])}; every map had its own maximum as 1 before."
        f"{approximate if len(kinds) > 1 else ''} {orientation(own.plane)}",
        alt=f"Mean maps of what speaks for {own.meaning.more}, of {subjects} subjects, at {len(positions)} places.",
        table=table,
        height=ROW * len(cells) + SCALE + 0.25,
    )
