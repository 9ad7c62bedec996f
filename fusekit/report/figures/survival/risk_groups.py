"""Survival of the thirds of predicted risk, with the numbers still at risk (Kaplan and Meier 1958)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil
from typing import Any

import numpy as np
import pandas as pd

from fusekit.data.target.follow_up import ENTRY, entries_of, events_of, labels_of, times_of
from fusekit.data.target.time_to_event import RISK
from fusekit.evaluation.survival.kaplan_meier import numbers_at_risk, survival
from fusekit.report.drawing.palette import BLUE, GREEN, ORANGE
from fusekit.report.drawing.panels import arm_panels, first_column
from fusekit.report.drawing.picture import Axes, Figure, Picture, draw
from fusekit.report.evidence import Evidence
from fusekit.report.formatting import count_subjects, equals, shortened

#: Thirds of predicted risk within each fold, and how they are drawn.
GROUPS = {"low": BLUE, "middle": GREEN, "high": ORANGE}


def kaplan_meier(evidence: Evidence) -> Iterator[Picture]:
    """Draw a panel per arm: survival of the thirds of predicted risk, with numbers at risk, of the first seed."""
    arms = {arm.name: with_groups(arm.runs[0].subjects) for arm in evidence.arms}
    found = {arm: log_rank(own) for arm, own in arms.items()}
    tests = {arm: "one group" if np.isnan(p) else f"log-rank p {equals(p)}" for arm, p in found.items()}
    title = evidence.target.title
    late = " Who enters late is at risk from then on, so that the number may rise." if is_late(arms.values()) else ""

    def paint(figure: Figure) -> None:
        for arm, axes in arm_panels(figure, list(arms), sharex=False).items():
            draw_groups(axes, arms[arm])
            axes.set_title(f"{shortened(arm)}: {tests[arm]}", fontsize=8.5)
            axes.set(xlabel=title, ylabel="without the event" if first_column(axes) else "")
            axes.xaxis.label.set_visible(True)

    yield draw(
        "kaplan-meier",
        paint,
        title="Survival by predicted risk",
        caption=f"{count_subjects(evidence.arms[0].runs[0].subjects)}, held out. Thirds of the predicted risk within "
        f"each fold; Kaplan-Meier curves with the number still at risk.{late} The log-rank test compares the three.",
        alt="Thirds of predicted risk: " + ", ".join(f"{arm} {p}" for arm, p in tests.items()) + ".",
        table=pd.concat([_steps(own).assign(arm=arm) for arm, own in arms.items()], ignore_index=True),
        height=3.6 * ceil(len(arms) / 2) + 0.3 if len(arms) > 1 else 4.9,
        synthetic=evidence.synthetic,
    )


def is_late(tables: Iterable[pd.DataFrame]) -> bool:
    """Whether people of tables of predictions came under observation after the start."""
    return any(ENTRY in table for table in tables)


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

    labels = labels_of(subjects)
    if not events_of(labels).any() or subjects["group"].nunique() < 2:
        return float("nan")
    group, entries = subjects["group"].to_numpy(), entries_of(labels)
    late = {} if entries is None else {"entry": entries}
    return float(survdiff(times_of(labels), events_of(labels).astype(int), group, **late)[1])


def draw_groups(axes: Axes, subjects: pd.DataFrame) -> None:
    """Kaplan-Meier curves of the groups, with the numbers at risk at the ticks in lines below."""
    labels = labels_of(subjects)
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
        curve = survival(labels_of(own))
        at_risk = numbers_at_risk(labels_of(own), curve.times)
        parts.append(pd.DataFrame({"group": group, "time": curve.times, "survival": curve.levels, "at_risk": at_risk}))
    return pd.concat(parts, ignore_index=True)
