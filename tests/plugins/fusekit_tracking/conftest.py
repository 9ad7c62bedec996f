"""A run that is under way, and one that is finished: trackers need no training to be watched."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fusekit import Run, Underway
from fusekit.experiment.setup.settings import Settings


@pytest.fixture
def underway(tmp_path: Path) -> Callable[..., Underway]:
    """Trackers, and anything of the configuration -> a run of a SYNTHETIC cohort."""

    def make(track: str, name: str = "compare-1/rbca-seed-0", **given: Any) -> Underway:
        options = {"injector": {"reduction": "shared"}, **given.pop("options", {})}
        settings = Settings.of(
            {"task": "adni-ad", "epochs": 3, "track": track, "options": options, "search": {"lr": ("1", "2")}, **given}
        )
        return Underway(f"1a2b-{tmp_path.name}-{name}", name, tmp_path / "runs", settings)

    return make


@pytest.fixture
def finished(tmp_path: Path) -> Run:
    """A run folder with one score that is defined and one that is not."""
    folder = tmp_path / "runs" / "finished"
    folder.mkdir(parents=True)
    counts = {"rows": 20, "subjects": 10}
    auc = {"level": "subject", "metric": "auc", "value": 0.75, "low": 0.5, "high": 1.0, **counts}
    ppv = {"level": "slice", "metric": "ppv", "value": None, "low": None, "high": None, **counts}
    (folder / "metrics.json").write_text(json.dumps({"scores": [auc, ppv]}))
    (folder / "manifest.json").write_text('{"synthetic": true}')
    (folder / "report.html").write_text("<p>SYNTHETIC</p>")
    (folder / "predictions.csv").write_text("subject,p_0\n011_S_0001,0.5\n")
    return Run(folder)


@pytest.fixture
def written(tmp_path: Path) -> Run:
    """Where an epoch's row has just been written."""
    return Run(tmp_path)
