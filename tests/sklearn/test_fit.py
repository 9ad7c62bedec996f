"""The trained model is the one that a run ships, of the same people with the same seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fusekit
from fusekit.progress import Quiet
from fusekit.sklearn import FuseKitClassifier
from fusekit.testing import write_cohort

SETTINGS: dict[str, Any] = {"backbone": "test_resnet", "epochs": 1, "image_size": 32, "batch_size": 8, "device": "cpu"}


@pytest.mark.usefixtures("unexplained")
@pytest.mark.parametrize("arm", [{"fusion": "table-first"}, {"baseline": "logistic"}], ids=lambda arm: next(iter(arm)))
def test_it_is_the_model_of_a_run(tmp_path: Path, arm: dict[str, Any]) -> None:
    toml = write_cohort(tmp_path)
    run = fusekit.run(
        str(toml), **SETTINGS, **arm, folds=2, seed=4, explain="none", out=tmp_path / "run", progress=Quiet()
    )
    frame = pd.read_csv(tmp_path / "people.csv")
    X, y = frame.drop(columns="ill").assign(image=[str(tmp_path / f"{who}.png") for who in frame["id"]]), frame["ill"]
    fitted = FuseKitClassifier(**SETTINGS, **arm, subject="id", random_state=4).fit(X, y)
    shipped = fusekit.load(run.folder / "bundle")
    theirs = shipped.predict(X.rename(columns={"id": "subject"}), device="cpu").subjects.set_index("subject")
    assert np.abs(theirs.loc[X["id"], ["p_0", "p_1"]].to_numpy() - fitted.predict_proba(X)).max() < 1e-6
    ours, of_run = fitted.bundle_.provenance, shipped.provenance
    assert ours["data"] == of_run["data"] | {"fingerprint": ours["data"]["fingerprint"]}
    assert ours["data"]["fingerprint"]["slices"] == of_run["data"]["fingerprint"]["slices"]
    assert ours["config"]["backbone"] == of_run["config"]["backbone"]
