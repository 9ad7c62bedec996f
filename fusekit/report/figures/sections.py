"""Every picture of a report, by section."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

from fusekit.errors import attempt
from fusekit.report.drawing.picture import Picture
from fusekit.report.evidence import Evidence
from fusekit.report.explanations.explained import explanations
from fusekit.report.figures.calibration import decision_curve, reliability
from fusekit.report.figures.calls import confusion
from fusekit.report.figures.contribution import ablations, missingness, shapley
from fusekit.report.figures.curves import PRECISION_RECALL, ROC, curves
from fusekit.report.figures.scores import differences, scores
from fusekit.report.figures.subgroups import subgroups
from fusekit.report.figures.training import training

#: Metrics by which subgroups are drawn, of those that the task has.
_OF_GROUPS = ("auc", "macro-auc", "accuracy", "balanced-accuracy")


def sections(evidence: Evidence, failed: Callable[[str], None] | None = None) -> dict[str, list[Picture]]:
    """Draw what there is to draw; a section without anything has an empty list.

    Args:
        evidence: of one cohort.
        failed: gets a sentence for each section that cannot be drawn; without it, errors are raised.
    """
    pictures: dict[str, list[Picture]] = {}
    drawn: dict[str, Callable[[Evidence], list[Picture]]] = {
        **_DRAWN,
        "explanations": partial(explanations, failed=failed),
    }
    for name, draw in drawn.items():
        pictures[name] = []
        with attempt(f"the figures of {name}", failed):
            pictures[name] = draw(evidence)
    return pictures


def _scores(evidence: Evidence) -> list[Picture]:
    table = evidence.scores[evidence.scores["level"] == "subject"]
    seeds = [
        run.metrics[run.metrics["level"] == "subject"].assign(arm=arm.name, seed=run.seed)
        for arm in evidence.arms
        for run in arm.runs
    ]
    pictures = [scores(table, evidence.metrics, of_seeds=pd.concat(seeds), synthetic=evidence.synthetic)]
    if not evidence.pairs.empty:
        pictures.append(differences(evidence.pairs, evidence.metrics, synthetic=evidence.synthetic))
    return pictures


def _curves(evidence: Evidence) -> list[Picture]:
    arms = {arm.name: [run.subjects for run in arm.runs] for arm in evidence.arms}
    table = evidence.scores
    aucs = table[(table["level"] == "subject") & (table["metric"] == "auc")]
    return [
        *curves(arms, evidence.classes, ROC, aucs=aucs, synthetic=evidence.synthetic),
        *curves(arms, evidence.classes, PRECISION_RECALL, synthetic=evidence.synthetic),
    ]


def _calls(evidence: Evidence) -> list[Picture]:
    firsts = {arm.name: arm.runs[0] for arm in evidence.arms}
    tables = {name: run.subjects for name, run in firsts.items()}
    rules = {name: run.rule for name, run in firsts.items()}
    return [confusion(tables, evidence.classes, rules=rules, synthetic=evidence.synthetic)]


def _calibration(evidence: Evidence) -> list[Picture]:
    if evidence.reliability.empty:
        return []
    return [
        reliability(
            evidence.reliability,
            {arm.name: arm.runs[0].subjects["p_1"].to_numpy() for arm in evidence.arms},
            of=evidence.classes[1],
            summary=None if evidence.calibration.empty else evidence.calibration,
            order=evidence.names,
            synthetic=evidence.synthetic,
        )
    ]


def _decision(evidence: Evidence) -> list[Picture]:
    if evidence.net_benefit.empty:
        return []
    return [
        decision_curve(evidence.net_benefit, evidence.classes[1], order=evidence.names, synthetic=evidence.synthetic)
    ]


def _contribution(evidence: Evidence) -> list[Picture]:
    measure = evidence.metrics.get("auc") or evidence.metrics.get("macro-auc") or "AUC"
    words: dict[str, Any] = {"measure": measure, "order": evidence.names, "synthetic": evidence.synthetic}
    pictures = [] if evidence.contribution.empty else ablations(evidence.contribution, **words)
    if not evidence.shapley.empty:
        pictures.append(shapley(evidence.shapley, **words))
    if not evidence.missingness.empty:
        pictures.append(missingness(evidence.missingness, **words))
    return pictures


def _subgroups(evidence: Evidence) -> list[Picture]:
    if evidence.subgroups.empty:
        return []
    there = set(evidence.subgroups["metric"])
    overall = evidence.scores[evidence.scores["level"] == "subject"]
    return [
        subgroups(
            evidence.subgroups,
            metric,
            evidence.metrics.get(metric, metric),
            overall=overall,
            order=evidence.names,
            synthetic=evidence.synthetic,
        )
        for metric in _OF_GROUPS
        if metric in there and evidence.subgroups.loc[evidence.subgroups["metric"] == metric, "value"].notna().any()
    ]


def _training(evidence: Evidence) -> list[Picture]:
    histories = {
        arm.name: pd.concat([run.history.assign(seed=run.seed) for run in arm.runs if len(run.history)])
        for arm in evidence.arms
        if any(len(run.history) for run in arm.runs)
    }
    if not histories:
        return []
    return [training(histories, evidence.names, synthetic=evidence.synthetic)]


#: Sections, in the order of a report, and how each is drawn.
_DRAWN: dict[str, Callable[[Evidence], list[Picture]]] = {
    "scores": _scores, "curves": _curves, "calls": _calls, "calibration": _calibration, "decision": _decision,
    "contribution": _contribution, "subgroups": _subgroups, "explanations": explanations, "training": _training,
}  # fmt: skip
SECTIONS = tuple(_DRAWN)
