"""Confusion matrices: what was called what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

import numpy as np
import pandas as pd

from fusekit.report.drawing.palette import BLUE
from fusekit.report.drawing.panels import arm_panels, first_column
from fusekit.report.drawing.picture import Axes, Figure, Picture, draw
from fusekit.report.evidence import Evidence
from fusekit.report.formatting import count_subjects, shortened


def confusion(evidence: Evidence) -> Iterator[Picture]:
    """Draw each arm's confusion matrix of the first seed's subjects: counts, and shares of the true class."""
    from sklearn.metrics import confusion_matrix

    classes, runs = evidence.classes, {arm.name: arm.runs[0] for arm in evidence.arms}
    tables = {arm: run.subjects for arm, run in runs.items()}
    counts = {
        arm: confusion_matrix(table["label"], runs[arm].rule.called(table, "subject"), labels=range(len(classes)))
        for arm, table in tables.items()
    }
    fitted = any(run.rule.thresholds for run in runs.values())
    called = "above the fold's threshold, fitted on validation subjects" if fitted else "the most probable class"

    def paint(figure: Figure) -> None:
        for arm, axes in arm_panels(figure, list(counts)).items():
            _matrix(axes, counts[arm], classes)
            axes.set_title(shortened(arm), fontsize=9)

    rows = [
        {"arm": arm, "true": classes[i], "called": classes[j], "subjects": int(count), "share": _shares(n)[i, j]}
        for arm, n in counts.items()
        for (i, j), count in np.ndenumerate(n)
    ]
    said = ", ".join(f"{arm} {np.trace(n)} of {n.sum()}" for arm, n in counts.items())
    yield draw(
        "confusion",
        paint,
        title="Confusion matrices",
        caption=f"{count_subjects(next(iter(tables.values())))}, held out; called: {called}. Per cent are of the "
        "true class.",
        alt=f"Subjects called rightly: {said}.",
        table=pd.DataFrame(rows),
        height=2.35 * ceil(len(counts) / 2) + 0.4 if len(counts) > 1 else 4.2,
        synthetic=evidence.synthetic,
    )


def _shares(counts: np.ndarray) -> np.ndarray:
    """Shares of each true class; NaN where it has no subject."""
    total = counts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0))


def _matrix(axes: Axes, counts: np.ndarray, classes: Sequence[str]) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shares = _shares(counts)
    blues = LinearSegmentedColormap.from_list("shares", ["#FFFFFF", BLUE])
    axes.imshow(np.nan_to_num(shares), cmap=blues, vmin=0, vmax=1)
    for (i, j), n in np.ndenumerate(counts):
        share = "" if np.isnan(shares[i, j]) else f"\n{100 * shares[i, j]:.0f} %"
        colour = "white" if shares[i, j] > 0.6 else "black"
        weight = "bold" if i == j else "normal"
        axes.text(j, i, f"{n}{share}", ha="center", va="center", color=colour, fontweight=weight)
    names = [shortened(name, 12) for name in classes]
    axes.set_xticks(range(len(classes)), names)
    axes.set_yticks(range(len(classes)), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="called", ylabel="true" if first_column(axes) else "")
