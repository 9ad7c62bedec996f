"""Ordered classes, cut by cut: those above a class against those up to it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from fusekit.evaluation.calibration.reliability import brier, reliability
from fusekit.evaluation.predictions import above_cuts, probabilities_of, probability_columns, with_probabilities
from fusekit.report.drawing.panels import TICKS, TOGETHER, Line, overlay, reference
from fusekit.report.drawing.picture import Figure, Picture, draw
from fusekit.report.evidence import Evidence
from fusekit.report.formatting import count_subjects


def of_cut(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Subjects of ordered classes as those of two: class 1 lies above class k."""
    above = above_cuts(probabilities_of(table))[:, k]
    kept = table.drop(columns=probability_columns(table)).assign(label=(table["label"] > k).astype(int))
    return with_probabilities(kept, np.column_stack([1 - above, above]))


def cut_reliability(evidence: Evidence) -> Iterator[Picture]:
    """Draw how often lying above each cut, as the first seed predicted it, came true; the legend has Brier scores."""
    subjects = {arm.name: arm.runs[0].subjects for arm in evidence.arms}
    first = next(iter(subjects.values()))
    bins = min(10, max(2, len(first) // 20))
    names = [f"above {name}" for name in evidence.classes[:-1]]
    parts, scores = [], {}
    for k, name in enumerate(names):
        for arm, table in subjects.items():
            own = of_cut(table, k)
            labels, p = own["label"].to_numpy(), own["p_1"].to_numpy()
            scores[name, arm] = brier(labels, p)
            parts.append(reliability(labels, p, bins).assign(cut=name, arm=arm, brier=scores[name, arm]))
    joined = pd.concat(parts, ignore_index=True)
    joined = joined[["cut", "arm", *(column for column in joined if column not in ("cut", "arm"))]]
    together = len(subjects) <= TOGETHER

    def paint(figure: Figure) -> None:
        for axes, name in zip(figure.subplots(len(names), 1, squeeze=False)[:, 0], names, strict=True):
            of_arm = {arm: joined[(joined["cut"] == name) & (joined["arm"] == arm)] for arm in subjects}
            lines = {
                arm: Line(*(own[column].to_numpy() for column in ("predicted", "observed", "low", "high")))
                for arm, own in of_arm.items()
            }
            overlay(axes, lines, {arm: f"Brier {scores[name, arm]:.3f}" for arm in subjects}, together, evidence.names)
            reference(axes, [0, 1], [0, 1])
            axes.set_title(name[0].upper() + name[1:])
            axes.set(xlabel="predicted", ylabel="observed", xticks=TICKS, yticks=TICKS, box_aspect=1)
            axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.015))

    said = "; ".join(f"{name}: " + ", ".join(f"{arm} {scores[name, arm]:.3f}" for arm in subjects) for name in names)
    yield draw(
        "reliability",
        paint,
        title="Reliability of cuts",
        caption=f"{count_subjects(first)}, held out, of the first seed: how often those with like probabilities of "
        "lying above a cut did. Dotted: as predicted." + (" Bands are 95 % intervals (Wilson)." if together else ""),
        alt=f"Brier scores: {said}.",
        table=joined,
        height=len(names) * (4.3 + 0.17 * len(subjects)),
        synthetic=evidence.synthetic,
    )
