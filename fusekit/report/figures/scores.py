"""Scores of the arms with their intervals, and the differences between them."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan

import pandas as pd

from fusekit.evaluation.arms.pairs import LEVEL, MEASURES
from fusekit.evaluation.shown import first_of
from fusekit.report.drawing.palette import BLACK, GREY, arm_styles
from fusekit.report.drawing.panels import forest, rows
from fusekit.report.drawing.picture import Axes, Figure, Picture, draw
from fusekit.report.evidence import Evidence
from fusekit.report.formatting import equals, limits_of, records, shortened, with_interval
from fusekit.report.page.verdict import best_of, edge, measure_of

#: Height of a row in inches.
ROW = 0.24


def scores(evidence: Evidence) -> Iterator[Picture]:
    """Draw every arm's subject-level score by the first metric, its interval, and where the seeds lie."""
    if len(evidence.arms) < 2:
        return
    metric = first_of(evidence.metrics)[0]
    title, table = evidence.metrics[metric], evidence.subject_scores
    table = table[table["metric"] == metric]
    runs = pd.concat([run.scores.assign(arm=arm.name) for arm in evidence.arms for run in arm.runs])
    runs, several = runs[(runs["metric"] == metric) & (runs["level"] == "subject")], len(evidence.seeds) > 1
    styles = arm_styles(evidence.names, evidence.names)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for place, (arm, style) in enumerate(styles.items()):
            for row in records(table[table["arm"] == arm]):
                forest(axes, place, limits_of(row), style)
                _beside(axes, place, with_interval(*limits_of(row)))
            if several:
                each = runs[runs["arm"] == arm]["value"]
                axes.plot(each, [place + 0.27] * len(each), "|", color=BLACK, markersize=4.5, markeredgewidth=0.8)
        rows(axes, [shortened(arm, 22) for arm in styles])
        axes.set_xlabel(title)

    counts = sorted(set(table["subjects"]))
    number = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    ticks = f" Small ticks: each of {len(evidence.seeds)} seeds." if several else ""
    said = ", ".join(f"{row['arm']} {with_interval(*limits_of(row))}" for row in records(table))
    columns = [c for c in ("arm", "metric", "value", "low", "high", "spread", "seeds", "subjects") if c in table]
    yield draw(
        "scores",
        paint,
        title=f"{title} of the arms",
        caption=f"{number} subjects, held out. Bars are 95 % intervals over subjects.{ticks}",
        alt=f"{title}: {said}.",
        table=table[columns],
        height=ROW * len(styles) + 0.75,
        synthetic=evidence.synthetic,
    )


def differences(evidence: Evidence) -> Iterator[Picture]:
    """Draw how far each arm is from one of them, by the measure that decides: from the best without fusion.

    Where no arm fuses, or all do, it is the first arm.
    """
    measure = measure_of(evidence.pairs)
    if not measure:
        return
    against, why = _reference(evidence, measure)
    title, sign = evidence.metrics.get(measure, measure), MEASURES[measure].sign
    own = evidence.pairs[evidence.pairs["measure"] == measure]
    found = {arm: one for arm in evidence.names if arm != against and (one := edge(own, arm, against, measure))}
    table = pd.DataFrame(
        [
            (arm, sign * one.difference, *sorted((sign * one.low, sign * one.high)), one.p, one.subjects)
            for arm, one in found.items()
        ],
        columns=["arm", "difference", "low", "high", "p_holm", "subjects"],
    )
    styles = arm_styles(list(found), evidence.names)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axvline(0, color=GREY, linewidth=1, linestyle=":")
        for place, row in enumerate(records(table)):
            face = {} if row["p_holm"] < LEVEL else {"markerfacecolor": "white"}
            forest(axes, place, limits_of(row, "difference"), styles[row["arm"]], **face)
            _beside(axes, place, "" if isnan(row["p_holm"]) else f"p {equals(row['p_holm'])}")
        rows(axes, [shortened(arm, 22) for arm in found])
        axes.set_xlabel(f"{title}, minus that of {shortened(against, 22)}")
        axes.locator_params(axis="x", nbins=6)

    distinct = [row["arm"] for row in records(table) if row["p_holm"] < LEVEL]
    yield draw(
        "differences",
        paint,
        title="Differences",
        caption=f"Each arm minus {against}, {why}, on the same {table['subjects'].max()} subjects. Lines are 95 % "
        f"intervals over subjects; full marks differ after Holm's correction over all pairs (p below {LEVEL:g}).",
        alt=f"Different from {against}: {', '.join(distinct)}." if distinct else "No arm can be told apart from it.",
        table=table.assign(measure=measure, against=against),
        height=ROW * len(found) + 0.85,
        synthetic=evidence.synthetic,
    )


def _reference(evidence: Evidence, measure: str) -> tuple[str, str]:
    """The arm that others are held against, and what it is."""
    others = [arm for arm in evidence.arms if not arm.fuses]
    if others and len(others) < len(evidence.arms):
        return best_of(evidence, others, measure).name, "the best of the arms without fusion"
    return evidence.names[0], "the first arm"


def _beside(axes: Axes, place: float, text: str) -> None:
    """Write at the right of a row."""
    axes.annotate(
        text, (1.0, place), (4, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points", va="center",
        fontsize=8, annotation_clip=False,
    )  # fmt: skip
