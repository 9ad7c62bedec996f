"""What is kept of an external validation beside its numbers: the manifest, and the table of its cohort."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch

from fusekit.data import Finding, Task
from fusekit.experiment import manifest
from fusekit.experiment.external_cohort import FOLD, ExternalCohort
from fusekit.experiment.external_plan import Asked


def record(asked: Asked, other: ExternalCohort, said: tuple[str, ...], device: torch.device) -> dict[str, Any]:
    """The manifest, without durations."""
    bundle, config, rows = asked.bundle, asked.config, other.rows
    counts = {
        name: {what: int(part[what].nunique()) for what in ("subject", "scan")} | {"slice": len(part)}
        for label, name in enumerate(bundle.classes)
        for part in [rows[rows["label"] == label]]
    }
    tested = {name: {f"{what}s": count for what, count in found.items()} for name, found in counts.items()}
    own: dict[str, Any] = {"task": config.task, "data": config.data and str(config.data), "device": config.device}
    own |= {"allow": list(config.allow), "options": config.as_json()["options"], "folds": 1}
    left = ("recipe", "out", "data", "search")
    settings = {name: value for name, value in asked.trained.items() if name not in left} | own
    return {
        "arm": asked.arm,
        "kind": "external",
        "synthetic": asked.synthetic,
        "config": {name: value for name, value in settings.items() if value is not None},
        "task": {"name": config.task_name, **asked.task.describe()},
        "slices": bundle.slices.as_json(),
        "model": bundle.model.description,
        "external": {
            "bundle": str(asked.folder.absolute()),
            "weights": asked.weights,
            "training": {name: bundle.provenance.get(name) for name in ("synthetic", "config", "data")},
            "absent": list(other.absent),
            "recalibrate": asked.recalibrate,
            "summary": list(said),
        },
        "evaluation": {
            "folds": 1,
            "aggregate": asked.how,
            "threshold": asked.trained.get("threshold", "argmax") if asked.thresholds else "argmax",
            "thresholds": {str(fold): value for fold, value in (asked.thresholds or {}).items()},
        },
        "flow": _flow(other, tested),
        "data": {
            "train": bundle.provenance.get("data", {}).get("train", {}),
            "test": tested,
            "fingerprint": other.fingerprint,
        },
        "findings": [finding.as_json() for finding in other.findings],
        "published": [],
        **manifest.environment(device),
    }


def _flow(other: ExternalCohort, tested: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """How many scans were found, left out for which reason, and kept."""
    kept = {what: sum(count[what] for count in tested.values()) for what in ("subjects", "scans", "slices")}
    dropped = [_dropped(finding) for finding in other.findings if finding.dropped]
    scans = [entry["scans"] for entry in dropped]
    found = None if None in scans else kept["scans"] + sum(scans)
    folds = [{"fold": FOLD, **{name: count["subjects"] for name, count in tested.items()}}]
    return {"found": {"scans": found, "subjects": None}, "dropped": dropped, "kept": kept, "folds": folds}


def _dropped(finding: Finding) -> dict[str, Any]:
    counts = {what: finding.count if finding.dropped == what else None for what in ("scans", "subjects")}
    return {"reason": finding.message, "code": finding.code, **counts}


def cohort_table(task: Task, other: ExternalCohort) -> pd.DataFrame:
    """One row a scan: subject, label, fold, and what subgroups are made of."""
    cohort, wanted = other.cohort, {name.lower() for name in task.subgroups}
    table = cohort.scans[["subject", "label"]].assign(fold=FOLD)
    for name in (*cohort.groups, *cohort.clinical.columns):
        if name.lower() in wanted and name not in table:
            table[name] = cohort.scans[name] if name in cohort.groups else cohort.clinical[name]
    return table
