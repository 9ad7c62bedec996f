"""ROC and precision-recall curves: of all arms in one panel, and of each arm with its band."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import ceil
from typing import NamedTuple

import pandas as pd

from fusekit.report.drawing.palette import arm_styles
from fusekit.report.drawing.panels import TICKS, TOGETHER, Line, overlay, reference, small_multiples
from fusekit.report.drawing.picture import Axes, Figure, Picture, draw
from fusekit.report.evidence import Evidence
from fusekit.report.figures.bands import Band, precision_recall_band, roc_band
from fusekit.report.figures.cuts import of_cut
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


class Against(NamedTuple):
    """Who is held against whom in a panel, and in what tables of subjects."""

    name: str  # who
    title: str  # above the panel
    label: int  # whose probability is looked at
    arms: Mapping[str, Sequence[pd.DataFrame]]  # arm -> table of each seed


def curves(evidence: Evidence) -> Iterator[Picture]:
    """Draw curves of all arms and seeds; with more than two classes, of each class against the rest.

    The legend's AUCs are the scores of the report's table. With more than two classes, and for average precision, they
    are the areas below the drawn curves. More than two arms have bands in a picture of their own, ``-by-arm``.
    """
    arms, classes = _subjects(evidence), evidence.classes
    labels = [1] if len(classes) == 2 else range(len(classes))
    panels = [Against(classes[k], f"{classes[k]} against the rest", k, arms) for k in labels]
    for kind in (ROC, PRECISION_RECALL):
        yield from _of_kind(evidence, panels, kind, "Each class against the rest. ")


def cut_curves(evidence: Evidence) -> Iterator[Picture]:
    """Draw curves of all arms and seeds, of ordered classes those above each cut against those below."""
    panels = []
    for k, name in enumerate(evidence.classes[:-1]):
        arms = {arm: [of_cut(table, k) for table in seeds] for arm, seeds in _subjects(evidence).items()}
        panels.append(Against(f"above {name}", f"Above {name}, against {name} or below", 1, arms))
    for kind in (ROC, PRECISION_RECALL):
        yield from _of_kind(evidence, panels, kind, "Those above each cut against those below. ")


def _subjects(evidence: Evidence) -> dict[str, list[pd.DataFrame]]:
    return {arm.name: [run.subjects for run in arm.runs] for arm in evidence.arms}


def _of_kind(evidence: Evidence, panels: Sequence[Against], kind: Kind, who: str) -> Iterator[Picture]:
    binary, arms = len(panels) == 1, panels[0].arms
    compute = roc_band if kind is ROC else precision_recall_band
    places = range(len(panels))
    bands = [{arm: compute(seeds, panel.label) for arm, seeds in panel.arms.items()} for panel in panels]
    areas = [{arm: band.area for arm, band in own.items()} for own in bands]
    if kind is ROC and binary:
        table = evidence.subject_scores
        areas[0] |= {row["arm"]: limits_of(row) for row in records(table[table["metric"] == "auc"])}
    lines = [{arm: Line(*band[:4]) for arm, band in own.items()} for own in bands]
    texts = [{arm: f"{kind.area} {with_interval(*area)}" for arm, area in own.items()} for own in areas]
    first = next(iter(arms.values()))[0]
    shares = [float((next(iter(own.arms.values()))[0]["label"] == own.label).mean()) for own in panels]
    together, styles = len(arms) <= TOGETHER, arm_styles(list(arms), evidence.names)
    points = _operating_points(evidence) if kind is ROC and binary else {}
    ringed = " Ringed: where each arm calls." if points else ""

    def all_arms(figure: Figure) -> None:
        for axes, k in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], places, strict=True):
            overlay(axes, lines[k], texts[k], together, evidence.names)
            _finish(axes, kind, shares[k])
            for arm, (x, y) in points.items():
                style = styles[arm]
                axes.plot(x, y, style.marker, color=style.colour, markersize=8, markeredgecolor="black", zorder=5)
            if not binary:
                axes.set_title(panels[k].title)

    def each_arm(figure: Figure) -> None:
        small_multiples(figure, lines[0], texts[0], lambda axes: _finish(axes, kind, shares[0]), evidence.names)

    table = pd.concat([_rows(panels[k].name, bands[k], areas[k], kind) for k in places])
    table = table.drop(columns="class") if binary else table
    said = "; ".join(f"{panels[k].name}: " + ", ".join(f"{a} {t}" for a, t in texts[k].items()) for k in places)
    caption = f"{count_subjects(first)}, held out. {'' if binary else who}Curves are means "
    caption += "of the folds' curves, weighted by subjects, because scores of different models are not on one scale."
    picture = partial(draw, alt=f"{kind.title}, {said}.", table=table, synthetic=evidence.synthetic)
    yield picture(
        kind.name,
        all_arms,
        title=kind.title,
        caption=caption + ringed + (f" {BANDS}" if together else ""),
        height=len(panels) * (4.3 + 0.17 * len(arms)),
    )
    if binary and not together:
        yield picture(
            f"{kind.name}-by-arm",
            each_arm,
            title=f"{kind.title}, each arm with its band",
            caption=f"{caption} {BANDS} Grey: the other arms.",
            height=2.55 * ceil(len(arms) / 2) + 0.3,
        )


def _operating_points(evidence: Evidence) -> dict[str, tuple[float, float]]:
    """Arm -> 1 - specificity and sensitivity of its calls, where both are scored."""
    points = {}
    for arm in evidence.names:
        found = [evidence.score(arm, name) for name in ("specificity", "sensitivity")]
        if (specificity := found[0]) is not None and (sensitivity := found[1]) is not None:
            points[arm] = (1 - float(specificity["value"]), float(sensitivity["value"]))
    return points


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
