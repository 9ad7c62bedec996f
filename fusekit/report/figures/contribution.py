"""What each part of the input gives: ablations, shares of the modalities, and values that are missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fusekit.report.drawing.palette import GREY, arm_styles
from fusekit.report.drawing.panels import TOGETHER, Line, arm_panels, forest, overlay, reference, rows, small_multiples
from fusekit.report.drawing.picture import Picture, draw
from fusekit.report.figures.scores import ROW
from fusekit.report.formatting import records, shortened, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Columns whose shuffling is drawn: those that cost most, in any arm.
MOST_COLUMNS = 12


def ablations(
    table: pd.DataFrame, *, measure: str = "AUC", order: Sequence[str] = (), synthetic: bool = False
) -> list[Picture]:
    """Draw how much is lost when an input is dropped or shuffled, a panel an arm.

    Args:
        table: arm, condition, drop, low, high (of the drop), and maybe auc.

    Returns:
        ``ablations`` of modalities and blocks, ``importance`` of columns; each only if there are such conditions.
    """
    of_columns = table["condition"].str.startswith("column:")
    aside = table["condition"].eq("as-is") | table["condition"].str.startswith("hidden:")
    parts, columns = table[~of_columns & ~aside], table[of_columns]
    pictures = []
    if len(parts):
        pictures.append(_losses("ablations", "What is lost without an input", parts, measure, order, synthetic))
    if len(columns):
        costs = columns.groupby("condition")["drop"].max().sort_values(ascending=False, kind="stable")
        kept = columns[columns["condition"].isin(costs.index[:MOST_COLUMNS])]
        kept = kept.assign(place=kept["condition"].map({name: k for k, name in enumerate(costs.index)}))
        kept = kept.sort_values("place", kind="stable").drop(columns="place")
        title = "Permutation importance of clinical columns"
        pictures.append(_losses("importance", title, kept, measure, order, synthetic))
    return pictures


def condition_text(condition: str) -> str:
    """Say in words what was done to the input: ``block:CSF:drop`` -> ``CSF left out``."""
    what, _, how = condition.rpartition(":")
    kind, _, name = what.partition(":")
    subject = shortened(name, 18) if name else {"both": "image and table"}.get(kind, kind)
    return f"{subject} {'shuffled' if how == 'permute' else 'left out'}"


def shapley(
    table: pd.DataFrame, *, measure: str = "AUC", order: Sequence[str] = (), synthetic: bool = False
) -> Picture:
    """Draw how each arm's gain over chance is shared out between image and table.

    Args:
        table: arm, modality, value, low, high.
    """
    arms, modalities = list(dict.fromkeys(table["arm"])), list(dict.fromkeys(table["modality"]))

    def paint(figure: Figure) -> None:
        for modality, axes in arm_panels(figure, modalities).items():
            for place, (arm, style) in enumerate(arm_styles(arms, order).items()):
                for r in records(table[(table["arm"] == arm) & (table["modality"] == modality)]):
                    axes.barh(place, r["value"], height=0.55, color=style.colour, alpha=0.35)
                    value, low, high = r["value"], r["low"], r["high"]
                    forest(axes, [place], [value], [low], [high], colour=style.colour, marker=style.marker)
            axes.axvline(0, color=GREY, linewidth=1)
            rows(axes, [shortened(arm, 18) for arm in arms])
            axes.set_title(modality)
            axes.set_xlabel(f"{measure} above chance")

    said = "; ".join(
        f"{r['arm']}, {r['modality']}: {with_interval(r['value'], r['low'], r['high'])}" for r in records(table)
    )
    return draw(
        "shapley",
        paint,
        title="Shares of image and table",
        caption=f"Shapley values of the two modalities: what each adds to the {measure}, averaged over whether the "
        "other is there (left out by its training mean). Lines are 95 % intervals over held-out subjects.",
        alt=f"{said}.",
        table=table,
        height=ROW * len(arms) + 1.3,
        synthetic=synthetic,
    )


def missingness(
    table: pd.DataFrame, *, measure: str = "AUC", order: Sequence[str] = (), synthetic: bool = False
) -> Picture:
    """Draw each arm's score over the share of clinical values that is hidden from it.

    Args:
        table: arm, hidden (0 to 1), auc, low, high.
    """
    lines = {
        str(arm): Line(
            *(own.sort_values("hidden")[name].to_numpy(dtype=float) for name in ("hidden", "auc", "low", "high"))
        )
        for arm, own in table.groupby("arm", sort=False)
    }
    together = len(lines) <= TOGETHER
    lowest = min(
        0.45, float(np.nanmin(np.concatenate([np.concatenate([line.low, line.y]) for line in lines.values()])))
    )

    def finish(axes: Axes) -> None:
        reference(axes, [0, 1], [0.5, 0.5])
        axes.set(xlabel="clinical values hidden", ylabel=measure, xlim=(-0.02, 0.95), ylim=(lowest - 0.02, 1.02))
        axes.set_xticks([0, 0.3, 0.6, 0.9], ["0 %", "30 %", "60 %", "90 %"])

    def paint(figure: Figure) -> None:
        if together:
            axes = figure.subplots()
            overlay(axes, lines, {}, bands=True, order=order)
            finish(axes)
        else:
            small_multiples(figure, lines, {}, finish, order=order)

    said = "; ".join(f"{arm} {line.y[0]:.2f} to {line.y[-1]:.2f}" for arm, line in lines.items())
    return draw(
        "missingness",
        paint,
        title="When clinical values are missing",
        caption=f"{measure} of held-out subjects when each clinical value is hidden at random. Bands are 95 % limits "
        f"over subjects; dotted: chance.{'' if together else ' Grey: the other arms.'}",
        alt=f"{measure} with the fewest and with the most values hidden: {said}.",
        table=table,
        height=3.6 + 0.17 * len(lines) if together else 1.85 * -(-len(lines) // 2) + 0.5,
        synthetic=synthetic,
    )


def _losses(name: str, title: str, table: pd.DataFrame, measure: str, order: Sequence[str], synthetic: bool) -> Picture:
    arms, conditions = list(dict.fromkeys(table["arm"])), list(dict.fromkeys(table["condition"]))

    def paint(figure: Figure) -> None:
        for arm, axes in arm_panels(figure, arms).items():
            style = arm_styles(arms, order)[arm]
            own = table[table["arm"] == arm].set_index("condition")
            for place, condition in enumerate(conditions):
                if condition in own.index:
                    value, low, high = (float(own.loc[condition, key]) for key in ("drop", "low", "high"))
                    hatch = None if condition.endswith(":drop") else "////"
                    axes.barh(
                        place, value, height=0.6, facecolor="white", edgecolor=style.colour, hatch=hatch, alpha=0.6
                    )
                    forest(axes, [place], [value], [low], [high], colour=style.colour, marker=style.marker)
            axes.axvline(0, color=GREY, linewidth=1)
            rows(axes, [condition_text(condition) for condition in conditions])
            axes.set_title(shortened(arm), fontsize=9)
            axes.set_xlabel(f"loss of {measure}")

    said = "; ".join(
        f"{r['arm']}, {condition_text(r['condition'])}: {with_interval(r['drop'], r['low'], r['high'])}"
        for r in records(table)
    )
    return draw(
        name,
        paint,
        title=title,
        caption=f"Loss of {measure} on held-out subjects when an input is left out (its training mean instead) or "
        "shuffled (another subject's, hatched). Lines are 95 % intervals over subjects; an arm that does not read an "
        "input loses nothing by it.",
        alt=f"Loss of {measure}: {said}.",
        table=table,
        height=-(-len(arms) // 2) * (ROW * len(conditions) + 0.45) + 0.7,
        synthetic=synthetic,
    )
