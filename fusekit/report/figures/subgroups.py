"""Scores by sex, age band, site: whether an arm is as good for everybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from fusekit.report.drawing.palette import GREY, arm_styles
from fusekit.report.drawing.panels import arm_panels, first_column, forest, rows
from fusekit.report.drawing.picture import Figure, Picture, draw
from fusekit.report.evidence import Evidence
from fusekit.report.figures.scores import ROW
from fusekit.report.formatting import limits_of, records, shortened, with_interval

#: Metrics by which subgroups are drawn, of those that the task has.
METRICS = ("auc", "macro-auc", "cuts-auc", "mae", "accuracy", "balanced-accuracy")


def subgroups(evidence: Evidence) -> Iterator[Picture]:
    """Draw, for each metric, every group that some arm has a score of, a panel per arm."""
    for metric in METRICS if len(evidence.subgroups) else ():
        table = evidence.subgroups[evidence.subgroups["metric"] == metric]
        if table["value"].notna().any():
            yield _drawn(evidence, metric, table)


def _drawn(evidence: Evidence, metric: str, table: pd.DataFrame) -> Picture:
    title, scores = evidence.metrics.get(metric, metric), evidence.subject_scores
    of_group = table.groupby(["variable", "group"], observed=True)["value"].transform("count")
    small = table[of_group == 0].groupby(["variable", "group"], observed=True).ngroups
    table = table[of_group > 0]
    styles = arm_styles(table["arm"].unique().tolist(), evidence.names)
    groups = table.drop_duplicates(["variable", "group"])
    lines: list[tuple[str, tuple[str, str] | None]] = []  # text, and the group unless it is a variable's heading
    for variable, own in groups.groupby("variable", sort=False):
        lines.append((shortened(str(variable), 22), None))
        lines += [(_label(row), (row["variable"], row["group"])) for row in records(own)]

    def paint(figure: Figure) -> None:
        for arm, axes in arm_panels(figure, list(styles)).items():
            own = {(row["variable"], row["group"]): row for row in records(table[table["arm"] == arm])}
            for place, (_, key) in enumerate(lines):
                if key is not None and key in own:
                    forest(axes, place, limits_of(own[key]), styles[arm])
            rows(axes, [text for text, _ in lines])
            if first_column(axes):
                for label, (_, key) in zip(axes.get_yticklabels(), lines, strict=True):
                    label.set_fontweight("bold" if key is None else "normal")
            for value in scores[(scores["arm"] == arm) & (scores["metric"] == metric)]["value"]:
                axes.axvline(value, color=GREY, linewidth=1, linestyle=":")  # of all subjects
            axes.set_title(shortened(arm), fontsize=9)
            axes.set_xlabel(title)

    said = "; ".join(
        f"{r['arm']}, {r['variable']} {r['group']} ({r['subjects']} subjects): {with_interval(*limits_of(r))}"
        for r in records(table)
    )
    positives = " (of them in the positive class)" if "positives" in table and table["positives"].notna().any() else ""
    short = " Without a bar: too few subjects in some fold for an interval." if table["low"].isna().any() else ""
    left = "" if small == 0 else f" Groups that are too small to be scored are not drawn ({small})."
    return draw(
        f"subgroups-{metric}",
        paint,
        title=f"{title} by subgroup",
        caption=f"Held-out subjects; beside each group its number of subjects{positives}. Bars are 95 % intervals over "
        f"subjects. Dotted: everybody.{short}{left}",
        alt=f"{title}: {said}.",
        table=table,
        height=-(-len(styles) // 2) * (ROW * len(lines) + 0.45) + 0.7,
        synthetic=evidence.synthetic,
    )


def _label(row: Mapping[str, Any]) -> str:
    positives = f" ({int(row['positives'])})" if pd.notna(row.get("positives")) else ""
    return f"{shortened(str(row['group']), 16)}, n = {int(row['subjects'])}{positives}"
