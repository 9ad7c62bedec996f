"""What a report shows beside the scores: pairs, calibration, decisions, contribution, missingness and groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce

import pandas as pd

from fusekit.evaluation.pairs import compare_arms
from fusekit.evaluation.thresholds import Thresholds
from fusekit.report.evidence import Arm, Evidence, OneRun


def measured(evidence: Evidence) -> Evidence:
    """Fill the tables of evidence that follow from its runs, and say why where one cannot be filled."""
    remarks = dict(evidence.remarks)
    pairs = _pairs(evidence, remarks)
    return replace(evidence, pairs=pairs, remarks=remarks)


def thresholds_of(run: OneRun) -> Thresholds | None:
    """Where the positive class was called, by fold; None where the most probable class was."""
    given = run.manifest.get("evaluation", {}).get("thresholds") or {}
    return {int(fold): {level: float(t) for level, t in own.items()} for fold, own in given.items()} or None


def _pairs(evidence: Evidence, remarks: dict[str, str]) -> pd.DataFrame:
    """All pairs of arms, over the seeds that all of them have."""
    if len(evidence.arms) < 2:
        return pd.DataFrame()
    of_arm = {arm.name: {run.seed: run for run in arm.runs} for arm in evidence.arms}
    common = sorted(reduce(set.intersection, (set(own) for own in of_arm.values())))
    if not common:
        remarks["pairs"] = "The arms have no seed in common, so they were not compared."
        return pd.DataFrame()
    if len(common) < len(evidence.seeds):
        remarks["pairs"] = f"Compared over the seeds that all arms have: {', '.join(map(str, common))}."
    return compare_arms(
        {name: [own[seed].predictions for seed in common] for name, own in of_arm.items()},
        evidence.aggregate,
        {name: [thresholds_of(own[seed]) for seed in common] for name, own in of_arm.items()},
    )


def _of_each(arms: tuple[Arm, ...], make: Callable[[Arm], pd.DataFrame | None]) -> pd.DataFrame:
    """One table of all arms' tables, with a first column ``arm``."""
    parts = [(arm.name, made) for arm in arms if (made := make(arm)) is not None and not made.empty]
    tables = [made.assign(arm=name)[["arm", *(c for c in made.columns if c != "arm")]] for name, made in parts]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
