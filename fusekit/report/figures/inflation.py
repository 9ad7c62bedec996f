"""The picture of a demonstration: what each way of splitting promises."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fusekit.evaluation.arms.pairs import MEASURES
from fusekit.report.drawing.palette import BLUE, GREY, ORANGE, ArmStyle
from fusekit.report.drawing.panels import forest
from fusekit.report.drawing.picture import Axes, blank, plain_text
from fusekit.report.formatting import limits_of


@plain_text()
def inflation(path: Path, *, title: str, scores: pd.DataFrame, chance: float) -> None:
    """Write a PNG: accuracy and AUC of every training with its 95 % interval, slices filled, subjects hollow.

    Args:
        title: above everything; says so if the cohort is synthetic.
        scores: labels, split, level, metric, value, low, high.
        chance: accuracy of always naming the commoner class.
    """
    figure = blank(10, 3.8, title)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, metric, line in zip(panels, ("accuracy", "auc"), (chance, 0.5), strict=True):
        _panel(axes, scores[scores["metric"] == metric], line)
        axes.set(title=f"{MEASURES[metric].title} on the tested fold", xlim=(0, 1.02))
    panels[0].invert_yaxis()  # of both, which share it: true labels above
    panels[0].legend(frameon=False, loc="lower left", fontsize=8)
    figure.savefig(path, dpi=130)


def _panel(axes: Axes, scores: pd.DataFrame, chance: float) -> None:
    settings = list(dict.fromkeys(zip(scores["labels"], scores["split"], strict=True)))
    axes.axvline(chance, color=GREY, linestyle=":", linewidth=1, label="chance")
    for level, shift in (("slice", -0.13), ("subject", 0.13)):
        own = scores[scores["level"] == level].set_index(["labels", "split"])
        for place, setting in enumerate(settings):
            colour = ORANGE if setting[1] == "slice" else BLUE
            face = {} if level == "slice" else {"markerfacecolor": "white"}
            forest(axes, place + shift, limits_of(own.loc[setting]), ArmStyle(colour, "-", "o"), **face)
        axes.plot([], [], "ko", markerfacecolor="k" if level == "slice" else "white", label=f"of {level}s")
    axes.set_yticks(range(len(settings)), [f"{labels} labels,\nsplit by {split}" for labels, split in settings])
