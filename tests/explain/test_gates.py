"""Gates are what the forward pass multiplies with, and what a head says that it weighs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from fusekit.bundle.bundle import Bundle
from fusekit.data.store.scan_rows import ScanRows
from fusekit.evaluation import prediction_table
from fusekit.explain import Predictor, explain_fold
from fusekit.explain.gates import Place, gate_table, gates_of, gates_of_patient
from fusekit.models import FusionModel, ImageWidths, MLPEncoder
from fusekit.models.encoders.tokens import TokenEncoder
from fusekit.models.pools.mean import MeanPool
from fusekit_fusions.heads.cross_attention import CrossAttentionHead
from fusekit_fusions.heads.gmu import GMU
from fusekit_rbca import ClinicalAttention
from tests.explain.conftest import Cohort, Small, bundle_of, encoding_of, fold_of, make_model


def test_gates_are_the_ratio_of_attended_to_reduced(injected: Bundle, both: Cohort) -> None:
    image = injected.pixels.to_tensor(both.images[:5])
    columns = torch.from_numpy(injected.encode(both.table.iloc[:5]))
    model = injected.model
    outputs: dict[Place, tuple[torch.Tensor, torch.Tensor]] = {}

    def keep(module: Any, args: Any, out: torch.Tensor) -> None:
        reduced = torch.relu(module.norm(module.reduce(args[0])))
        outputs[len(outputs)] = (out, reduced)

    handles = [m.register_forward_hook(keep) for m in model.modules() if isinstance(m, ClinicalAttention)]
    with torch.no_grad():
        model(image, columns)
    for handle in handles:
        handle.remove()
    found = gates_of(model, image, columns)
    assert list(found) == list(outputs) == [0, 1]
    for site, gate in found.items():
        out, reduced = outputs[site]
        torch.testing.assert_close(out[:, :4], reduced[:, :4] * gate[:, :, None, None])
        assert gate.shape == (5, 4)
        assert float(gate.min()) >= 0.5
        assert float(gate.max()) <= 1


def test_other_models_have_none(both: Cohort) -> None:
    model = make_model("concat", 6).eval()
    assert gates_of(model, torch.zeros(1, 1, 24, 24), torch.zeros(1, 6)) == {}


def test_the_table_summarises_subjects_not_slices(injected: Bundle) -> None:
    gates: dict[Place, np.ndarray] = {1: np.array([[0.5, 0.7], [0.7, 0.9], [0.8, 0.6], [1.0, 0.6]])}
    rows = pd.DataFrame({"subject": ["a", "a", "b", "c"], "group": [0, 0, 1, 1]})
    found: Any = gate_table(injected, gates, rows).set_index("group")
    assert found["part"].tolist() == ["injector", "injector"]
    assert found["site"].tolist() == ["third", "third"]
    assert found["subjects"].tolist() == [1, 2]
    np.testing.assert_allclose(found["median"], [0.7, 0.75])
    np.testing.assert_allclose(found["spread"], [0.0, 0.05], atol=1e-12)


def test_a_head_s_gates_are_beside_those_of_sites(both: Cohort) -> None:
    torch.manual_seed(0)
    model = make_model("rbca", len(encoding_of(both).features))
    model.head = GMU(ImageWidths(8, 8), 16, 2, hidden=3)
    bundle = bundle_of(model, both)
    image = bundle.pixels.to_tensor(both.images[:4])
    columns = torch.from_numpy(bundle.encode(both.table.iloc[:4]))
    found = gates_of(model, image, columns)
    assert list(found) == [0, 1, "image"]
    output = model.output(image, columns)
    assert output.image is not None
    assert output.clinical is not None
    both_vectors = torch.cat((output.image.vector, output.clinical.vector), dim=1)
    torch.testing.assert_close(found["image"], (both_vectors @ model.head.gate.weight.T).sigmoid().detach())
    table = gate_table(
        bundle, {place: gates.numpy() for place, gates in found.items()}, both.rows.iloc[:4].assign(group=0)
    )
    assert table[["part", "site", "stage", "channels"]].drop_duplicates().to_numpy().tolist() == [
        ["injector", "second", 1, 4], ["injector", "third", 2, 4], ["head", "image", 0, 3]
    ]  # fmt: skip


def test_weights_of_columns_have_their_names_and_only_of_those_that_are_read(both: Cohort) -> None:
    torch.manual_seed(0)
    encoding = encoding_of(both)
    head = CrossAttentionHead(ImageWidths(8, 8), 8, 2)
    model = FusionModel(Small(), TokenEncoder(0, width=8, layout=encoding.layout), None, head)
    bundle = bundle_of(model, both)
    image = bundle.pixels.to_tensor(both.images[:1])
    found = gates_of_patient(bundle, image, torch.from_numpy(bundle.encode(both.table.iloc[:1])))
    assert found is not None
    assert found["site"].tolist() == ["NOISE", "DECISIVE", "SEX", "OTHER"]
    assert found["median"].sum() == pytest.approx(1)
    assert found.columns.tolist() == ["part", "site", "stage", "channels", "low", "median", "high"]
    reads = encoding.places(["DECISIVE", "SEX"])
    few = TokenEncoder(0, width=8, layout=encoding.layout.of(reads))
    bundle = bundle_of(FusionModel(Small(), few, None, head, reads=reads), both)
    table = gates_of_patient(bundle, image, torch.from_numpy(bundle.encode(both.table.iloc[:1])))
    assert table is not None
    assert table["site"].tolist() == ["DECISIVE", "SEX"]
    other = gate_table(bundle, {"columns": np.full((1, 3), 1 / 3)}, both.rows.iloc[:1].assign(group=0))
    assert other["site"].tolist() == ["token 1", "token 2", "token 3"]


def test_a_plain_model_s_patient_has_none(both: Cohort) -> None:
    model = make_model("concat", len(encoding_of(both).features)).eval()
    assert gates_of_patient(bundle_of(model, both), torch.zeros(1, 1, 24, 24), torch.zeros(1, 6)) is None


@pytest.mark.parametrize("pooled", [False, True], ids=["slices", "scans"])
def test_a_fold_s_gates_are_the_mean_over_the_subjects_of_a_class(pooled: bool, both: Cohort, tmp_path: Path) -> None:
    torch.manual_seed(0)
    widths, features = ImageWidths(8, 8), len(encoding_of(both).features)
    pool = MeanPool(widths, 16) if pooled else None
    head = GMU(widths, 16, 2, hidden=3)
    model = FusionModel(Small(), MLPEncoder(features, width=16), None, head, pool=pool, description={"classes": 2})
    bundle, rows = bundle_of(model, both), both.rows
    of_scans = ScanRows(rows["scan"].tolist()) if pooled else None
    fold = replace(fold_of(bundle, both), scans=of_scans)
    kept = np.arange(0, len(rows), 2)  # the first slice of each subject, or its scan
    predictions = prediction_table(
        rows.iloc[kept],
        bundle.target.predict(bundle.probabilities(fold.samples[kept], bundle.encode(both.table.iloc[kept]))),
    )
    explain_fold(fold, predictions, tmp_path / "fold", seed=1, slices=1, work=0)
    found = pd.read_csv(tmp_path / "fold" / "gates.csv").set_index("group")
    assert found["part"].tolist() == ["head", "head"]
    assert found["subjects"].tolist() == [16, 16]
    by_class: dict[int, list[np.ndarray]] = {0: [], 1: []}
    for row in rows.index[kept]:
        images = fold.samples[[row]] if pooled else both.images[[row]]
        output = model.output(*Predictor(bundle).inputs(images, both.table.iloc[[row]].reset_index(drop=True)))
        by_class[int(rows["label"][row])].append(output.gates["image"][0].detach().numpy())
    for label, gates in by_class.items():
        assert found["median"][label] == pytest.approx(float(np.median(np.mean(gates, axis=0))), abs=1e-5)
