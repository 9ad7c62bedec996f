"""What a report shows beside the scores: pairs, calibration, decisions, contribution, missingness and groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from fusekit.data import Classes, Number, Ordered, TimeToEvent
from fusekit.data.splits import WHOLE
from fusekit.errors import DataError, attempt
from fusekit.evaluation import probabilities_of
from fusekit.evaluation.arms.contribution import contribution, missingness, shapley
from fusekit.evaluation.arms.learning_curve import learning_curve, sentence
from fusekit.evaluation.arms.pairs import compare_arms
from fusekit.evaluation.arms.subgroups import subgroup_scores
from fusekit.evaluation.calibration.decision import net_benefit
from fusekit.evaluation.calibration.reliability import brier, expected_calibration_error, recalibration, reliability
from fusekit.extension import catalog
from fusekit.report.evidence import AS_PREDICTED, Arm, Evidence
from fusekit.report.formatting import listed, records
from fusekit.report.run import COVERAGE, Run

#: State of probabilities that a temperature was applied to.
TEMPERED = "after temperature"

#: Metrics of groups, of those that the task has: few, as groups are small, and with limits that need no bootstrap.
OF_GROUPS = ("auc", "cuts-auc", "accuracy", "mae", "uno-c")

_OF_ALL = frozenset({"pairs", "contribution", "shapley", "missingness", "subgroups", "learning_curve"})
#: Kind of target -> the tables of evidence that it has.
MEASURED: Mapping[str, frozenset[str]] = {
    Classes.kind: _OF_ALL | {"calibration", "reliability", "net_benefit", "coverage"},
    Ordered.kind: _OF_ALL | {"coverage"},
    Number.kind: _OF_ALL | {"coverage"},
    TimeToEvent.kind: _OF_ALL,
}


def measured(evidence: Evidence) -> Evidence:
    """Fill the tables of evidence that follow from its runs, and say why where one cannot be filled."""
    remarks, tables = dict(evidence.remarks), dict[str, Any]()
    wanted = MEASURED[evidence.target.kind]
    states = {}
    if len(evidence.classes) == 2:
        states = {arm.name: _states(arm.runs[0], remarks) for arm in evidence.arms}
    if len(evidence.classes) > 2 and "calibration" in wanted:
        remarks["calibration"] = "Calibration and net benefit are for two classes; this task has more."

    def fill(name: str, section: str, make: Callable[[], pd.DataFrame]) -> None:
        tables[name] = pd.DataFrame()
        if name not in wanted:
            return
        with attempt(f"the table of {section}", lambda sentence: remarks.update({section: sentence})):
            tables[name] = make()

    def fill_of_each(name: str, section: str, make: Callable[[Arm], pd.DataFrame | None]) -> None:
        """One table of all arms' tables, with a first column ``arm``."""

        def joined() -> pd.DataFrame:
            of_arm = {arm.name: made for arm in evidence.arms if (made := make(arm)) is not None and not made.empty}
            if not of_arm:
                return pd.DataFrame()
            return pd.concat(of_arm, names=["arm"]).reset_index(level="arm").reset_index(drop=True)

        fill(name, section, joined)

    def fill_of_states(name: str, section: str, make: Callable[[dict[str, pd.DataFrame]], pd.DataFrame]) -> None:
        fill_of_each(name, section, lambda arm: make(states[arm.name]) if states else None)

    def fill_ablated(measure: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
        fill_of_each(measure.__name__, "contribution", lambda arm: _ablated(arm.runs[0], measure, remarks))

    fill("pairs", "pairs", lambda: _pairs(evidence, remarks))
    fill_of_states("calibration", "calibration", _calibration)
    fill_of_states("reliability", "calibration", _reliability)
    fill_of_states("net_benefit", "decision", _net_benefit)
    for measure in (contribution, shapley, missingness):
        fill_ablated(measure)
    if contribution.__name__ in wanted and all(arm.runs[0].ablations is None for arm in evidence.arms):
        configs = [run.manifest.get("config", {}) for arm in evidence.arms for run in arm.runs]
        remarks["contribution"] = (
            "Ablations and explanations were left out on request (--explain none)."
            if all(config.get("explain") == "none" for config in configs)
            else "No run has ablations.csv, so nothing is known of what image and table contribute."
        )
    fill_of_each("subgroups", "subgroups", lambda arm: _subgroups(arm.runs[0], evidence))
    fill_of_each("coverage", "coverage", lambda arm: arm.runs[0].table(COVERAGE))
    fill_of_each("learning_curve", "learning_curve", _learning_curve)
    if len(tables["learning_curve"]):
        remarks["learning_curve"] = _curve_in_words(tables["learning_curve"], evidence)
    return replace(evidence, **tables, remarks=remarks)


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
        evidence.target.kind,
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
        labels, p = table["label"].to_numpy(), probabilities_of(table)[:, 1]
        row: dict[str, object] = {
            "state": state,
            "temperature": float(table["temperature"].mean()) if "temperature" in table else float("nan"),
            "brier": brier(labels, p),
            "ece": expected_calibration_error(labels, p),
        }
        fitted = recalibration(labels, p)
        for name in ("slope", "intercept"):
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), getattr(fitted, name), strict=True))
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


