"""Whether probabilities mean what they say: reliability curves, and the net benefit of acting on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fusekit.report.drawing.palette import BLACK, GREY, ArmStyle, arm_styles
from fusekit.report.drawing.panels import arm_panels, legend_below, reference
from fusekit.report.drawing.picture import Picture, draw
from fusekit.report.formatting import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: ``state`` of the bins that were predicted; any other is a recalibration, drawn hollow beside them.
AS_PREDICTED = "as predicted"
#: Bars of the strip that shows where the probabilities lie, and its height in the panel.
BARS, STRIP = 20, 0.16


def reliability(
    bins: pd.DataFrame,
    probabilities: Mapping[str, np.ndarray],
    *,
    of: str,
    summary: pd.DataFrame | None = None,
    order: Sequence[str] = (),
    synthetic: bool = False,
) -> Picture:
    """Draw how often what was predicted came true, a panel an arm.

    Args:
        bins: arm, state, predicted (mean probability), observed (share), low, high (Wilson), subjects.
        probabilities: arm -> of each subject (N,), for the strip below the curve.
        summary: arm, state, and maybe brier, ece: written into the panels.
    """
    arms = list(dict.fromkeys(bins["arm"]))
    others = [state for state in dict.fromkeys(bins["state"]) if state != AS_PREDICTED]

    def paint(figure: Figure) -> None:
        for arm, axes in arm_panels(figure, arms).items():
            _panel(axes, bins[bins["arm"] == arm], probabilities.get(arm), arm_styles(arms, order)[arm])
            axes.set_title(
                "\n".join([shortened(arm), *([] if summary is None else _summary(summary, arm))]),
                fontsize=8.5,
            )
            axes.set_xlabel("predicted")
            if axes.get_subplotspec().is_first_col():  # type: ignore[union-attr]
                axes.set_ylabel("observed")

    hollow = f" Hollow: {', '.join(others)}, fitted on validation subjects." if others else ""
    said = (
        "; ".join(f"{arm}: {', '.join(_summary(summary, arm))}" for arm in arms)
        if summary is not None
        else ", ".join(arms)
    )
    return draw(
        "reliability",
        paint,
        title="Reliability curves",
        caption=f"How often {of} was true among held-out subjects with like probabilities. Bars are 95 % intervals "
        f"(Wilson), the strip shows where the probabilities lie; dotted: as predicted.{hollow}",
        alt=f"Reliability curves. {said}.",
        table=bins,
        height=2.7 * -(-len(arms) // 2) + 0.3 if len(arms) > 1 else 5.2,
        synthetic=synthetic,
    )


def decision_curve(
    table: pd.DataFrame, positive: str, *, order: Sequence[str] = (), synthetic: bool = False
) -> Picture:
    """Draw the net benefit of treating those above a threshold, over the threshold.

    Args:
        table: arm, threshold, net_benefit, treat_all.
    """
    arms = list(dict.fromkeys(table["arm"]))
    all_treated = table.drop_duplicates("threshold").sort_values("threshold")
    highest = float(max(table["net_benefit"].max(), all_treated["treat_all"].max(), 0.1))

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(all_treated["threshold"], all_treated["treat_all"], color=GREY, linewidth=1.2, label="treat all")
        axes.axhline(0, color=BLACK, linewidth=0.8, linestyle=":", label="treat none")
        for k, (arm, style) in enumerate(arm_styles(arms, order).items()):
            own = table[table["arm"] == arm].sort_values("threshold")
            axes.plot(
                own["threshold"],
                own["net_benefit"],
                color=style.colour,
                linestyle=style.line,
                marker=style.marker,
                markersize=4.5,
                markevery=(k * len(own) // 40, max(1, len(own) // 5)),
                label=shortened(arm),
            )
        axes.set(xlabel=f"threshold on the probability of {positive}", ylabel="net benefit", xlim=(0, 1))
        axes.set_ylim(-0.15 * highest, 1.05 * highest)  # what lies far below zero is no help in choosing
        legend_below(axes, columns=2)

    best = table.loc[table.groupby("threshold")["net_benefit"].idxmax()].sort_values("threshold")
    near = best.iloc[int((best["threshold"] - 0.5).abs().argmin())]
    highest_at = f"At a threshold of {near['threshold']:.2f} the highest net benefit is"
    return draw(
        "decision-curve",
        paint,
        title="Decision curve",
        caption="Net benefit on held-out subjects: true positives less false positives, these weighted by the odds of "
        "the threshold, per subject. An arm is worth using where its line lies above those of treating all and none.",
        alt=f"{highest_at} {near['net_benefit']:.3f}, of {near['arm']}.",
        table=table,
        height=3.7 + 0.17 * (len(arms) // 2 + 1),
        synthetic=synthetic,
    )


def _panel(axes: Axes, bins: pd.DataFrame, probabilities: np.ndarray | None, style: ArmStyle) -> None:
    reference(axes, [0, 1], [0, 1])
    if probabilities is not None:
        counts, edges = np.histogram(probabilities, bins=BARS, range=(0, 1))
        axes.bar(
            edges[:-1], STRIP * counts / max(1, counts.max()), width=1 / BARS, align="edge",
            bottom=-STRIP - 0.03, color="#BDBDBD", edgecolor="white", linewidth=0.4,
        )  # fmt: skip
    for state, own in bins.groupby("state", sort=False):
        own = own.sort_values("predicted")
        as_is = state == AS_PREDICTED
        if as_is:
            axes.vlines(own["predicted"], own["low"], own["high"], color=style.colour, linewidth=1.2)
        axes.plot(
            own["predicted"],
            own["observed"],
            color=style.colour,
            linestyle=style.line if as_is else ":",
            linewidth=1.6 if as_is else 1.0,
            marker=style.marker,
            markerfacecolor=style.colour if as_is else "white",
            zorder=3 if as_is else 2,
        )
    ticks = [0, 0.25, 0.5, 0.75, 1]
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)
    axes.set(xlim=(-0.03, 1.03), ylim=(-STRIP - 0.04, 1.03))


def _summary(summary: pd.DataFrame, arm: str) -> list[str]:
    """``Brier 0.12`` and ``ECE 0.05``; after a recalibration with an arrow."""
    own = summary[summary["arm"] == arm]
    parts = []
    for column, title in (("brier", "Brier"), ("ece", "ECE")):
        if column in own and own[column].notna().any():
            arrow = " \N{RIGHTWARDS ARROW} ".join(f"{value:.3f}" for value in own[column].dropna())
            parts.append(f"{title} {arrow}")
    return parts
