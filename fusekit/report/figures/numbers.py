"""Predicted numbers beside the true ones: scatter, and differences against means (Bland and Altman 1986)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import ceil
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from fusekit.data import Target
from fusekit.evaluation import Rule
from fusekit.report.drawing.palette import BLUE, GREY, arm_styles
from fusekit.report.drawing.panels import arm_panels, first_column, reference
from fusekit.report.drawing.picture import Axes, Figure, Picture, blank, draw, plain_text
from fusekit.report.evidence import Evidence
from fusekit.report.figures.training import loss_curve
from fusekit.report.formatting import count_subjects, number, shortened

#: Draws rows of a table, in a colour, of what has a title.
Panel: TypeAlias = Callable[[Axes, pd.DataFrame, str, str], None]


def scatter(evidence: Evidence) -> Iterator[Picture]:
    """Draw a panel per arm: each subject's true and predicted value, of the first seed."""
    table, title = _subjects(evidence), evidence.target.title
    errors = table.groupby("arm", sort=False)["difference"].apply(lambda own: own.abs().mean())
    yield _drawn(
        evidence,
        "scatter",
        table[["arm", "subject", "fold", "true", "predicted"]],
        _scatter,
        title="Predicted and true values",
        caption="Each point is a subject. On the dotted line, the prediction is right.",
        alt=f"Mean absolute error of {title}: " + ", ".join(f"{arm} {number(e)}" for arm, e in errors.items()) + ".",
    )


def bland_altman(evidence: Evidence) -> Iterator[Picture]:
    """Draw a panel per arm: predicted minus true, against the mean of both, with the limits of agreement."""
    table = _subjects(evidence)
    found = {str(arm): agreement(own["difference"].to_numpy()) for arm, own in table.groupby("arm", sort=False)}
    lines = pd.DataFrame(found.values(), columns=["bias", "lower", "upper"]).assign(arm=list(found))
    yield _drawn(
        evidence,
        "bland-altman",
        table[["arm", "subject", "fold", "mean", "difference"]].merge(lines, on="arm"),
        _agreement,
        title="Differences against means",
        caption="Predicted minus true value, against the mean of both (Bland and Altman). Solid: the mean difference; "
        "dashed: 1.96 standard deviations to either side, between which 95 % of differences lie if they are normal. A "
        "slope is usual: what is predicted is drawn towards the mean.",
        alt="; ".join(
            f"{arm}: mean difference {number(bias)}, limits of agreement {number(low)} to {number(high)}"
            for arm, (bias, low, high) in found.items()
        ),
    )


def agreement(differences: np.ndarray) -> tuple[float, float, float]:
    """Mean difference and the limits of agreement: 1.96 standard deviations (n - 1) to either side; NaN of one."""
    bias = float(differences.mean())
    half = 1.96 * float(differences.std(ddof=1)) if len(differences) > 1 else float("nan")
    return bias, bias - half, bias + half


@plain_text()
def number_overview(
    path: Path,
    *,
    title: str,
    history: pd.DataFrame,
    predictions: pd.DataFrame,
    target: Target,
    rule: Rule = Rule(),  # noqa: B008 (it cannot be changed)
    **_: Any,
) -> None:
    """Write one PNG of a run: training curve, scatter, and differences against means; as ``overview`` of classes."""
    figure = blank(11, 3.9, title)
    curve, points, differences = figure.subplots(1, 3)
    loss_curve(curve, history)
    table = _paired(rule.subjects(predictions))
    _scatter(points, table, BLUE, target.title)
    _agreement(differences, table, BLUE, target.title)
    points.set_title("Held-out subjects")
    differences.set_title("Predicted minus true")
    figure.savefig(path, dpi=130)


def _subjects(evidence: Evidence) -> pd.DataFrame:
    """A row per arm and subject of the first seed: arm, subject, fold, true, predicted, mean, difference."""
    return pd.concat([_paired(arm.runs[0].subjects).assign(arm=arm.name) for arm in evidence.arms], ignore_index=True)


def _paired(subjects: pd.DataFrame) -> pd.DataFrame:
    true, predicted = subjects["label"].astype(float), subjects["predicted"].astype(float)
    found = subjects[[name for name in ("subject", "fold") if name in subjects]]
    return found.assign(true=true, predicted=predicted, mean=(true + predicted) / 2, difference=predicted - true)


def _drawn(
    evidence: Evidence, name: str, table: pd.DataFrame, panel: Panel, *, title: str, caption: str, alt: str
) -> Picture:
    styles = arm_styles(evidence.names, evidence.names)
    of_arm: Mapping[Any, pd.DataFrame] = dict(list(table.groupby("arm", sort=False)))

    def paint(figure: Figure) -> None:
        for arm, axes in arm_panels(figure, list(styles)).items():
            panel(axes, of_arm[arm], styles[arm].colour, evidence.target.title)
            axes.set_title(shortened(arm), fontsize=9)
            if not first_column(axes):
                axes.set_ylabel("")

    caption = f"{count_subjects(evidence.arms[0].runs[0].subjects)}, held out. {caption}"
    height = 2.55 * ceil(len(styles) / 2) + 0.3 if len(styles) > 1 else 4.2
    synthetic = evidence.synthetic
    return draw(name, paint, title=title, caption=caption, alt=alt, table=table, height=height, synthetic=synthetic)


def _scatter(axes: Axes, table: pd.DataFrame, colour: str, title: str) -> None:
    both = table[["true", "predicted"]].to_numpy()
    reference(axes, [both.min(), both.max()], [both.min(), both.max()])
    axes.plot(table["true"], table["predicted"], ".", color=colour, markersize=4, alpha=0.6)
    axes.set(xlabel=f"true {shortened(title, 24)}", ylabel="predicted")


def _agreement(axes: Axes, table: pd.DataFrame, colour: str, title: str) -> None:
    reference(axes, [table["mean"].min(), table["mean"].max()], [0, 0])
    bias, *limits = agreement(table["difference"].to_numpy())
    axes.axhline(bias, color=GREY, linewidth=1.2)
    for limit in limits:
        if not np.isnan(limit):
            axes.axhline(limit, color=GREY, linewidth=1, linestyle="--")
    axes.plot(table["mean"], table["difference"], ".", color=colour, markersize=4, alpha=0.6)
    axes.set(xlabel=f"mean {shortened(title, 24)}", ylabel="predicted minus true")
