"""Times to an event: survival by predicted risk, how well each horizon is ranked, and whether its risks come true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusekit.data import Target, TimeToEvent
from fusekit.data.target.time_to_event import RISK, events_of, times_of
from fusekit.evaluation import Rule
from fusekit.evaluation.delong import logit_interval
from fusekit.evaluation.folds import Folds
from fusekit.evaluation.predictions import horizons_of, outputs_of, predicted_columns
from fusekit.evaluation.survival.brier import brier_terms
from fusekit.evaluation.survival.concordance import auc_at, shares
from fusekit.evaluation.survival.kaplan_meier import numbers_at_risk, survival
from fusekit.report.drawing.palette import BLUE, GREEN, GREY, ORANGE, ArmStyle, arm_styles
from fusekit.report.drawing.panels import TICKS, arm_panels, first_column, legend_below, reference
from fusekit.report.drawing.picture import Axes, Figure, Picture, blank, draw, plain_text
from fusekit.report.evidence import Evidence
from fusekit.report.formatting import count_subjects, equals, number, shortened

#: Thirds of predicted risk within each fold, and how they are drawn.
GROUPS = {"low": BLUE, "middle": GREEN, "high": ORANGE}
#: Groups of like predicted survival whose observed survival is shown.
BINS = 5


def kaplan_meier(evidence: Evidence) -> Iterator[Picture]:
    """Draw a panel per arm: survival of the thirds of predicted risk, with numbers at risk, of the first seed."""
    arms = {arm.name: with_groups(arm.runs[0].subjects) for arm in evidence.arms}
    found = {arm: log_rank(own) for arm, own in arms.items()}
    tests = {arm: "one group" if np.isnan(p) else f"log-rank p {equals(p)}" for arm, p in found.items()}
    title = _title(evidence.target)

    def paint(figure: Figure) -> None:
        for arm, axes in arm_panels(figure, list(arms), sharex=False).items():
            _curves(axes, arms[arm])
            axes.set_title(f"{shortened(arm)}: {tests[arm]}", fontsize=8.5)
            axes.set(xlabel=title, ylabel="without the event" if first_column(axes) else "")
            axes.xaxis.label.set_visible(True)

    yield draw(
        "kaplan-meier",
        paint,
        title="Survival by predicted risk",
        caption=f"{count_subjects(evidence.arms[0].runs[0].subjects)}, held out. Thirds of the predicted risk within "
        "each fold; Kaplan-Meier curves with the number still at risk. The log-rank test compares the three.",
        alt="Thirds of predicted risk: " + ", ".join(f"{arm} {p}" for arm, p in tests.items()) + ".",
        table=pd.concat([_steps(own).assign(arm=arm) for arm, own in arms.items()], ignore_index=True),
        height=3.6 * ceil(len(arms) / 2) + 0.3 if len(arms) > 1 else 4.9,
        synthetic=evidence.synthetic,
    )


def at_horizons(evidence: Evidence) -> Iterator[Picture]:
    """Draw AUC and Brier score over the horizons, of all arms and the first seed, with 95 % limits of the AUC."""
    table = pd.concat([_scores(arm.runs[0].subjects).assign(arm=arm.name) for arm in evidence.arms], ignore_index=True)
    styles = arm_styles(evidence.names)

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
        ranking.set(title="AUC of events by then", xlabel=_title(evidence.target), xlim=(0, None))
        errors.set(title="Brier score", xlabel=_title(evidence.target), xlim=(0, None), ylim=(0, None))
        legend_below(ranking)

    last = table[table["horizon"] == table["horizon"].max()]
    yield draw(
        "horizons",
        paint,
        title="Scores at each horizon",
        caption="Who has the event by a horizon against who is known to have none (cumulative and dynamic), "
        "within folds, with 95 % limits; and the squared error of survival. Both weighted for those who were censored.",
        alt="AUC at the last horizon: " + ", ".join(f"{r.arm} {number(r.auc)}" for r in last.itertuples()) + ".",
        table=table,
        height=3.2 + 0.17 * len(styles),
        synthetic=evidence.synthetic,
    )


def calibration(evidence: Evidence) -> Iterator[Picture]:
    """Draw a panel per arm: observed against predicted risk at each horizon, in groups of like predictions."""
    table = pd.concat([calibrated(arm.runs[0].subjects).assign(arm=arm.name) for arm in evidence.arms])
    styles = arm_styles(evidence.names)
    last = table["horizon"].max()

    def paint(figure: Figure) -> None:
        for arm, axes in arm_panels(figure, list(styles)).items():
            reference(axes, [0, 1], [0, 1])
            for place, (horizon, own) in enumerate(table[table["arm"] == arm].groupby("horizon")):
                _risks(axes, own, styles[arm], f"{horizon:g}", horizon == last, place)
            axes.set(xticks=TICKS, yticks=TICKS, xlabel="predicted risk", title=shortened(arm))
            axes.set_ylabel("observed risk" if first_column(axes) else "")
            legend_below(axes, 4)

    yield draw(
        "calibration-at-horizons",
        paint,
        title="Observed and predicted risk",
        caption=f"{BINS} groups of like predictions at each horizon: 1 - Kaplan-Meier survival against the mean of 1 - "
        "predicted survival. Full: the last horizon, with 95 % limits; dotted: as predicted.",
        alt="Observed over predicted risk at the last horizon by group: "
        + "; ".join(
            f"{arm}: "
            + ", ".join(f"{number(o)} of {number(p)}" for o, p in zip(own["observed"], own["predicted"], strict=True))
            for arm, own in table[table["horizon"] == last].groupby("arm", sort=False)
        )
        + ".",
        table=table,
        height=2.9 * ceil(len(styles) / 2) + 0.3 if len(styles) > 1 else 4.6,
        synthetic=evidence.synthetic,
    )


def with_groups(subjects: pd.DataFrame) -> pd.DataFrame:
    """Subjects with the column ``group``: the third of predicted risk within their fold, which is one model's.

    Equal risks are in one group.
    """
    folds = subjects["fold"] if "fold" in subjects else pd.Series(0, index=subjects.index)
    ranks = subjects.groupby(folds)[RISK].rank(method="average", pct=True)
    third = np.clip(np.ceil(ranks * 3 - 1e-9).astype(int) - 1, 0, 2)
    return subjects.assign(group=np.array(list(GROUPS))[third])


def log_rank(subjects: pd.DataFrame) -> float:
    """The p of no difference between the groups; NaN where there is one, or no event."""
    from statsmodels.duration.survfunc import survdiff

    labels = subjects["label"].to_numpy()
    if not events_of(labels).any() or subjects["group"].nunique() < 2:
        return float("nan")
    return float(survdiff(times_of(labels), events_of(labels).astype(int), subjects["group"].to_numpy())[1])


def calibrated(subjects: pd.DataFrame) -> pd.DataFrame:
    """A row per horizon and group of like predictions: horizon, predicted, observed, low, high, subjects."""
    columns = predicted_columns(subjects)
    predicted, labels = outputs_of(subjects)[:, 1:], subjects["label"].to_numpy()
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


@plain_text()
def survival_overview(
    path: Path,
    *,
    title: str,
    history: pd.DataFrame,
    predictions: pd.DataFrame,
    target: Target,
    rule: Rule = Rule(),  # noqa: B008 (it cannot be changed)
    **_: Any,
) -> None:
    """Write one PNG of a run: training curve, survival by predicted risk, calibration; as ``overview`` of classes."""
    figure = blank(11, 3.9, title)
    curve, groups, risks = figure.subplots(1, 3)
    mean = history.groupby("epoch")["loss"].mean()
    curve.plot(mean.index, mean, color=BLUE, marker="o", markersize=3)
    curve.set(title="Loss over training slices, as seen", xlabel="epoch", ylim=(0, None))
    table = with_groups(rule.subjects(predictions))
    _curves(groups, table)
    groups.set(title="Held-out subjects by predicted risk", xlabel=_title(target), ylabel="without the event")
    last = calibrated(table)
    last = last[last["horizon"] == last["horizon"].max()]
    reference(risks, [0, 1], [0, 1])
    _risks(risks, last, arm_styles(["run"])["run"], "", True, 0)
    risks.set(title="Risk at the last horizon", xlabel="predicted", ylabel="observed")
    figure.savefig(path, dpi=130)


def _title(target: Target) -> str:
    return target.title if isinstance(target, TimeToEvent) else target.kind


def _curves(axes: Axes, subjects: pd.DataFrame) -> None:
    """Kaplan-Meier curves of the groups, with the numbers at risk at the ticks in lines below."""
    labels = subjects["label"].to_numpy()
    ends = np.linspace(0, float(times_of(labels).max()), 4).round(0 if times_of(labels).max() > 8 else 2)
    for line, (group, colour) in enumerate(GROUPS.items()):
        own = labels[subjects["group"] == group]
        if not len(own):
            continue
        curve = survival(own)
        x, y = np.concatenate([[0.0], curve.times]), np.concatenate([[1.0], curve.levels])
        axes.step(x, y, where="post", color=colour, linewidth=1.4)
        below: dict[str, Any] = {
            "transform": axes.get_xaxis_transform(),
            "color": colour,
            "fontsize": 7.5,
            "va": "center",
        }
        axes.text(-0.06 * ends[-1], -0.24 - 0.065 * line, group, ha="right", **below)
        for end, count in zip(ends, numbers_at_risk(own, ends), strict=True):
            axes.text(end, -0.24 - 0.065 * line, str(count), ha="center", **below)
    axes.text(0, -0.24 - 0.065 * len(GROUPS), " ", transform=axes.get_xaxis_transform(), fontsize=7.5)  # room below
    axes.set(ylim=(0, 1.02), xlim=(0, None), xticks=ends)


def _steps(subjects: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for group, own in subjects.groupby("group", sort=False):
        curve = survival(own["label"].to_numpy())
        at_risk = numbers_at_risk(own["label"].to_numpy(), curve.times)
        parts.append(pd.DataFrame({"group": group, "time": curve.times, "survival": curve.levels, "at_risk": at_risk}))
    return pd.concat(parts, ignore_index=True)


def _scores(subjects: pd.DataFrame) -> pd.DataFrame:
    """A row per horizon: horizon, auc, low, high, brier."""
    horizons, labels = horizons_of(predicted_columns(subjects)), subjects["label"].to_numpy()
    predicted, folds = outputs_of(subjects), Folds.of_table(subjects).of_row
    brier = brier_terms(labels, predicted[:, 1:], horizons).mean(axis=0)
    rows: list[Mapping[str, float]] = []
    for k, horizon in enumerate(horizons):
        found = shares(auc_at(horizon), labels, predicted[:, 0], subjects["subject"].to_numpy(), folds)
        area = float(found.area[0])
        low, high = logit_interval(area, float(found.covariance[0, 0]))
        rows.append({"horizon": horizon, "auc": area, "low": low, "high": high, "brier": float(brier[k])})
    return pd.DataFrame(rows)


def _risks(axes: Axes, own: pd.DataFrame, style: ArmStyle, label: str, full: bool, place: int) -> None:
    if full:
        axes.vlines(own["predicted"], own["low"], own["high"], color=style.colour, linewidth=1)
    colour = style.colour if full else GREY
    marker = ("o", "s", "^", "D", "v")[place % 5]
    axes.plot(own["predicted"], own["observed"], marker=marker, color=colour, linewidth=1, markersize=4,
              markerfacecolor=colour if full else "none", label=label or None)  # fmt: skip
