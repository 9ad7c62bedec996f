"""Figures of a run, in one palette that colour-blind people can read (Okabe and Ito)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fusekit.evaluation import Rule, probabilities_of
from fusekit.report.drawing.canvas import plain_text
from fusekit.report.drawing.palette import BLUE, COLOURS, GREEN, GREY, ORANGE
from fusekit.report.formatting import records, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EXAMPLES = 8


@plain_text()
def overview(
    path: Path,
    *,
    title: str,
    history: pd.DataFrame,
    predictions: pd.DataFrame,
    scores: pd.DataFrame,
    images: np.ndarray,
    classes: Sequence[str],
    rule: Rule = Rule(),  # noqa: B008 (it cannot be changed)
) -> None:
    """Write one picture of a run: training curve, ROC, probabilities, and the most and least certain test slices.

    Args:
        path: PNG to write.
        title: above everything; says so if the cohort is synthetic.
        history: one row an epoch.
        predictions: one row a test slice.
        scores: with a row for the metric ``auc`` at each level, if the task has it.
        images: (N, H, W), or (N, S, S, S) of whole volumes; ``predictions["row"]`` counts in it.
        classes: names of the labels.
        rule: that the scores were made by.
    """
    # The object interface, not pyplot: no window, no global state, no backend to choose.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.6), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=13, fontweight="bold")
    subjects = rule.subjects(predictions)
    rows = figure.add_gridspec(2, 1, height_ratios=[2.1, 1])
    above, below = figure.add_subfigure(rows[0]), figure.add_subfigure(rows[1])  # each with columns of its own
    curve, roc, histogram = above.subplots(1, 3)
    _curve(curve, history)
    if len(classes) == 2:
        _roc(roc, subjects, predictions, scores)
        _histogram(histogram, subjects, classes)
    else:
        _roc_of_each(roc, subjects, classes)
        _histogram_of_each(histogram, subjects, classes)
    examples = _examples(predictions, rule)
    strip = below.subplots(1, len(examples), squeeze=False)[0]
    for axes, (_, row) in zip(strip, examples.iterrows(), strict=True):
        _slice(axes, images[row["row"]], row, classes)
    figure.savefig(path, dpi=130)


def _curve(axes: Axes, history: pd.DataFrame) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.plot(history["epoch"], history["loss"], color=BLUE, marker="o", markersize=3, label="loss")
    axes.plot(history["epoch"], history["accuracy"], color=ORANGE, marker="s", markersize=3, label="accuracy")
    axes.set(title="Training slices, as they were seen", xlabel="epoch", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)


def _roc(axes: Axes, subjects: pd.DataFrame, slices: pd.DataFrame, scores: pd.DataFrame) -> None:
    for level, table, colour, width in (("slice", slices, GREY, 1.2), ("subject", subjects, BLUE, 2.2)):
        false, true = _roc_points(table["label"].to_numpy() == 1, table["p_1"].to_numpy())
        auc = scores[(scores["level"] == level) & (scores["metric"] == "auc")]
        text = "".join(f", AUC {with_interval(r['value'], r['low'], r['high'])}" for r in records(auc))
        axes.plot(false, true, color=colour, linewidth=width, label=f"{level}s{text}")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    axes.set(title="ROC on held-out subjects", xlabel="1 - specificity", ylabel="sensitivity", box_aspect=1)
    axes.legend(frameon=False, loc="lower right", fontsize=8)


def _roc_of_each(axes: Axes, subjects: pd.DataFrame, classes: Sequence[str]) -> None:
    """Each class against the rest, at subject level."""
    for label, (name, colour) in enumerate(zip(classes, cycle(COLOURS), strict=False)):
        own = subjects["label"].to_numpy() == label
        if own.any() and not own.all():
            axes.plot(*_roc_points(own, subjects[f"p_{label}"].to_numpy()), color=colour, label=name)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    axes.set(title="ROC of each class against the rest", xlabel="1 - specificity", ylabel="sensitivity", box_aspect=1)
    axes.legend(frameon=False, loc="lower right", fontsize=8)


def _roc_points(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates at every distinct threshold, from (0, 0) to (1, 1)."""
    from sklearn.metrics import roc_curve

    false, true, _ = roc_curve(positive, score)
    return false, true


def _histogram(axes: Axes, subjects: pd.DataFrame, classes: Sequence[str]) -> None:
    for label, colour in ((0, BLUE), (1, ORANGE)):
        of_class = subjects.loc[subjects["label"] == label, "p_1"]
        axes.hist(of_class, bins=[k / 16 for k in range(17)], color=colour, alpha=0.6, label=classes[label])
    axes.set(title="Test subjects", xlabel=f"probability of {classes[1]}", ylabel="subjects")
    axes.legend(frameon=False)


def _histogram_of_each(axes: Axes, subjects: pd.DataFrame, classes: Sequence[str]) -> None:
    for label, (name, colour) in enumerate(zip(classes, cycle(COLOURS), strict=False)):
        of_class = subjects.loc[subjects["label"] == label, f"p_{label}"]
        axes.hist(of_class, bins=[k / 16 for k in range(17)], color=colour, alpha=0.5, label=name)
    axes.set(title="Test subjects", xlabel="probability of their own class", ylabel="subjects")
    axes.legend(frameon=False)


def _examples(predictions: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    """Slices of different subjects: the surest and the least sure of each class, in turn; the last class first."""
    probabilities, labels = probabilities_of(predictions), predictions["label"].to_numpy()
    certainty = probabilities[np.arange(len(labels)), labels]
    right = rule.called(predictions, "slice") == labels
    ordered = predictions.assign(certainty=certainty, right=right)
    ordered = ordered.sort_values("certainty", ascending=False, kind="stable").drop_duplicates("subject")
    classes = probabilities.shape[1]
    half = max(1, EXAMPLES // (2 * classes))
    parts = [part for label in range(classes)[::-1] for part in _ends(ordered[ordered["label"] == label], half)]
    return pd.concat(parts).drop_duplicates("row").head(EXAMPLES)


def _ends(table: pd.DataFrame, count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    return table.head(count), table.tail(count)


def _slice(axes: Axes, image: np.ndarray, row: pd.Series, classes: Sequence[str]) -> None:
    own, right = int(row["label"]), bool(row["right"])
    shown = 1 if len(classes) == 2 else own
    if image.ndim == 3:  # a whole volume (z, y, x) shows its middle axial slice
        image = image[len(image) // 2]
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(
        f"{classes[own]}: {'right' if right else 'wrong'}\np({classes[shown]}) = {row[f'p_{shown}']:.2f}",
        fontsize=8,
        color=GREEN if right else ORANGE,
    )
