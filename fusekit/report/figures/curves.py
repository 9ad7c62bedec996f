"""ROC and precision-recall curves: of all arms in one panel, and of each arm with its band."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import ceil
from typing import NamedTuple

import pandas as pd

from fusekit.report.drawing.panels import TICKS, TOGETHER, Line, overlay, reference, small_multiples
from fusekit.report.drawing.picture import Axes, Figure, Picture, draw
from fusekit.report.evidence import Evidence
from fusekit.report.figures.bands import Band, precision_recall_band, roc_band
from fusekit.report.formatting import Limits, count_subjects, limits_of, records, with_interval

BANDS = "Bands are pointwise 95 % limits over subjects (bootstrap within fold and class)."


class Kind(NamedTuple):
    """What an ROC and a precision-recall picture do not share."""

    name: str
    title: str
    x: str
    y: str
    area: str


ROC = Kind("roc", "ROC curves", "1 - specificity", "sensitivity", "AUC")
PRECISION_RECALL = Kind("precision-recall", "Precision-recall curves", "recall", "precision", "AP")


def curves(evidence: Evidence) -> Iterator[Picture]:
    """Draw curves of all arms and seeds; with more than two classes, of each class against the rest.

    The legend's AUCs are the scores of the report's table. With more than two classes, and for average precision, they
    are the areas below the drawn curves. More than two arms have bands in a picture of their own, ``-by-arm``.
    """
    arms = {arm.name: [run.subjects for run in arm.runs] for arm in evidence.arms}
    for kind in (ROC, PRECISION_RECALL):
        yield from _of_kind(evidence, arms, kind)


def _of_kind(evidence: Evidence, arms: Mapping[str, Sequence[pd.DataFrame]], kind: Kind) -> Iterator[Picture]:
    classes, binary = evidence.classes, len(evidence.classes) == 2
    labels = [1] if binary else list(range(len(classes)))
    compute = roc_band if kind is ROC else precision_recall_band
    bands = {label: {arm: compute(seeds, label) for arm, seeds in arms.items()} for label in labels}
    areas = {label: {arm: band.area for arm, band in own.items()} for label, own in bands.items()}
    if kind is ROC and binary:
        table = evidence.subject_scores
        areas[1] |= {row["arm"]: limits_of(row) for row in records(table[table["metric"] == "auc"])}
    lines = {label: {arm: Line(*band[:4]) for arm, band in own.items()} for label, own in bands.items()}
    texts = {
        label: {arm: f"{kind.area} {with_interval(*area)}" for arm, area in own.items()} for label, own in areas.items()
    }
    first = next(iter(arms.values()))[0]
    shares = {label: float((first["label"] == label).mean()) for label in labels}
    together = len(arms) <= TOGETHER

    def all_arms(figure: Figure) -> None:
        for axes, label in zip(figure.subplots(len(labels), 1, squeeze=False)[:, 0], labels, strict=True):
            overlay(axes, lines[label], texts[label], together)
            _finish(axes, kind, shares[label])
            if not binary:
                axes.set_title(f"{classes[label]} against the rest")

    def each_arm(figure: Figure) -> None:
        small_multiples(figure, lines[1], texts[1], lambda axes: _finish(axes, kind, shares[1]))

    table = pd.concat([_rows(classes[label], bands[label], areas[label], kind) for label in labels])
    table = table.drop(columns="class") if binary else table
    said = "; ".join(f"{classes[k]}: " + ", ".join(f"{a} {t}" for a, t in texts[k].items()) for k in labels)
    caption = f"{count_subjects(first)}, held out. {'' if binary else 'Each class against the rest. '}Curves are means "
    caption += "of the folds' curves, weighted by subjects, because scores of different models are not on one scale."
    picture = partial(draw, alt=f"{kind.title}, {said}.", table=table, synthetic=evidence.synthetic)
    yield picture(
        kind.name,
        all_arms,
        title=kind.title,
        caption=f"{caption} {BANDS}" if together else caption,
        height=len(labels) * (4.3 + 0.17 * len(arms)),
    )
    if binary and not together:
        yield picture(
            f"{kind.name}-by-arm",
            each_arm,
            title=f"{kind.title}, each arm with its band",
            caption=f"{caption} {BANDS} Grey: the other arms.",
            height=2.55 * ceil(len(arms) / 2) + 0.3,
        )


def _rows(name: str, bands: Mapping[str, Band], areas: Mapping[str, Limits], kind: Kind) -> pd.DataFrame:
    parts = []
    for arm, band in bands.items():
        limits = dict(zip((kind.area, f"{kind.area} low", f"{kind.area} high"), areas[arm], strict=True))
        columns = {"class": name, "arm": arm, kind.x: band.x, kind.y: band.y, "low": band.low, "high": band.high}
        parts.append(pd.DataFrame({**columns, **limits}))
    return pd.concat(parts)


def _finish(axes: Axes, kind: Kind, prevalence: float) -> None:
    reference(axes, [0, 1], [0, 1] if kind is ROC else [prevalence, prevalence])
    if kind is not ROC:
        text = f"prevalence {prevalence:.2f}"
        axes.annotate(text, (0.01, prevalence), (2, 2), textcoords="offset points", fontsize=8)
    axes.set(xlabel=kind.x, ylabel=kind.y, xticks=TICKS, yticks=TICKS)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.015), box_aspect=1)
