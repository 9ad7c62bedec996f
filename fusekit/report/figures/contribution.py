"""What each part of the input gives: ablations, shares of the modalities, and values that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill

import numpy as np
import pandas as pd

from fusekit.evaluation.arms.worth import worth_of
from fusekit.report.drawing.palette import GREY, arm_styles
from fusekit.report.drawing.panels import TOGETHER, Line, arm_panels, forest, overlay, reference, rows, small_multiples
from fusekit.report.drawing.picture import Axes, Figure, Picture, draw
from fusekit.report.evidence import Evidence
from fusekit.report.figures.scores import ROW
from fusekit.report.formatting import limits_of, records, shortened, with_interval

#: Columns whose shuffling is drawn: those that cost most, in any arm.
MOST_COLUMNS = 12


def ablations(evidence: Evidence) -> Iterator[Picture]:
    """Draw how much is lost when a modality, block or column is dropped or shuffled, a panel per arm."""
    table = evidence.contribution
    if table.empty:
        return
    of_columns = table["condition"].str.startswith("column:")
    aside = table["condition"].eq("as-is") | table["condition"].str.startswith("hidden:")
    parts, columns = table[~of_columns & ~aside], table[of_columns]
    costs = columns.groupby("condition")["drop"].max().sort_values(ascending=False, kind="stable")
    place = columns["condition"].map({name: k for k, name in enumerate(costs.index)})
    costly = columns.loc[place[place < MOST_COLUMNS].sort_values(kind="stable").index]
    if len(parts):
        yield _losses(evidence, "ablations", "What is lost without an input", parts)
    if len(costly):
        yield _losses(evidence, "importance", "Permutation importance of clinical columns", costly)


def condition_text(condition: str) -> str:
    """Say in words what was done to the input: ``block:CSF:drop`` -> ``CSF left out``."""
    what, _, how = condition.rpartition(":")
    kind, _, name = what.partition(":")
    subject = shortened(name, 18) if name else {"both": "image and table"}.get(kind, kind)
    return f"{subject} {'shuffled' if how == 'permute' else 'left out'}"


def shapley(evidence: Evidence) -> Iterator[Picture]:
    """Draw how each arm's gain over a constant is shared out between image and table."""
    table, worth = evidence.shapley, worth_of(evidence.target.columns)
    if table.empty:
        return
    styles = arm_styles(table["arm"].unique().tolist(), evidence.names)

    def paint(figure: Figure) -> None:
        for modality, axes in arm_panels(figure, table["modality"].unique().tolist()).items():
            for place, (arm, style) in enumerate(styles.items()):
                for row in records(table[(table["arm"] == arm) & (table["modality"] == modality)]):
                    axes.barh(place, row["value"], height=0.55, color=style.colour, alpha=0.35)
                    forest(axes, place, limits_of(row), style)
            axes.axvline(0, color=GREY, linewidth=1)
            rows(axes, [shortened(arm, 18) for arm in styles])
            axes.set(xlabel=fill(_of(evidence, worth.gained), 30))
            axes.set_title(modality)

    said = "; ".join(f"{r['arm']}, {r['modality']}: {with_interval(*limits_of(r))}" for r in records(table))
    yield draw(
        "shapley",
        paint,
        title="Shares of image and table",
        caption=f"Shapley values of the two modalities: what each adds to the {worth.gained}, averaged over "
        "whether the other is there (left out by its training mean). Lines are 95 % intervals over held-out subjects.",
        alt=f"{said}.",
        table=table,
        height=ROW * len(styles) + 1.3,
        synthetic=evidence.synthetic,
    )


