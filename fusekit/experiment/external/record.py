"""What is kept of an external validation beside its numbers: the manifest."""

from __future__ import annotations

from typing import Any

import torch

from fusekit.experiment.external.cohort import FOLD, ExternalCohort
from fusekit.experiment.external.plan import Asked
from fusekit.experiment.run.flow import flow
from fusekit.experiment.setup import manifest
from fusekit.experiment.setup.gathered import Sides


def record(asked: Asked, other: ExternalCohort, said: tuple[str, ...], device: torch.device) -> dict[str, Any]:
    """The manifest, without durations."""
    bundle, config, rows = asked.bundle, asked.config, other.rows
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
            "threshold": asked.trained.get("threshold", "argmax") if bundle.rule.thresholds else "argmax",
            **bundle.rule.as_json(),
        },
        "flow": flow(other.cohort, rows, other.folds, bundle.classes),
        "data": {
            "folds": {str(FOLD): Sides(rows[:0], rows[:0], rows).counts(bundle.classes)},
            "fingerprint": other.fingerprint,
        },
        "findings": [finding.as_json() for finding in other.findings],
        "published": [],
        **manifest.environment(device),
    }
