"""How training went: loss, accuracy, and the score of the validation subjects."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from fusekit.report.drawing.palette import BLUE, ArmStyle, arm_styles
from fusekit.report.drawing.picture import Axes, Figure, Picture, draw
from fusekit.report.evidence import Evidence
from fusekit.report.formatting import records, shortened

#: Column of ``history.csv`` -> its name above the panel.
_MEASURES = {
    "loss": "loss",
    "accuracy": "accuracy",
    "absolute_error": "absolute error",
    "validation_auc": "validation AUC",
    "validation_r2": "validation R2",
    "validation_harrell-c": "validation Harrell's c",
}
#: Those of training slices.
_SEEN = ("loss", "accuracy", "absolute_error")


def loss_curve(axes: Axes, history: pd.DataFrame) -> None:
    """Draw the mean over folds of a run's loss, epoch by epoch."""
    mean = history.groupby("epoch")["loss"].mean()
    axes.plot(mean.index, mean, color=BLUE, marker="o", markersize=3)
    axes.set(title="Loss over training slices, as seen", xlabel="epoch", ylim=(0, None))


def training(evidence: Evidence) -> Iterator[Picture]:
    """Draw the curves of each arm that is trained by epochs: a thin line per seed and fold, and their mean."""
    histories = [
        run.history.assign(arm=arm.name, seed=run.seed) for arm in evidence.arms for run in arm.runs if len(run.history)
    ]
    table = pd.concat(histories) if histories else pd.DataFrame({"epoch": []})
    if table["epoch"].nunique() < 2:
        return  # a single epoch is no curve
    measures = [column for column in _MEASURES if column in table and table[column].notna().any()]
    table = table[["arm", "seed", "fold", "epoch", *measures]]
    arms = table["arm"].unique().tolist()
    styles = arm_styles(arms, evidence.names)

    def paint(figure: Figure) -> None:
        grid = figure.subplots(len(arms), len(measures), sharex=True, sharey="col", squeeze=False)
        for arm, panels in zip(arms, grid, strict=True):
            for column, axes in zip(measures, panels, strict=True):
                _curves(axes, table[table["arm"] == arm], column, styles[arm])
            panels[0].set_title(f"{shortened(arm, 12)}: loss", fontsize=9)
        for axes in grid[-1]:
            axes.set_xlabel("epoch")
        for column, panels in zip(measures[1:], grid[:, 1:].T, strict=True):
            for axes in panels:
                axes.set_ylim(0, None if column == "absolute_error" else 1.02)

    last = table[table["epoch"] == table.groupby(["arm", "seed", "fold"])["epoch"].transform("max")]
    seen = [column for column in measures if column in _SEEN]
    means = records(last.groupby("arm", sort=False)[seen].mean().reset_index())
    said = ", ".join(f"{row['arm']} " + ", ".join(f"{_MEASURES[c]} {row[c]:.2f}" for c in seen) for row in means)
    what = " and ".join(_MEASURES[column] for column in seen).capitalize()
    aside = "".join(f"; {_MEASURES[c]}: of the subjects set aside" for c in measures if c not in _SEEN)
    yield draw(
        "training",
        paint,
        title="Training curves",
        caption=f"{what} of the training slices, as they were seen (augmented, while the weights changed)"
        f"{aside}. Thin: each seed and fold; thick: their mean, as long as all of them ran.",
        alt=f"After the last epoch: {said}.",
        table=table,
        height=1.45 * len(arms) + 0.6,
        synthetic=evidence.synthetic,
    )


def _curves(axes: Axes, history: pd.DataFrame, column: str, style: ArmStyle) -> None:
    axes.set_title(_MEASURES[column], fontsize=9, fontweight="normal")
    axes.locator_params(axis="x", integer=True)
    axes.tick_params(labelbottom=True)
    if history[column].isna().all():
        axes.set_visible(False)
        return
    runs = history.groupby(["seed", "fold"])
    for _, own in runs:
        axes.plot(own["epoch"], own[column], color=style.colour, linewidth=0.7, alpha=0.5)
    # Runs that stop early leave the mean: beyond them it would be another set's.
    shared = history[history["epoch"] <= runs["epoch"].max().min()]
    mean = shared.groupby("epoch")[column].mean()
    axes.plot(mean.index, mean, color=style.colour, linestyle=style.line, linewidth=2.2)
