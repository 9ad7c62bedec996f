"""Gates are what the forward pass multiplies with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from fusekit.bundle.bundle import Bundle
from fusekit.explain.gates import gate_table, gates_of
from fusekit_rbca import ClinicalAttention
from tests.explain.conftest import Cohort, make_model


def test_gates_are_the_ratio_of_attended_to_reduced(injected: Bundle, both: Cohort) -> None:
    image = injected.pixels.to_tensor(both.images[:5])
    columns = torch.from_numpy(injected.encode(both.table.iloc[:5]))
    model = injected.model
    outputs: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def keep(module: Any, args: Any, out: torch.Tensor) -> None:
        reduced = torch.relu(module.norm(module.reduce(args[0])))
        outputs[len(outputs)] = (out, reduced)

    handles = [m.register_forward_hook(keep) for m in model.modules() if isinstance(m, ClinicalAttention)]
    with torch.no_grad():
        model(image, columns)
    for handle in handles:
        handle.remove()
    found = gates_of(model, image, columns)
    assert sorted(found) == sorted(outputs) == [0, 1]
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
    gates = {1: np.array([[0.5, 0.7], [0.7, 0.9], [0.8, 0.6], [1.0, 0.6]])}
    rows = pd.DataFrame({"subject": ["a", "a", "b", "c"], "group": [0, 0, 1, 1]})
    found: Any = gate_table(injected.model, gates, rows).set_index("group")
    assert found["site"].tolist() == ["third", "third"]
    assert found["subjects"].tolist() == [1, 2]
    np.testing.assert_allclose(found["median"], [0.7, 0.75])
    np.testing.assert_allclose(found["spread"], [0.0, 0.05], atol=1e-12)
