"""What a report shows beside the scores: pairs, calibration, decisions, contribution, missingness and groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd

from fusekit.errors import DataError, attempt
from fusekit.evaluation import probabilities_of
from fusekit.evaluation.arms.contribution import contribution, missingness, shapley
from fusekit.evaluation.arms.pairs import compare_arms
from fusekit.evaluation.arms.subgroups import subgroup_scores
from fusekit.evaluation.calibration.decision import net_benefit
from fusekit.evaluation.calibration.reliability import brier, expected_calibration_error, recalibration, reliability
from fusekit.extension import catalog
from fusekit.report.evidence import Arm, Evidence
from fusekit.report.run import Run

#: What the probabilities of a table are.
AS_PREDICTED, TEMPERED = "as predicted", "after temperature"

#: Metrics of groups, of those that the task has: few, as groups are small, and with limits that need no bootstrap.
OF_GROUPS = ("auc", "accuracy")


def measured(evidence: Evidence) -> Evidence:
    """Fill the tables of evidence that follow from its runs, and say why where one cannot be filled."""
    remarks = dict(evidence.remarks)
    two = len(evidence.classes) == 2
    states: dict[str, dict[str, pd.DataFrame]] = {}

    def table(section: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        with attempt(f"the table of {section}", lambda sentence: remarks.update({section: sentence})):
            return make()
        return pd.DataFrame()

    def of_two(make: Callable[[dict[str, pd.DataFrame]], pd.DataFrame], section: str) -> pd.DataFrame:
        return table(section, lambda: _of_each(evidence.arms, lambda arm: make(states[arm.name]) if two else None))

    pairs = table("pairs", lambda: _pairs(evidence, remarks))
    if two:
        states = {arm.name: _states(arm.runs[0], remarks) for arm in evidence.arms}
    else:
        remarks["calibration"] = "Calibration and net benefit are for two classes; this task has more."
    return replace(
        evidence,
        pairs=pairs,
        calibration=of_two(_calibration, "calibration"),
        reliability=of_two(_reliability, "calibration"),
        net_benefit=of_two(_net_benefit, "decision"),
        contribution=table("contribution", lambda: _ablated(evidence, contribution, remarks)),
        shapley=table("contribution", lambda: _ablated(evidence, shapley, remarks)),
        missingness=table("contribution", lambda: _ablated(evidence, missingness, remarks)),
        subgroups=table("subgroups", lambda: _of_each(evidence.arms, lambda arm: _subgroups(arm.runs[0], evidence))),
        remarks=remarks,
    )


def _pairs(evidence: Evidence, remarks: dict[str, str]) -> pd.DataFrame:
    """All pairs of arms, over the seeds that all of them have."""
    if len(evidence.arms) < 2:
        return pd.DataFrame()
    of_arm = {arm.name: {run.seed: run for run in arm.runs} for arm in evidence.arms}
    common = sorted(set.intersection(*(set(own) for own in of_arm.values())))
    if not common:
        remarks["pairs"] = "The arms have no seed in common, so they were not compared."
        return pd.DataFrame()
    if len(common) < len(evidence.seeds):
        remarks["pairs"] = f"Compared over the seeds that all arms have: {', '.join(map(str, common))}."
    return compare_arms(
        {name: [own[seed].predictions for seed in common] for name, own in of_arm.items()},
        {name: [own[seed].rule for seed in common] for name, own in of_arm.items()},
    )


def _states(run: Run, remarks: dict[str, str]) -> dict[str, pd.DataFrame]:
    """Subjects with their probabilities: as predicted, and after the temperature if one was fitted."""
    states = {AS_PREDICTED: run.subjects}
    if run.validation is None:
        remarks["calibration"] = (
            "No temperature is shown where no subjects were set aside for validation (--validation): it would have to "
            "be fitted on tested subjects."
        )
        return states
    try:
        states[TEMPERED] = run.rule.calibrated(states[AS_PREDICTED])
    except DataError as error:
        remarks["calibration"] = f"No temperature for every arm: {error}"
    return states


def _calibration(states: dict[str, pd.DataFrame]) -> pd.DataFrame:
    rows = []
    for state, table in states.items():
        row: dict[str, object] = {"state": state, "temperature": float("nan")}
        if "temperature" in table:
            row["temperature"] = float(table["temperature"].mean())
        labels, p = table["label"].to_numpy(), probabilities_of(table)[:, 1]
        row |= {"brier": brier(labels, p), "ece": expected_calibration_error(labels, p)}
        fitted = recalibration(labels, p)
        for name, limits in (("slope", fitted.slope), ("intercept", fitted.intercept)):
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), limits, strict=True))
        rows.append({**row, "subjects": len(table)})
    return pd.DataFrame(rows)


def _reliability(states: dict[str, pd.DataFrame]) -> pd.DataFrame:
    parts = [
        reliability(table["label"].to_numpy(), probabilities_of(table)[:, 1]).assign(state=state)
        for state, table in states.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _net_benefit(states: dict[str, pd.DataFrame]) -> pd.DataFrame:
    table = states[AS_PREDICTED]
    found = net_benefit(table["label"].to_numpy(), probabilities_of(table)[:, 1])
    return found.rename(columns={"model": "net_benefit", "all": "treat_all", "none": "treat_none"})


def _subgroups(run: Run, evidence: Evidence) -> pd.DataFrame | None:
    if evidence.cohort is None:
        return None
    names = [name for name in OF_GROUPS if name in evidence.metrics and name in catalog().metrics.names()]
    metrics = {name: catalog().metrics.get(name)() for name in names}
    return subgroup_scores(run.predictions, evidence.cohort, metrics, run.rule)


def _ablated(
    evidence: Evidence, measure: Callable[[pd.DataFrame], pd.DataFrame], remarks: dict[str, str]
) -> pd.DataFrame:
    """One measure of the ablations of every arm that has them; of the first seed."""

    def of(arm: Arm) -> pd.DataFrame | None:
        ablations = arm.runs[0].ablations
        if ablations is None:
            remarks["contribution"] = "Shown for the arms that were tested again with parts of their input taken away."
            return None
        try:
            return measure(ablations)
        except DataError as error:
            remarks["contribution"] = f"Not every arm is shown: {error}"
            return None

    made = _of_each(evidence.arms, of)
    if made.empty:
        left_out = all(
            run.manifest.get("config", {}).get("explain") == "none" for arm in evidence.arms for run in arm.runs
        )
        remarks["contribution"] = (
            "Ablations and explanations were left out on request (--explain none)."
            if left_out
            else "No run has ablations.csv, so nothing is known of what image and table contribute."
        )
    return made


def _of_each(arms: Sequence[Arm], make: Callable[[Arm], pd.DataFrame | None]) -> pd.DataFrame:
    """One table of all arms' tables, with a first column ``arm``."""
    parts = [(arm.name, made) for arm in arms if (made := make(arm)) is not None and not made.empty]
    tables = [made.assign(arm=name)[["arm", *(c for c in made.columns if c != "arm")]] for name, made in parts]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
