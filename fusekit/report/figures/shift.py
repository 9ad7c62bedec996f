"""Pictures of an external validation: scores beside those of training, and what differs between the cohorts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from fusekit.evaluation.cohorts.shift import SHIFT
from fusekit.report.drawing.palette import BLUE, GREY, ORANGE
from fusekit.report.drawing.panels import reference
from fusekit.report.drawing.picture import Axes, Figure, Picture, draw
from fusekit.report.formatting import Limits, file_names, limits_of, records

#: So many clinical columns are drawn, those that differ most.
COLUMNS = 20
#: Differences beyond so many standard deviations are drawn at the edge, with their number.
_FAR = 3.0
#: Grey levels below are background; how much of it there is, is written.
_DARK = 16


def external_pictures(
    *,
    classes: Sequence[str],
    titles: Mapping[str, str],
    scores: pd.DataFrame,
    clinical: pd.DataFrame,
    grey: Mapping[str, pd.DataFrame],
    trained: Mapping[str, tuple[float, float]],
    reliability: pd.DataFrame | None,
    synthetic: bool,
) -> Iterator[Picture]:
    """Draw an external validation.

    Args:
        scores: from ``beside_training``.
        grey: from ``grey_levels``, by the name of the channel.
        clinical: from ``clinical_shift``; without rows there is no picture of it.
        trained: mean and standard deviation of the training's grey levels, by the name of the channel.
        reliability: at subject level; None where no probabilities are predicted.
    """
    picture = partial(draw, synthetic=synthetic)
    own = scores[scores["level"] == "subject"].reset_index(drop=True)
    yield picture(
        "external-scores",
        partial(_scores, table=own, titles=titles),
        title="The same model on two cohorts",
        caption="Scores of subjects with 95 % intervals: those held out of the training cohort, and "
        f"{int(own['external_subjects'].iloc[0])} of the other cohort. The model was not changed in between.",
        alt=" ".join(
            f"{titles[r['metric']]}: {r['internal']:.2f} in training, {r['external']:.2f} elsewhere."
            for r in records(own)
        ),
        table=own,
        height=0.9 + 0.42 * len(own),
    )
    known = clinical[clinical["difference"].notna()]
    largest = known.loc[known["difference"].abs().sort_values(ascending=False, kind="stable").index].head(COLUMNS)
    if len(largest):
        yield picture(
            "external-clinical",
            partial(_differences, table=largest),
            title="Clinical columns, other cohort minus training",
            caption="Difference of the means in training standard deviations, with the 95 % limits of each: the "
            f"{len(largest)} of {len(known)} columns that differ most. Dotted: {SHIFT:g}. Orange: more than that, and "
            "beyond what chance gives among so many columns.",
            alt=f"{int((known['difference'].abs() > SHIFT).sum())} of {len(known)} columns differ by more than "
            f"{SHIFT:g} standard deviations; most, {largest['column'].iloc[0]} by {largest['difference'].iloc[0]:.2f}.",
            table=largest,
            height=1.1 + 0.22 * len(largest),
        )
    stems = file_names(list(grey))
    for name, levels in grey.items():
        mean, (before, spread) = float(((levels["low"] + levels["high"]) / 2 * levels["share"]).sum()), trained[name]
        of, several = f" of {name}" if len(grey) > 1 else "", len(grey) > 1
        yield picture(
            f"external-intensity-{stems[name]}" if several else "external-intensity",
            partial(_grey, table=levels, mean=mean, trained=trained[name]),
            title=f"Grey levels of the stored slices{of}",
            caption="Histogram of the other cohort's; the bundle keeps mean and standard deviation of the training's.",
            alt=f"Mean grey level{of} {mean:.1f}; in training {before:.1f}, standard deviation {spread:.1f}.",
            table=levels,
            height=2.6,
        )
    if reliability is None:
        return
    yield picture(
        "external-reliability",
        partial(_reliability, table=reliability, classes=classes),
        title="Probabilities against outcomes",
        caption="Subjects of the other cohort by predicted probability, with 95 % intervals of the observed share. On "
        "the diagonal, probabilities mean what they say.",
        alt="; ".join(
            f"predicted {row['predicted']:.2f}, observed {row['observed']:.2f} of {row['subjects']:.0f}"
            for row in records(reliability)
        ),
        table=reliability,
        height=3.6,
        width=4.2,
    )


def _scores(figure: Figure, *, table: pd.DataFrame, titles: Mapping[str, str]) -> None:
    axes = figure.subplots()
    sides = (("internal", "training cohort, held out", GREY, "s", -0.14), ("external", "other cohort", BLUE, "o", 0.14))
    for side, label, colour, marker, shift in sides:
        places = np.arange(len(table)) + shift
        axes.hlines(places, table[f"{side}_low"], table[f"{side}_high"], color=colour, linewidth=1.6)
        axes.plot(table[side], places, marker, color=colour, label=label)
    axes.set_yticks(range(len(table)), [titles[name] for name in table["metric"]])
    ends = [f"{side}{end}" for side, *_ in sides for end in ("", "_low", "_high")]
    if table[ends].min().min() >= 0 and table[ends].max().max() <= 1:
        axes.set(xlim=(-0.02, 1.02))
    axes.set(ylim=(len(table) - 0.5, -0.5))
    axes.grid(axis="x", color="#E5E5E5", linewidth=0.6)
    figure.legend(loc="outside lower center", ncols=2)


def _differences(figure: Figure, *, table: pd.DataFrame) -> None:
    axes = figure.subplots()
    names = [f"{row['column']} {row['category']}".strip() for row in records(table)]
    for line, style in ((0, "-"), (-SHIFT, ":"), (SHIFT, ":")):
        axes.axvline(line, color=GREY, linewidth=0.8, linestyle=style)
    limits = table[["difference", "low", "high"]].fillna({"low": table["difference"], "high": table["difference"]})
    sure = (table["difference"].abs() > SHIFT) & ~table["verdict"].str.startswith("perhaps ")
    edge = min(_FAR, 1.15 * float(limits.abs().max().max()))
    for place, (far, row) in enumerate(zip(sure, records(limits), strict=True)):
        _difference(axes, place, limits_of(row, "difference"), edge, ORANGE if far else BLUE)
    axes.set_yticks(range(len(table)), names, fontsize=7.5)
    axes.set(xlim=(-edge * 1.02, edge * 1.02), ylim=(len(table) - 0.4, -0.6))
    axes.set_xlabel("training standard deviations")


def _difference(axes: Axes, place: int, limits: Limits, edge: float, colour: str) -> None:
    value, low, high = limits
    axes.hlines(place, max(low, -edge), min(high, edge), color=colour, linewidth=1.4)
    if abs(value) <= edge:
        axes.plot(value, place, "o", color=colour, markersize=4)
        return
    end, marker, align = (edge, ">", "right") if value > 0 else (-edge, "<", "left")
    axes.plot(end, place, marker, color=colour, markersize=5)
    axes.text(0.95 * end, place, f"{value:+.3g}", va="center", ha=align, fontsize=7.5)


def _grey(figure: Figure, *, table: pd.DataFrame, mean: float, trained: tuple[float, float]) -> None:
    axes = figure.subplots()
    before, spread = trained
    axes.axvspan(before - spread, before + spread, color="#E5E5E5", linewidth=0)
    axes.axvline(before, color=GREY, linestyle="--", label="training: mean, and one standard deviation")
    edges = [*table["low"], float(table["high"].iloc[-1])]
    axes.stairs(table["share"], edges, color=BLUE, fill=True, alpha=0.6)
    axes.axvline(mean, color=BLUE, label="other cohort: mean")
    # Background would press everything else flat.
    dark = table["low"] < _DARK
    top = float(table.loc[~dark, "share"].max())
    axes.set(xlim=(0, 256), xlabel="grey level", ylabel="share of pixels", ylim=(0, 1.2 * top if top > 0 else 1))
    if float(table.loc[dark, "share"].max()) > 1.2 * top:
        share = table.loc[dark, "share"].sum()
        axes.set_xlabel(f"grey level ({share:.0%} of the pixels are below {_DARK}, cut off here)")
    figure.legend(loc="outside lower center", ncols=1)


def _reliability(figure: Figure, *, table: pd.DataFrame, classes: Sequence[str]) -> None:
    axes = figure.subplots()
    reference(axes, [0, 1], [0, 1])
    axes.vlines(table["predicted"], table["low"], table["high"], color=BLUE, linewidth=1.4)
    axes.plot(table["predicted"], table["observed"], "o-", color=BLUE, linewidth=1)
    what, seen = "probability of the called class", "share of right calls"
    if len(classes) == 2:
        what, seen = f"probability of {classes[1]}", f"observed share of {classes[1]}"
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=what, ylabel=seen, box_aspect=1)
