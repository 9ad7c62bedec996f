"""Whether probabilities mean what they say: reliability curves, and the net benefit of acting on them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from fusekit.report.drawing.palette import BLACK, GREY, ArmStyle, arm_styles
from fusekit.report.drawing.panels import (
    TICKS,
    TOGETHER,
    Line,
    arm_panels,
    first_column,
    overlay,
    reference,
    small_multiples,
)
from fusekit.report.drawing.picture import Axes, Figure, Picture, draw
from fusekit.report.evidence import AS_PREDICTED, Evidence
from fusekit.report.formatting import records, shortened, with_interval

#: Bars of the strip that shows where the probabilities lie, and its height in the panel.
BARS, STRIP = 20, 0.16


def reliability(evidence: Evidence) -> Iterator[Picture]:
    """Draw how often what the first seed predicted came true: all arms in one panel, and each in one of its own."""
    bins = evidence.reliability
    if bins.empty:
        return
    probabilities = {arm.name: arm.runs[0].subjects["p_1"].to_numpy() for arm in evidence.arms}
    summaries = {arm: _summary(evidence.calibration, arm) for arm in bins["arm"].unique()}
    styles = arm_styles(list(summaries), evidence.names)

    several = len(summaries) > 1

    def all_arms(figure: Figure) -> None:
        axes = figure.subplots()
        own = {arm: bins[(bins["arm"] == arm) & (bins["state"] == AS_PREDICTED)] for arm in summaries}
        columns = ("predicted", "observed", "low", "high")
        lines = {arm: Line(*(of_arm[column].to_numpy() for column in columns)) for arm, of_arm in own.items()}
        overlay(axes, lines, {arm: _slope(evidence.calibration, arm) for arm in lines}, False, evidence.names)
        reference(axes, [0, 1], [0, 1])
        axes.set(xlabel=f"predicted probability of {evidence.classes[1]}", ylabel="observed", xticks=TICKS)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.015), yticks=TICKS, box_aspect=1)

    def each_arm(figure: Figure) -> None:
        for arm, axes in arm_panels(figure, list(summaries)).items():
            _panel(axes, bins[bins["arm"] == arm], probabilities[arm], styles[arm])
            axes.set_title("\n".join([shortened(arm), *summaries[arm]]), fontsize=8.5)
            axes.set(xlabel="predicted", ylabel="observed" if first_column(axes) else "")

    others = ", ".join(state for state in bins["state"].unique() if state != AS_PREDICTED)
    hollow = f" Hollow: {others}, fitted on validation subjects." if others else ""
    said = "; ".join(": ".join(filter(None, (arm, ", ".join(texts)))) for arm, texts in summaries.items())
    how_often = f"How often {evidence.classes[1]} was true among held-out subjects with like probabilities"
    picture = partial(draw, alt=f"Reliability curves. {said}.", table=bins, synthetic=evidence.synthetic)
    if several:
        yield picture(
            "reliability",
            all_arms,
            title="Calibration",
            caption=f"{how_often}, of the first seed; slope: of the recalibration, 1 if probabilities are neither too "
            "sure (below) nor too timid. Dotted: as predicted.",
            height=4.3 + 0.17 * len(summaries),
        )
    yield picture(
        "reliability-by-arm" if several else "reliability",
        each_arm,
        title="Calibration of each arm" if several else "Calibration",
        caption=f"{how_often}. Bars are 95 % intervals (Wilson), the strip shows where the probabilities lie; dotted: "
        f"as predicted.{hollow}",
        height=2.7 * -(-len(summaries) // 2) + 0.3 if several else 5.2,
    )


def decision_curve(evidence: Evidence) -> Iterator[Picture]:
    """Draw the net benefit of treating those above a threshold, over the threshold; with bands as ROC curves have."""
    table = evidence.net_benefit
    if table.empty:
        return
    arms = table["arm"].unique().tolist()
    all_treated = table.drop_duplicates("threshold").sort_values("threshold")
    highest = float(max(table["net_benefit"].max(), all_treated["treat_all"].max(), 0.1))
    together, columns = len(arms) <= TOGETHER, ["threshold", "net_benefit", "low", "high"]
    by_arm = table.sort_values("threshold").groupby("arm")[columns]
    lines = {arm: Line(*by_arm.get_group(arm).to_numpy().T) for arm in arms}

    def finish(axes: Axes) -> None:
        axes.plot(all_treated["threshold"], all_treated["treat_all"], color=GREY, linewidth=1.2, label="treat all")
        axes.axhline(0, color=BLACK, linewidth=0.8, linestyle=":", label="treat none")
        axes.set(xlabel=f"threshold on the probability of {evidence.classes[1]}", ylabel="net benefit", xlim=(0, 1))
        axes.set_ylim(-0.15 * highest, 1.15 * highest)  # what lies far below zero is no help in choosing

    def all_arms(figure: Figure) -> None:
        axes = figure.subplots()
        finish(axes)
        overlay(axes, lines, {}, together, evidence.names)

    def each_arm(figure: Figure) -> None:
        small_multiples(figure, lines, {}, finish, evidence.names)

    best = table.loc[table.groupby("threshold")["net_benefit"].idxmax()].sort_values("threshold")
    near = records(best)[int((best["threshold"] - 0.5).abs().argmin())]
    limits = with_interval(near["net_benefit"], near["low"], near["high"], digits=3)
    picture = partial(
        draw,
        alt=f"At a threshold of {near['threshold']:.2f} the highest net benefit is {limits}, of {near['arm']}.",
        table=table,
        synthetic=evidence.synthetic,
    )
    caption = (
        "Net benefit on held-out subjects: true positives less false positives, these weighted by the odds of the "
    )
    caption += "threshold, per subject. An arm is worth using where its line lies above those of treating all and none."
    bands = (
        " Bands are 95 % limits at each threshold alone, for new subjects with this cohort's shares of the classes: "
    )
    bands += "treating all and none are then known exactly, and where a band holds either, the arm may do no better."
    yield picture(
        "decision-curve",
        all_arms,
        title="Decision curve",
        caption=caption + (bands if together else ""),
        height=3.7 + 0.17 * (len(arms) + 2),
    )
    if not together:
        yield picture(
            "decision-curve-by-arm",
            each_arm,
            title="Decision curve of each arm with its band",
            caption=f"{caption}{bands} Grey: treating all, dotted: none; light grey: the other arms.",
            height=2.55 * -(-len(arms) // 2) + 0.3,
        )


def _panel(axes: Axes, bins: pd.DataFrame, probabilities: np.ndarray, style: ArmStyle) -> None:
    reference(axes, [0, 1], [0, 1])
    counts, edges = np.histogram(probabilities, bins=BARS, range=(0, 1))
    axes.bar(
        edges[:-1], STRIP * counts / max(1, counts.max()), width=1 / BARS, align="edge",
        bottom=-STRIP - 0.03, color="#BDBDBD", edgecolor="white", linewidth=0.4,
    )  # fmt: skip
    for state, of_state in bins.groupby("state", sort=False):
        own, as_is = of_state.sort_values("predicted"), state == AS_PREDICTED
        if as_is:
            axes.vlines(own["predicted"], own["low"], own["high"], color=style.colour, linewidth=1.2)
        # Recalibrated probabilities are drawn hollow.
        line, width, face, order = (style.line, 1.6, style.colour, 3) if as_is else (":", 1.0, "white", 2)
        axes.plot(
            own["predicted"], own["observed"], color=style.colour, linestyle=line, linewidth=width,
            marker=style.marker, markerfacecolor=face, zorder=order,
        )  # fmt: skip
    axes.set(xticks=TICKS, yticks=TICKS, xlim=(-0.03, 1.03), ylim=(-STRIP - 0.04, 1.03))


def _slope(calibration: pd.DataFrame, arm: str) -> str:
    """``slope 0.88 [0.71, 1.05]``, as predicted; empty if unknown."""
    if calibration.empty:
        return ""
    own = calibration[(calibration["arm"] == arm) & (calibration["state"] == AS_PREDICTED)]
    if own.empty:
        return ""
    row = records(own)[0]
    return f"slope {with_interval(row['slope'], row['slope_low'], row['slope_high'])}"


def _summary(calibration: pd.DataFrame, arm: str) -> list[str]:
    """``Brier 0.12`` and ``ECE 0.05``; after a recalibration with an arrow."""
    parts = []
    for column, title in (("brier", "Brier"), ("ece", "ECE")):
        values = [] if calibration.empty else calibration[calibration["arm"] == arm][column].dropna().tolist()
        if values:
            parts.append(f"{title} " + " \N{RIGHTWARDS ARROW} ".join(f"{value:.3f}" for value in values))
    return parts