def missingness(evidence: Evidence) -> Iterator[Picture]:
    """Draw each arm's score over the share of clinical values that is hidden from it."""
    table, worth = evidence.missingness, worth_of(evidence.target.columns)
    if table.empty:
        return
    columns = ["hidden", "value", "low", "high"]
    lines = {
        str(arm): Line(*own.sort_values("hidden")[columns].to_numpy(dtype=float).T)
        for arm, own in table.groupby("arm", sort=False)
    }
    together = len(lines) <= TOGETHER
    lowest, highest = float(np.nanmin(table[["low", "value"]])), float(np.nanmax(table[["high", "value"]]))
    known = not np.isnan(worth.chance)
    margin = (highest - lowest) / 5
    limits = (min(0.45, lowest) - 0.02, 1.02) if known else (max(0.0, lowest - margin), highest + margin)

    def finish(axes: Axes) -> None:
        if known:
            reference(axes, [0, 1], [worth.chance, worth.chance])
        axes.set(xlabel="clinical values hidden", ylabel=_of(evidence, worth.title), xlim=(-0.02, 0.95), ylim=limits)
        axes.set_xticks([0, 0.3, 0.6, 0.9], ["0 %", "30 %", "60 %", "90 %"])

    def paint(figure: Figure) -> None:
        if together:
            axes = figure.subplots()
            overlay(axes, lines, {}, True, evidence.names)
            finish(axes)
        else:
            small_multiples(figure, lines, {}, finish, evidence.names)

    said = "; ".join(f"{arm} {line.y[0]:.2f} to {line.y[-1]:.2f}" for arm, line in lines.items())
    yield draw(
        "missingness",
        paint,
        title="When clinical values are missing",
        caption=f"{worth.title} of held-out subjects when each clinical value is hidden at random. Bands are 95 % "
        f"limits over subjects{'; dotted: chance' * known}.{'' if together else ' Grey: the other arms.'}",
        alt=f"{worth.title} with the fewest and with the most values hidden: {said}.",
        table=table,
        height=3.6 + 0.17 * len(lines) if together else 1.85 * -(-len(lines) // 2) + 0.5,
        synthetic=evidence.synthetic,
    )


def _of(evidence: Evidence, words: str) -> str:
    """With name and unit of what is predicted, where a measure is in that unit."""
    return f"{words}, {evidence.target.title}" if worth_of(evidence.target.columns).in_unit else words


def _losses(evidence: Evidence, name: str, title: str, table: pd.DataFrame) -> Picture:
    lost, conditions = worth_of(evidence.target.columns).lost, table["condition"].unique().tolist()
    styles = arm_styles(table["arm"].unique().tolist(), evidence.names)

    def paint(figure: Figure) -> None:
        for arm, axes in arm_panels(figure, list(styles)).items():
            style = styles[arm]
            for row in records(table[table["arm"] == arm]):
                place, shuffled = conditions.index(row["condition"]), row["condition"].endswith(":permute")
                axes.barh(
                    place, row["drop"], height=0.6, facecolor="white", edgecolor=style.colour, alpha=0.6,
                    hatch="////" if shuffled else None,
                )  # fmt: skip
                forest(axes, place, limits_of(row, "drop"), style)
            axes.axvline(0, color=GREY, linewidth=1)
            rows(axes, [condition_text(condition) for condition in conditions])
            axes.set_title(shortened(arm), fontsize=9)
            axes.set_xlabel(_of(evidence, lost))

    said = "; ".join(
        f"{r['arm']}, {condition_text(r['condition'])}: {with_interval(*limits_of(r, 'drop'))}" for r in records(table)
    )
    return draw(
        name,
        paint,
        title=title,
        caption=f"{lost[0].upper()}{lost[1:]} on held-out subjects when an input is left out (its training mean "
        "instead) or shuffled (another subject's, hatched). Lines are 95 % intervals over subjects; an arm that does "
        "not read an input loses nothing by it.",
        alt=f"{lost[0].upper()}{lost[1:]}: {said}.",
        table=table,
        height=-(-len(styles) // 2) * (ROW * len(conditions) + 0.45) + 0.7,
        synthetic=evidence.synthetic,
    )
