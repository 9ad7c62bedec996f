"""Scores by sex, age band, site: whether an arm is as good for everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from fusekit.report.drawing.palette import GREY, ArmStyle, arm_styles
from fusekit.report.drawing.panels import arm_panels, forest, rows
from fusekit.report.drawing.picture import Picture, draw
from fusekit.report.figures.scores import ROW
from fusekit.report.formatting import records, shortened, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def subgroups(
    table: pd.DataFrame,
    metric: str,
    title: str,
    *,
    overall: pd.DataFrame | None = None,
    order: Sequence[str] = (),
    synthetic: bool = False,
) -> Picture:
    """Draw one metric of every group that some arm has a score of, a panel an arm.

    Args:
        table: arm, variable, group, metric, value, low, high, subjects, and maybe positives.
        overall: arm, metric, value: of everybody, a dotted line.
    """
    table = table[table["metric"] == metric]
    scored = table.groupby(["variable", "group"], observed=True)["value"].transform("count") > 0
    small = table[~scored].groupby(["variable", "group"], observed=True).ngroups
    table = table[scored]
    arms = list(dict.fromkeys(table["arm"]))
    keys = list(dict.fromkeys(zip(table["variable"], table["group"], strict=True)))
    counts = {(r["variable"], r["group"]): r for r in reversed(records(table))}
    lines: list[tuple[str, tuple[str, str] | None]] = []  # text, and the group unless it is a variable's heading
    for variable in dict.fromkeys(variable for variable, _ in keys):
        lines.append((shortened(str(variable), 22), None))
        lines += [(_label(counts[key]), key) for key in keys if key[0] == variable]

    styles = arm_styles(arms, order)

    def paint(figure: Figure) -> None:
        for arm, axes in arm_panels(figure, arms).items():
            own = {(r["variable"], r["group"]): r for r in records(table[table["arm"] == arm])}
            _panel(axes, own, lines, styles[arm])
            if overall is not None:  # the same subjects, all of them
                for value in overall[(overall["arm"] == arm) & (overall["metric"] == metric)]["value"]:
                    axes.axvline(value, color=GREY, linewidth=1, linestyle=":")
            axes.set_title(shortened(arm), fontsize=9)
            axes.set_xlabel(title)

    said = "; ".join(
        f"{r['arm']}, {r['variable']} {r['group']} ({r['subjects']} subjects): "
        + with_interval(r["value"], r["low"], r["high"])
        for r in records(table)
    )
    positives = " (of them in the positive class)" if "positives" in table else ""
    dotted = "" if overall is None else " Dotted: everybody."
    short = " Without a bar: too few subjects in some fold for an interval." if table["low"].isna().any() else ""
    left = "" if small == 0 else f" Groups that are too small to be scored are not drawn ({small})."
    return draw(
        f"subgroups-{metric}",
        paint,
        title=f"{title} by subgroup",
        caption=f"Held-out subjects; beside each group its number of subjects{positives}. Bars are 95 % intervals over "
        f"subjects.{dotted}{short}{left}",
        alt=f"{title}: {said}.",
        table=table,
        height=-(-len(arms) // 2) * (ROW * len(lines) + 0.45) + 0.7,
        synthetic=synthetic,
    )


def _label(row: Mapping[str, Any]) -> str:
    positives = f" ({int(row['positives'])})" if pd.notna(row.get("positives")) else ""
    return f"{shortened(str(row['group']), 16)}, n = {int(row['subjects'])}{positives}"


def _panel(
    axes: Axes,
    own: Mapping[tuple[str, str], Mapping[str, Any]],
    lines: list[tuple[str, tuple[str, str] | None]],
    style: ArmStyle,
) -> None:
    for place, (_, key) in enumerate(lines):
        if key is not None and key in own:
            value, low, high = (float(own[key][name]) for name in ("value", "low", "high"))
            forest(axes, [place], [value], [low], [high], colour=style.colour, marker=style.marker)
    rows(axes, [text for text, _ in lines])
    if axes.get_subplotspec().is_first_col():  # type: ignore[union-attr]
        for label, (_, key) in zip(axes.get_yticklabels(), lines, strict=True):
            label.set_fontweight("bold" if key is None else "normal")
