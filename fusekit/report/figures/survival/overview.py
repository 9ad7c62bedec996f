"""A run of times to an event in one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from fusekit.data import Target
from fusekit.evaluation import Rule
from fusekit.report.drawing.palette import arm_styles
from fusekit.report.drawing.panels import reference
from fusekit.report.drawing.picture import blank, plain_text
from fusekit.report.figures.survival.horizons import calibrated, draw_risks
from fusekit.report.figures.survival.risk_groups import draw_groups, with_groups
from fusekit.report.figures.training import loss_curve


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
    loss_curve(curve, history)
    table = with_groups(rule.subjects(predictions))
    draw_groups(groups, table)
    groups.set(title="Held-out subjects by predicted risk", xlabel=target.title, ylabel="without the event")
    last = calibrated(table)
    last = last[last["horizon"] == last["horizon"].max()]
    reference(risks, [0, 1], [0, 1])
    draw_risks(risks, last, arm_styles(["run"], ["run"])["run"], "", True, 0)
    risks.set(title="Risk at the last horizon", xlabel="predicted", ylabel="observed")
    figure.savefig(path, dpi=130)
