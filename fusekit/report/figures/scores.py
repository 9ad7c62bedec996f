"""Scores of the arms with their intervals, and the differences between them."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, isnan

import pandas as pd

from fusekit.report.drawing.palette import BLACK, GREY, ArmStyle, arm_styles
from fusekit.report.drawing.panels import arm_panels, forest, rows
from fusekit.report.drawing.picture import Axes, Figure, Picture, draw
from fusekit.report.evidence import Evidence
from fusekit.report.formatting import MINUS, equals, limits_of, records, shortened, with_interval

#: Height of a row in inches.
ROW = 0.24

#: A pair that differs after Holm's correction, and one that does not.
DIFFERS, ALIKE = ArmStyle(BLACK, "-", "s"), ArmStyle("#5A5A5A", "-", "o")


def scores(evidence: Evidence) -> Iterator[Picture]:
    """Draw a panel per metric, with each subject-level score, its interval, and where the seeds lie."""
    table = evidence.subject_scores
    drawn = {name: title for name, title in evidence.metrics.items() if (table["metric"] == name).any()}
    table = table[table["metric"].isin(list(drawn))]
    arms, several = table["arm"].unique().tolist(), len(evidence.seeds) > 1
    runs = pd.concat([run.scores.assign(arm=arm.name) for arm in evidence.arms for run in arm.runs])

    def paint(figure: Figure) -> None:
        for name, axes in arm_panels(figure, list(drawn), sharex=False).items():
            for place, (arm, style) in enumerate(arm_styles(arms).items()):
                for row in records(table[(table["arm"] == arm) & (table["metric"] == name)]):
                    forest(axes, place, limits_of(row), style)
                if several:
                    own = (runs["arm"] == arm) & (runs["metric"] == name) & (runs["level"] == "subject")
                    each = runs[own]["value"]
                    axes.plot(each, [place + 0.27] * len(each), "|", color=BLACK, markersize=4.5, markeredgewidth=0.8)
            rows(axes, [shortened(arm, 18) for arm in arms])
            axes.set_title(drawn[name])

    counts = sorted(set(table["subjects"]))
    number = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    ticks = f" Small ticks: each of {len(evidence.seeds)} seeds." if several else ""
    said = {
        title: ", ".join(f"{r['arm']} {with_interval(*limits_of(r))}" for r in records(table[table["metric"] == name]))
        for name, title in drawn.items()
    }
    columns = [c for c in ("arm", "metric", "value", "low", "high", "spread", "seeds", "subjects") if c in table]
    yield draw(
        "scores",
        paint,
        title="Scores of the arms",
        caption=f"{number} subjects, held out. Bars are 95 % intervals over subjects.{ticks}",
        alt="; ".join(f"{title}: {arms}" for title, arms in said.items()) + ".",
        table=table[columns],
        height=ceil(len(drawn) / 2) * (ROW * len(arms) + 0.75) + 0.3,
        synthetic=evidence.synthetic,
    )


def differences(evidence: Evidence) -> Iterator[Picture]:
    """Draw the difference of every pair of arms with its interval, and whether it differs from 0 after correction."""
    pairs = evidence.pairs
    if pairs.empty:
        return
    titles = {measure: evidence.metrics.get(measure, measure) for measure in pairs["measure"].unique()}

    def paint(figure: Figure) -> None:
        panels = figure.subplots(len(titles), 1, squeeze=False)[:, 0]
        for axes, (measure, title) in zip(panels, titles.items(), strict=True):
            _differences(axes, pairs[pairs["measure"] == measure])
            axes.set_title(f"difference in {title}")

    distinct = records(pairs[pairs["p_holm"] < 0.05])
    found = ", ".join(f"{r['first']} and {r['second']} in {titles[r['measure']]}" for r in distinct)
    spread = " Grey: one standard deviation over seeds to either side." if pairs["spread"].notna().any() else ""
    columns = ["first", "second", "measure", "difference", "low", "high", "p", "p_holm", "spread", "subjects"]
    yield draw(
        "differences",
        paint,
        title="Differences between arms",
        caption=f"First minus second arm, on the same {pairs['subjects'].max()} subjects. Lines are 95 % intervals "
        "over subjects; filled squares differ after Holm's correction (p below 0.05), hollow circles do not." + spread,
        alt=f"Told apart: {found}." if found else "No pair of arms can be told apart.",
        table=pairs[columns],
        height=len(titles) * 0.75 + ROW * len(pairs) + 0.4,
        synthetic=evidence.synthetic,
    )


def _differences(axes: Axes, pairs: pd.DataFrame) -> None:
    axes.axvline(0, color=GREY, linewidth=1, linestyle=":")
    for place, row in enumerate(records(pairs)):
        differs, middle, spread = row["p_holm"] < 0.05, row["difference"], row["spread"]
        if not isnan(spread):
            ends = [middle - spread, middle + spread]
            axes.plot(ends, [place, place], color="#D0D0D0", linewidth=7, solid_capstyle="butt", zorder=1)
        style, face = (DIFFERS, BLACK) if differs else (ALIKE, "white")
        forest(axes, place, limits_of(row, "difference"), style, markerfacecolor=face)
        p = "" if isnan(row["p_holm"]) else f"p {equals(row['p_holm'])}"
        axes.annotate(
            p, (1.0, place), (4, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points", va="center",
            fontsize=8, annotation_clip=False,
        )  # fmt: skip
    names = [f"{shortened(row['first'], 16)} {MINUS} {shortened(row['second'], 16)}" for row in records(pairs)]
    rows(axes, names)
    axes.locator_params(axis="x", nbins=6)
