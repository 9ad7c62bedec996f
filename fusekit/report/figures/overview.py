"""Figures of a run, in one palette that colour-blind people can read (Okabe and Ito)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd

from fusekit.data import Target
from fusekit.data.images.channels import ONE, Channel
from fusekit.evaluation import Rule, probabilities_of
from fusekit.report.drawing.channels import panels_of, stacked
from fusekit.report.drawing.palette import BLUE, COLOURS, GREEN, GREY, ORANGE
from fusekit.report.drawing.panels import reference
from fusekit.report.drawing.picture import Axes, blank, plain_text
from fusekit.report.formatting import limits_of, records, with_interval

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
    target: Target,
    channels: Sequence[Channel] = ONE,
    rule: Rule = Rule(),  # noqa: B008 (it cannot be changed)
) -> None:
    """Write one PNG of a run: training curve, ROC, probabilities, and the most and least certain test slices.

    Args:
        title: above everything; says so if the cohort is synthetic.
        history: one row per epoch.
        predictions: one row per test slice.
        scores: with a row for the metric ``auc`` at each level, if the task has it.
        images: (N, C, H, W), or (N, C, S, S, S) of whole volumes; ``predictions["row"]`` counts in it.
        rule: that the scores were made by.
        channels: what the C are.
    """
    figure, classes = blank(11, 6.6, title), target.classes
    subjects = rule.subjects(predictions)
    rows = figure.add_gridspec(2, 1, height_ratios=[2.1, 1])
    above, below = figure.add_subfigure(rows[0]), figure.add_subfigure(rows[1])  # each with columns of its own
    curve, roc, histogram = above.subplots(1, 3)
    _curve(curve, history)
    labels, two = subjects["label"].to_numpy(), len(classes) == 2
    values = {name: subjects[labels == k][f"p_{1 if two else k}"] for k, name in enumerate(classes)}
    if two:
        levels = (("slice", predictions, GREY, 1.2), ("subject", subjects, BLUE, 2.2))
        lines = [
            (table["label"].to_numpy() == 1, table["p_1"].to_numpy(), _with_auc(level, scores), colour, width)
            for level, table, colour, width in levels
        ]
        _roc(roc, lines, "ROC on held-out subjects")
        _histogram(histogram, values, (BLUE, ORANGE), classes[1], 0.6)
    else:
        colours = dict(zip(classes, cycle(COLOURS), strict=False))
        lines = [(labels == k, subjects[f"p_{k}"].to_numpy(), n, colours[n], 1.5) for k, n in enumerate(classes)]
        _roc(roc, lines, "ROC of each class against the rest")
        _histogram(histogram, values, COLOURS, "their own class", 0.5)
    examples = _examples(predictions[predictions["row"] < len(images)], rule)  # a scan without an image has none
    strip = below.subplots(1, len(examples), squeeze=False)[0]
    for axes, (_, row) in zip(strip, examples.iterrows(), strict=True):
        _slice(axes, images[row["row"]], row, classes, channels)
    figure.savefig(path, dpi=130)


def _curve(axes: Axes, history: pd.DataFrame) -> None:
    axes.plot(history["epoch"], history["loss"], color=BLUE, marker="o", markersize=3, label="loss")
    axes.plot(history["epoch"], history["accuracy"], color=ORANGE, marker="s", markersize=3, label="accuracy")
    axes.set(title="Training slices, as they were seen", xlabel="epoch", ylim=(0, None))
    axes.locator_params(axis="x", integer=True)
    axes.legend(frameon=False)


def _roc(axes: Axes, lines: Iterable[tuple[np.ndarray, np.ndarray, str, str, float]], title: str) -> None:
    """Draw lines of: which are positive (N,), their scores (N,), label, colour and width."""
    from sklearn.metrics import roc_curve

    for positive, score, label, colour, width in lines:
        if positive.any() and not positive.all():
            axes.plot(*roc_curve(positive, score)[:2], color=colour, linewidth=width, label=label)
    reference(axes, [0, 1], [0, 1])
    axes.set(title=title, xlabel="1 - specificity", ylabel="sensitivity", box_aspect=1)
    axes.legend(frameon=False, loc="lower right", fontsize=8)


def _with_auc(level: str, scores: pd.DataFrame) -> str:
    auc = scores[(scores["level"] == level) & (scores["metric"] == "auc")]
    return f"{level}s" + "".join(f", AUC {with_interval(*limits_of(row))}" for row in records(auc))


def _histogram(axes: Axes, values: Mapping[str, pd.Series], colours: Sequence[str], of: str, alpha: float) -> None:
    for (name, of_class), colour in zip(values.items(), cycle(colours), strict=False):
        axes.hist(of_class, bins=[k / 16 for k in range(17)], color=colour, alpha=alpha, label=name)
    axes.set(title="Test subjects", xlabel=f"probability of {of}", ylabel="subjects")
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
    of_class = [ordered[ordered["label"] == label] for label in range(classes)[::-1]]
    parts = [part for own in of_class for part in (own.head(half), own.tail(half))]
    return pd.concat(parts).drop_duplicates("row").head(EXAMPLES)


def _slice(
    axes: Axes, image: np.ndarray, row: pd.Series, classes: Sequence[str], channels: Sequence[Channel] = ONE
) -> None:
    own, right = int(row["label"]), bool(row["right"])
    shown = 1 if len(classes) == 2 else own
    if image.ndim == 4:  # a whole volume (z, y, x) shows its middle axial slice
        image = image[:, image.shape[1] // 2]
    panels = panels_of(image, channels)
    axes.imshow(stacked(panels), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    for number, panel in enumerate(panels if len(panels) > 1 else ()):
        box = {"facecolor": "black", "edgecolor": "none", "pad": 1.0, "alpha": 0.6}
        axes.text(1, number * image.shape[1] + 1, panel.name, color="white", fontsize=6, va="top", bbox=box)
    axes.set_axis_off()
    heading = f"{classes[own]}: {'right' if right else 'wrong'}\np({classes[shown]}) = {row[f'p_{shown}']:.2f}"
    axes.set_title(heading, fontsize=8, color=GREEN if right else ORANGE)
