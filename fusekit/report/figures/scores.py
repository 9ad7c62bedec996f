"""Scores of the arms with their intervals, and the differences between them."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, isnan
from typing import TYPE_CHECKING

import pandas as pd

from fusekit.report.drawing.palette import BLACK, GREY, arm_styles
from fusekit.report.drawing.panels import arm_panels, forest, rows
from fusekit.report.drawing.picture import Picture, draw
from fusekit.report.formatting import MINUS, equals, records, shortened, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Height of a row in inches.
ROW = 0.24


def scores(
    table: pd.DataFrame, metrics: Mapping[str, str], *, of_seeds: pd.DataFrame | None = None, synthetic: bool = False
) -> Picture:
    """Draw a panel a metric, with each arm's score, its interval, and where the seeds lie.

    Args:
        table: arm, metric, value, low, high, subjects: of one level (subjects).
        metrics: name -> title, in the order in which they are drawn; those without a row are left out.
        of_seeds: arm, seed, metric, value; with several seeds each is a tick.
    """
    drawn = {name: title for name, title in metrics.items() if (table["metric"] == name).any()}
    table = table[table["metric"].isin(list(drawn))]
    arms = list(dict.fromkeys(table["arm"]))
    seeds = None if of_seeds is None or of_seeds["seed"].nunique() < 2 else of_seeds

    def paint(figure: Figure) -> None:
        for name, axes in arm_panels(figure, list(drawn), sharex=False).items():
            for place, (arm, style) in enumerate(arm_styles(arms).items()):
                own = table[(table["arm"] == arm) & (table["metric"] == name)]
                forest(
                    axes,
                    [place] * len(own),
                    own["value"].tolist(),
                    own["low"].tolist(),
                    own["high"].tolist(),
                    colour=style.colour,
                    marker=style.marker,
                )
                if seeds is not None:
                    each = seeds[(seeds["arm"] == arm) & (seeds["metric"] == name)]["value"]
                    axes.plot(each, [place + 0.27] * len(each), "|", color=BLACK, markersize=4.5, markeredgewidth=0.8)
            rows(axes, [shortened(arm, 18) for arm in arms])
            axes.set_title(drawn[name])

    counts = sorted(set(table["subjects"]))
    number = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    ticks = "" if seeds is None else f" Small ticks: each of {seeds['seed'].nunique()} seeds."
    best = "; ".join(
        f"{title}: " + ", ".join(f"{r['arm']} {with_interval(r['value'], r['low'], r['high'])}" for r in records(own))
        for name, title in drawn.items()
        for own in [table[table["metric"] == name]]
    )
    columns = [c for c in ("arm", "metric", "value", "low", "high", "spread", "seeds", "subjects") if c in table]
    return draw(
        "scores",
        paint,
        title="Scores of the arms",
        caption=f"{number} subjects, held out. Bars are 95 % intervals over subjects.{ticks}",
        alt=f"{best}.",
        table=table[columns],
        height=ceil(len(drawn) / 2) * (ROW * len(arms) + 0.75) + 0.3,
        synthetic=synthetic,
    )


def differences(pairs: pd.DataFrame, metrics: Mapping[str, str], *, synthetic: bool = False) -> Picture:
    """Draw the difference of every pair of arms with its interval, and whether it differs from zero after correction.

    Args:
        pairs: first, second, measure, difference, low, high, p_holm, subjects, and maybe spread (over seeds).
    """
    measures = list(dict.fromkeys(pairs["measure"]))

    def paint(figure: Figure) -> None:
        panels = figure.subplots(len(measures), 1, squeeze=False)[:, 0]
        for axes, measure in zip(panels, measures, strict=True):
            _differences(axes, pairs[pairs["measure"] == measure])
            axes.set_title(f"difference in {metrics.get(measure, measure)}")

    distinct = pairs[pairs["p_holm"] < 0.05]
    found = [f"{r['first']} and {r['second']} in {metrics.get(r['measure'], r['measure'])}" for r in records(distinct)]
    spread = "spread" in pairs and pairs["spread"].notna().any()
    columns = ["first", "second", "measure", "difference", "low", "high", "p", "p_holm", "spread", "subjects"]
    return draw(
        "differences",
        paint,
        title="Differences between arms",
        caption=f"First minus second arm, on the same {pairs['subjects'].max()} subjects. Lines are 95 % intervals "
        "over subjects; filled squares differ after Holm's correction (p below 0.05), hollow circles do not."
        + (" Grey: one standard deviation over seeds to either side." if spread else ""),
        alt=f"Told apart: {', '.join(found)}." if found else "No pair of arms can be told apart.",
        table=pairs[[name for name in columns if name in pairs]],
        height=len(measures) * 0.75 + ROW * len(pairs) + 0.4,
        synthetic=synthetic,
    )


def _differences(axes: Axes, pairs: pd.DataFrame) -> None:
    axes.axvline(0, color=GREY, linewidth=1, linestyle=":")
    for place, row in enumerate(records(pairs)):
        differs = row["p_holm"] < 0.05
        spread = row.get("spread", float("nan"))
        if not isnan(spread):
            ends = [row["difference"] - spread, row["difference"] + spread]
            axes.plot(ends, [place, place], color="#D0D0D0", linewidth=7, solid_capstyle="butt", zorder=1)
        forest(
            axes,
            [place],
            [row["difference"]],
            [row["low"]],
            [row["high"]],
            colour=BLACK if differs else "#5A5A5A",
            marker="s" if differs else "o",
            markerfacecolor=BLACK if differs else "white",
        )
        axes.annotate(
            "" if isnan(row["p_holm"]) else f"p {equals(row['p_holm'])}",
            (1.0, place),
            (4, 0),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            va="center",
            fontsize=8,
            annotation_clip=False,
        )
    names = [[shortened(row[name], 16) for name in ("first", "second")] for row in records(pairs)]
    rows(axes, [f" {MINUS} ".join(pair) for pair in names])
    axes.locator_params(axis="x", nbins=6)
