"""How well each horizon is ranked, and whether its risks come true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from math import ceil

import numpy as np
import pandas as pd

from fusekit.data.target.follow_up import labels_of
from fusekit.evaluation.delong import logit_interval
from fusekit.evaluation.folds import Folds
from fusekit.evaluation.predictions import horizons_of, outputs_of, predicted_columns
from fusekit.evaluation.survival.brier import brier_terms
from fusekit.evaluation.survival.concordance import auc_at, shares
from fusekit.evaluation.survival.kaplan_meier import survival
from fusekit.report.drawing.palette import GREY, ArmStyle, arm_styles
from fusekit.report.drawing.panels import TICKS, Line, arm_panels, first_column, legend_below, overlay, reference
from fusekit.report.drawing.picture import Axes, Figure, Picture, draw
from fusekit.report.evidence import Evidence
from fusekit.report.figures.survival.risk_groups import is_late
from fusekit.report.formatting import number, shortened

#: Groups of like predicted survival whose observed survival is shown.
BINS = 5


def at_horizons(evidence: Evidence) -> Iterator[Picture]:
    """Draw AUC and Brier score over the horizons, of all arms and the first seed, with 95 % limits of the AUC."""
    table = pd.concat([_scores(arm.runs[0].subjects).assign(arm=arm.name) for arm in evidence.arms], ignore_index=True)
    styles = arm_styles(evidence.names, evidence.names)

    def paint(figure: Figure) -> None:
        ranking, errors = figure.subplots(1, 2)
        for place, (arm, own) in enumerate(table.groupby("arm", sort=False)):
            style = styles[str(arm)]
            shift = 0.006 * own["horizon"].max() * (place - (len(styles) - 1) / 2)
            ranking.errorbar(own["horizon"] + shift, own["auc"], [own["auc"] - own["low"], own["high"] - own["auc"]],
                             color=style.colour, linestyle=style.line, marker=style.marker, markersize=4,
                             linewidth=1.2, label=shortened(str(arm), 34))  # fmt: skip
            errors.plot(own["horizon"], own["brier"], color=style.colour, linestyle=style.line, marker=style.marker,
                        markersize=4)  # fmt: skip
        reference(ranking, [0, table["horizon"].max()], [0.5, 0.5])
        ranking.set(title="AUC of events by then", xlabel=evidence.target.title, xlim=(0, None))
        errors.set(title="Brier score", xlabel=evidence.target.title, xlim=(0, None), ylim=(0, None))
        legend_below(ranking)

    last = table[table["horizon"] == table["horizon"].max()]
    yield draw(
        "horizons",
        paint,
        title="Scores at each horizon",
        caption="Who has the event by a horizon against who is known to have none (cumulative and dynamic), "
        "within folds, with 95 % limits; and the squared error of survival. Both weighted for those who were censored"
        + (", or had not entered." if is_late(arm.runs[0].subjects for arm in evidence.arms) else "."),
        alt="AUC at the last horizon: " + ", ".join(f"{r.arm} {number(r.auc)}" for r in last.itertuples()) + ".",
        table=table,
        height=3.2 + 0.17 * len(styles),
        synthetic=evidence.synthetic,
    )


def calibration(evidence: Evidence) -> Iterator[Picture]:
    """Draw observed against predicted risk in groups of like predictions.

    Of several arms, all together at the last horizon, and then a panel per arm with every horizon.
    """
    table = pd.concat([calibrated(arm.runs[0].subjects).assign(arm=arm.name) for arm in evidence.arms])
    styles = arm_styles(evidence.names, evidence.names)
    last = table["horizon"].max()

    of_last, several = table[table["horizon"] == last], len(styles) > 1

    def together(figure: Figure) -> None:
        axes, columns = figure.subplots(), ["predicted", "observed", "low", "high"]
        lines = {str(arm): Line(*own[columns].to_numpy().T) for arm, own in of_last.groupby("arm", sort=False)}
        overlay(axes, lines, {}, False, evidence.names)
        reference(axes, [0, 1], [0, 1])
        axes.set(xlabel=f"predicted risk up to {last:g}", ylabel="observed risk", xticks=TICKS, yticks=TICKS)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.015), box_aspect=1)

    def each_arm(figure: Figure) -> None:
        for arm, axes in arm_panels(figure, list(styles)).items():
            reference(axes, [0, 1], [0, 1])
            for place, (horizon, own) in enumerate(table[table["arm"] == arm].groupby("horizon")):
                draw_risks(axes, own, styles[arm], f"{horizon:g}", horizon == last, place)
            axes.set(xticks=TICKS, yticks=TICKS, xlabel="predicted risk", title=shortened(arm))
            axes.set_ylabel("observed risk" if first_column(axes) else "")
            legend_below(axes, 4)

    groups = f"{BINS} groups of like predictions"
    against = "1 - Kaplan-Meier survival against the mean of 1 - predicted survival"
    picture = partial(
        draw,
        alt="Observed over predicted risk at the last horizon by group: "
        + "; ".join(
            f"{arm}: "
            + ", ".join(f"{number(o)} of {number(p)}" for o, p in zip(own["observed"], own["predicted"], strict=True))
            for arm, own in of_last.groupby("arm", sort=False)
        )
        + ".",
        synthetic=evidence.synthetic,
    )
    if several:
        yield picture(
            "calibration-at-horizons",
            together,
            title="Calibration at the last horizon",
            caption=f"{groups}: {against}. Dotted: as predicted.",
            table=of_last,
            height=4.3 + 0.17 * len(styles),
        )
    yield picture(
        "calibration-at-horizons-by-arm" if several else "calibration-at-horizons",
        each_arm,
        title="Observed and predicted risk",
        caption=f"{groups} at each horizon: {against}. Full: the last horizon, with 95 % limits; dotted: as predicted.",
        table=table,
        height=2.9 * ceil(len(styles) / 2) + 0.3 if several else 4.6,
    )


def calibrated(subjects: pd.DataFrame) -> pd.DataFrame:
    """A row per horizon and group of like predictions: horizon, predicted, observed, low, high, subjects."""
    columns = predicted_columns(subjects)
    predicted, labels = outputs_of(subjects)[:, 1:], labels_of(subjects)
    rows = []
    for k, horizon in enumerate(horizons_of(columns)):
        parts = min(BINS, max(1, len(subjects) // 10))
        group = (pd.Series(predicted[:, k]).rank(method="average").to_numpy() - 1) * parts // len(subjects)
        for own in (group == one for one in np.unique(group)):  # equal predictions are in one
            curve = survival(labels[own])
            high, low = (1 - limit for limit in curve.limits(horizon))
            observed = float(1 - curve.at(horizon))
            rows.append((horizon, float(1 - predicted[own, k].mean()), observed, low, high, int(own.sum())))
    return pd.DataFrame(rows, columns=["horizon", "predicted", "observed", "low", "high", "subjects"])


def draw_risks(axes: Axes, own: pd.DataFrame, style: ArmStyle, label: str, full: bool, place: int) -> None:
    """Draw one horizon's groups; the last one full, with its limits."""
    if full:
        axes.vlines(own["predicted"], own["low"], own["high"], color=style.colour, linewidth=1)
    colour = style.colour if full else GREY
    marker = ("o", "s", "^", "D", "v")[place % 5]
    axes.plot(own["predicted"], own["observed"], marker=marker, color=colour, linewidth=1, markersize=4,
              markerfacecolor=colour if full else "none", label=label or None)  # fmt: skip


def _scores(subjects: pd.DataFrame) -> pd.DataFrame:
    """A row per horizon: horizon, auc, low, high, brier."""
    horizons, labels = horizons_of(predicted_columns(subjects)), labels_of(subjects)
    predicted, folds = outputs_of(subjects), Folds.of_table(subjects).of_row
    brier = brier_terms(labels, predicted[:, 1:], horizons).mean(axis=0)
    rows: list[Mapping[str, float]] = []
    for k, horizon in enumerate(horizons):
        found = shares(auc_at(horizon), labels, predicted[:, 0], subjects["subject"].to_numpy(), folds)
        area = float(found.area[0])
        low, high = logit_interval(area, float(found.covariance[0, 0]))
        rows.append({"horizon": horizon, "auc": area, "low": low, "high": high, "brier": float(brier[k])})
    return pd.DataFrame(rows)
