"""A frozen network: its features are computed once, and what is trained and shipped is what images would have given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from safetensors.torch import save_file

from fusekit import load
from fusekit.bundle.bundle import Bundle
from fusekit.experiment.run.fold import train_fold
from fusekit.experiment.setup.gathered import gather
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.models import TimmBackbone
from fusekit.progress import Quiet

pytestmark = pytest.mark.usefixtures("unexplained")


def trained(folder: Path, weights: Path, **options: Any) -> Bundle:
    settings = {
        "task": "adni-ad",
        "fusion": "concat",
        "backbone": "test_resnet",
        "epochs": 3,
        "batch_size": 8,
        "image_size": 32,
        "select": "auc",
        "options": {"synthetic": {"subjects": 24}, "backbone": {"weights": weights, "freeze": "all"}, **options},
    }
    plan = make_plan(Settings.of(settings))
    bundle = train_fold(plan, gather(plan.config, plan.task, plan.slices, Quiet()), 0, folder, Quiet())
    assert bundle is not None
    return bundle


def test_features_that_are_computed_once_train_the_same_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    weights = tmp_path / "w.safetensors"
    save_file(timm.create_model("test_resnet", in_chans=1).state_dict(), weights)
    seen: list[int] = []
    forward = TimmBackbone.forward

    def counted(self: TimmBackbone, image: Any, inject: Any = None) -> Any:
        seen.append(len(image))
        return forward(self, image, inject)

    monkeypatch.setattr(TimmBackbone, "forward", counted)
    rows: dict[str, int] = {}
    for name in ("once", "always"):
        (tmp_path / name).mkdir()
        seen.clear()
        bundle = trained(tmp_path / name, weights)
        rows[name] = sum(seen)
        monkeypatch.setattr("fusekit.experiment.run.fit.training.fixed_features", lambda *_, **__: None)
    tables = [pd.read_csv(tmp_path / name / "predictions.csv") for name in rows]
    assert np.allclose(tables[0]["p_1"], tables[1]["p_1"], atol=1e-4)
    losses = [pd.read_csv(tmp_path / name / "history.csv")[["loss", "validation_auc"]] for name in rows]
    assert np.allclose(losses[0], losses[1], atol=1e-4)
    assert rows["always"] > 2 * rows["once"]

    record = json.loads((tmp_path / "once" / "fold.json").read_text())
    (finding,) = [one for one in record["findings"] if one["code"] == "backbone-weights"]
    assert finding["severity"] == "note"
    bundle.save(tmp_path / "bundle")
    shipped = load(tmp_path / "bundle")
    assert shipped.model.description["weights"]["sha256"] == bundle.model.description["weights"]["sha256"]
    assert str(tmp_path) not in (tmp_path / "bundle" / "bundle.json").read_text()
    image, columns = torch.randn(2, 1, 32, 32), torch.randn(2, bundle.model.inputs)
    assert torch.equal(shipped(image, columns), bundle(image, columns))
