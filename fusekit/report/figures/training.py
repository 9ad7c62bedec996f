"""How training went: loss, accuracy, and what the validation subjects said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from fusekit.report.drawing.palette import arm_styles
from fusekit.report.drawing.picture import Picture, draw
from fusekit.report.formatting import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Column of ``history.csv`` -> its name above the panel.
_MEASURES = {"loss": "loss", "accuracy": "accuracy", "validation_auc": "validation AUC"}


def training(histories: Mapping[str, pd.DataFrame], arms: list[str], *, synthetic: bool = False) -> Picture:
    """Draw each arm's training curves, one thin line a seed and fold and their mean.

    Args:
        histories: arm -> seed, fold, epoch, loss, accuracy, and maybe validation_auc; arms that are not trained by
            epochs have none.
    """
    measures = [
        column
        for column in _MEASURES
        if any(column in table and table[column].notna().any() for table in histories.values())
    ]
    table = pd.concat([own.assign(arm=arm) for arm, own in histories.items()])
    table = table[["arm", "seed", "fold", "epoch", *measures]]

    def paint(figure: Figure) -> None:
        grid = figure.subplots(len(histories), len(measures), sharex=True, sharey="col", squeeze=False)
        for (arm, own), panels in zip(histories.items(), grid, strict=True):
            for column, axes in zip(measures, panels, strict=True):
                _curves(axes, own, column, arm, arms)
            panels[0].set_title(f"{shortened(arm, 12)}: loss", fontsize=9)
        for axes in grid[-1]:
            axes.set_xlabel("epoch")
        for axes in grid[:, 1:].flat:
            axes.set_ylim(0, 1.02)

    last = table[table["epoch"] == table.groupby(["arm", "seed", "fold"])["epoch"].transform("max")]
    means = last.groupby("arm", sort=False)[["loss", "accuracy"]].mean()
    seen = "; validation AUC: of the subjects set aside" if "validation_auc" in measures else ""
    return draw(
        "training",
        paint,
        title="Training curves",
        caption="Loss and accuracy of the training slices, as they were seen (augmented, while the weights changed)"
        f"{seen}. Thin: each seed and fold; thick: their mean, as long as all of them ran.",
        alt="After the last epoch: "
        + ", ".join(f"{row.Index} loss {row.loss:.2f}, accuracy {row.accuracy:.2f}" for row in means.itertuples())
        + ".",
        table=table,
        height=1.45 * len(histories) + 0.6,
        synthetic=synthetic,
    )


def _curves(axes: Axes, history: pd.DataFrame, column: str, arm: str, arms: list[str]) -> None:
    from matplotlib.ticker import MaxNLocator

    style = arm_styles(arms)[arm]
    axes.set_title(_MEASURES[column], fontsize=9, fontweight="normal")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(labelbottom=True)
    if column not in history:
        return
    runs = history.groupby(["seed", "fold"])
    for _, own in runs:
        axes.plot(own["epoch"], own[column], color=style.colour, linewidth=0.7, alpha=0.5)
    # Runs that stop early leave the mean: beyond them it would be another set's.
    shared = history[history["epoch"] <= runs["epoch"].max().min()]
    mean = shared.groupby("epoch")[column].mean()
    axes.plot(mean.index, mean, color=style.colour, linestyle=style.line, linewidth=2.2)