def _learning_curve(arm: Arm) -> pd.DataFrame | None:
    """An arm's learning curve, over the seeds that have one."""
    runs = [run for run in arm.runs if run.learning_curve is not None]
    if not runs:
        return None
    scores = pd.concat([run.learning_curve for run in runs])
    training = scores[scores["fold"] == "all"].groupby("percent")["training"].mean()
    tables: dict[int, list[pd.DataFrame]] = {WHOLE: [run.subjects for run in runs]}
    for points in (run.learning_curve_subjects for run in runs):
        for percent, own in points.groupby("percent") if points is not None else ():
            tables.setdefault(int(str(percent)), []).append(own)
    found = learning_curve(tables, runs[0].target.kind)
    return found.assign(training=found["percent"].map(training))


def _curve_in_words(table: pd.DataFrame, evidence: Evidence) -> str:
    """What the last doubling gave each arm, and how long networks were trained."""
    said = []
    for arm, own in table.groupby("arm", sort=False):
        points = {row["percent"]: row for row in records(own)}
        half, whole = points[WHOLE // 2], points[WHOLE]
        said.append(sentence(str(arm), half, round(half["training"]), round(whole["training"])))
    said.append("What more subjects would give is not measured.")
    epochs = [one.runs[0].manifest["config"].get("epochs") for one in evidence.arms if one.kind == "fusion"]
    if epochs:
        alike = "in about as many steps at each point (10 to 100 epochs)."
        fewer = f"for {epochs[0]} epochs at each point: in fewer steps with fewer subjects."
        said.append(f"Networks were trained {fewer if epochs[0] else alike}")
    if without := [name for name in evidence.names if name not in set(table["arm"])]:
        said.append(f"There is no curve of {listed(without)}.")
    return " ".join(said)


def _subgroups(run: Run, evidence: Evidence) -> pd.DataFrame | None:
    if evidence.cohort is None:
        return None
    known = catalog().metrics
    metrics = {name: known.get(name)() for name in OF_GROUPS if name in evidence.metrics and name in known.names()}
    return subgroup_scores(run.predictions, evidence.cohort, metrics, run.rule)


def _ablated(run: Run, measure: Callable[[pd.DataFrame], pd.DataFrame], remarks: dict[str, str]) -> pd.DataFrame | None:
    """One measure of a run's ablations, if it has them."""
    if run.ablations is None:
        remarks["contribution"] = "Shown for the arms that were tested again with parts of their input taken away."
        return None
    try:
        return measure(run.ablations)
    except DataError as error:
        remarks["contribution"] = f"Not every arm is shown: {error}"
        return None
