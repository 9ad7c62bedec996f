"""Encoders as torch takes them elsewhere: one graph, exported, without memory, and with one sample."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor

from fusekit import Fusion, build
from fusekit.data.clinical.layout import ColumnLayout, Place
from fusekit.models import FusionModel, build_from

LAYOUT = ColumnLayout((Place(0, 2, "category"), Place(2, 3, mask=4), Place(3, 4), Place(4, 4, "category", mask=5)))
ONLY_MASKS = ColumnLayout((Place(0, 0, "category", mask=0), Place(0, 0, "category", mask=1)))
ENCODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("mlp", {"drop_columns": 0.3, "skip": True}),
    "piecewise": ("mlp", {"numbers": "piecewise", "drop_columns": 0.3, "scale": 0.2}),
    "quantile": ("mlp", {"numbers": "quantile", "drop_columns": 0.3}),
    "tokens": ("tokens", {"drop_columns": 0.3, "depth": 2}),
}


def fitted(name: str, layout: ColumnLayout) -> tuple[FusionModel, Tensor]:
    torch.manual_seed(0)
    encoder, options = ENCODERS[name]
    recipe = Fusion(head="clinical", encoder=encoder, image=False, options={"encoder": {"width": 8, **options}})
    model = build(recipe, backbone="", columns=layout, classes=2)
    columns = torch.randn(40, layout.inputs)
    for place in layout.places:
        if place.mask is not None:
            columns[:, place.mask] = (columns[:, place.mask] > 0).float()
    model.fit(columns)
    return model, columns


@pytest.mark.parametrize("layout", [LAYOUT, ONLY_MASKS], ids=["table", "masks"])
@pytest.mark.parametrize("name", ENCODERS)
def test_it_is_one_graph_in_training_and_evaluation_and_gives_the_same(name: str, layout: ColumnLayout) -> None:
    torch.compiler.reset()  # of one function, torch keeps few graphs
    model, columns = fitted(name, layout)
    graph = torch.compile(model, backend="aot_eager", fullgraph=True)
    graph(None, columns).square().sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())  # as several devices need it
    model.eval()
    torch.testing.assert_close(graph(None, columns), model(None, columns))


@pytest.mark.parametrize("name", ENCODERS)
def test_it_is_exported_for_any_batch(name: str) -> None:
    model, columns = fitted(name, LAYOUT)
    model.eval()
    batch = {0: torch.export.Dim("batch", min=1, max=1000)}
    exported = torch.export.export(model, (None, columns), dynamic_shapes=(None, batch)).module()
    torch.testing.assert_close(exported(None, columns[:7]), model(None, columns[:7]))


@pytest.mark.parametrize("name", ENCODERS)
def test_one_sample_will_do_and_the_meta_device_knows_all_of_it(name: str) -> None:
    model, columns = fitted(name, LAYOUT)
    assert model.train()(None, columns[:1]).isfinite().all()
    torch.testing.assert_close(model.eval()(None, columns[:1]), model(None, columns)[:1])
    with torch.device("meta"):
        bare = build_from(json.loads(json.dumps(model.description)))
        assert bare(None, torch.empty(3, LAYOUT.inputs)).shape == (3, 2)
