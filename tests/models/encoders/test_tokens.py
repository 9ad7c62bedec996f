"""Tokens of table columns against nn.Linear and nn.Embedding, and the attention against its formula."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm

from fusekit.data.clinical.layout import ColumnLayout, Place
from fusekit.errors import OptionError
from fusekit.models import ClinicalFeatures, FusionHead, FusionModel, ImageFeatures, ImageWidths
from fusekit.models.absence import StandIns
from fusekit.models.encoders.tokens import TokenEncoder
from fusekit.testing import check_encoder
from tests.models.encoders.layouts import LAYOUT


def encoder(**options: Any) -> TokenEncoder:
    torch.manual_seed(0)
    return TokenEncoder(10, layout=LAYOUT, **{"width": 8, **options}).double().eval()


def person(category: int | None, number: float, masked: float | None, other: int | None) -> Tensor:
    row = torch.zeros(10).double()
    if category is not None:
        row[category] = 1
    row[3] = number
    if masked is not None:
        row[4], row[7] = masked, 1
    if other is not None:
        row[5 + other], row[8] = 1, 1
    return row


def test_a_number_is_a_linear_map_and_a_category_an_embedding_of_its_own() -> None:
    model = encoder()
    tokens = model.tokens(person(2, -1.5, 0.5, 1)[None])[0]
    number, masked = nn.Linear(1, 8).double(), nn.Linear(1, 8).double()
    number.load_state_dict({"weight": model.weight[3][:, None], "bias": model.bias[1]})
    masked.load_state_dict({"weight": model.weight[4][:, None], "bias": model.bias[2]})
    embedding, other = nn.Embedding(3, 8).double(), nn.Embedding(2, 8).double()
    embedding.load_state_dict({"weight": model.weight[:3]})
    other.load_state_dict({"weight": model.weight[5:]})
    expected = [
        embedding(torch.tensor(2)) + model.bias[0],
        number(torch.tensor([-1.5]).double()),
        masked(torch.tensor([0.5]).double()),
        other(torch.tensor(1)) + model.bias[3],
        model.missing[2],  # never observed
    ]
    torch.testing.assert_close(tokens, torch.stack(expected))


def test_what_a_mask_says_is_missing_has_a_token_of_its_column_and_what_has_no_mask_is_0() -> None:
    model = encoder()
    tokens = model.tokens(person(None, 0.0, None, None)[None])[0]
    torch.testing.assert_close(tokens, torch.cat((model.bias[:2], model.missing)))


def test_the_result_is_one_query_s_in_a_pre_norm_transformer() -> None:
    model = encoder(heads=2)
    rows = torch.stack([person(0, 1.0, None, 1), person(1, -2.0, 3.0, None)])
    layer: Any = model.layers[0]
    known = layer_norm(model.tokens(rows), (8,))
    query = model.query.expand(2, 1, -1)
    q, k, v = layer.query(layer_norm(query, (8,))), layer.key(known), layer.value(known)
    heads = []
    for head in (slice(0, 4), slice(4, 8)):
        attention = (q[..., head] @ k[..., head].transpose(1, 2) / 2).softmax(dim=2)  # 2: root of 4 channels
        heads.append(attention @ v[..., head])
    query = query + layer.read(torch.cat(heads, dim=2))
    first, _, _, second = layer.feed_forward
    query = query + second(gelu(first(layer_norm(query, (8,)))))
    torch.testing.assert_close(model(rows).vector, layer_norm(query[:, 0], (8,)))


@pytest.mark.parametrize("depth", [1, 2])
def test_keeps_what_encoders_promise(depth: int) -> None:
    check_encoder(TokenEncoder(10, width=8, depth=depth, heads=2, layout=LAYOUT), columns=10)
    check_encoder(TokenEncoder(4, width=8, depth=depth, drop_columns=0.3), columns=4)


def test_a_table_of_masks_alone_is_encoded() -> None:
    layout = ColumnLayout((Place(0, 0, "category", mask=0), Place(0, 0, "category", mask=1)))
    model = TokenEncoder(2, width=8, layout=layout)
    results = model(torch.tensor([[0.0, 1.0], [1.0, 0.0]])).vector
    assert results.shape == (2, 8)
    results.square().sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())
    assert not torch.equal(model.eval()(torch.zeros(1, 2)).vector, model(torch.ones(1, 2)).vector)


@pytest.mark.parametrize(
    "options", [{"width": 6}, {"width": 0}, {"heads": 0}, {"depth": 0}, {"dropout": 1.0}, {"width": -4}]
)
def test_sizes_without_meaning_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=r"a multiple of encoder\.heads"):
        TokenEncoder(4, **{"width": 8, **options})


def test_its_tokens_are_passed_on_to_heads() -> None:
    """One per table column, as the formula has them; where the table is absent, the stand-in in place of each."""
    torch.manual_seed(0)
    encoder = TokenEncoder(3, width=8, dropout=0.0).eval()
    columns = torch.randn(4, 3)
    vector, tokens = encoder(columns)
    assert tokens is not None
    expected = columns[:, :, None] * encoder.weight + encoder.bias
    torch.testing.assert_close(tokens, expected)
    assert vector.shape == (4, 8)

    class Mean(FusionHead):
        def __init__(self, image_widths: ImageWidths, clinical_width: int, classes: int):
            super().__init__()
            self.layer = nn.Linear(clinical_width, classes)

        def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Tensor:
            assert clinical is not None
            assert clinical.tokens is not None
            found: Tensor = self.layer(clinical.tokens.mean(dim=1))
            return found

    head = Mean(ImageWidths(0, 0), 8, 2)
    stand_ins = StandIns(("table",), ImageWidths(0, 0), 8, 0)
    assert stand_ins.clinical is not None
    nn.init.constant_(stand_ins.clinical, 0.5)
    model = FusionModel(None, encoder, None, head, stand_ins=stand_ins, description={"columns": 3})
    found = model(None, columns, torch.tensor([[False, True], [False, False]] * 2))
    torch.testing.assert_close(found[0], head.layer(expected[0].mean(dim=0)))
    torch.testing.assert_close(found[1], head.layer(torch.full((8,), 0.5)))


@pytest.mark.parametrize(
    "layout",
    [ColumnLayout.plain(3), ColumnLayout((Place(0, 1, mask=2), Place(1, 2, mask=3))), LAYOUT],
    ids=["numbers alone", "a mask of each", "all kinds"],
)
def test_an_exported_encoder_makes_the_same_tokens(layout: ColumnLayout, tmp_path: Path) -> None:
    """Of numbers alone, torch's exporter lost the biases: it replaced them by what was to be added."""
    model = TokenEncoder(0, width=8, layout=layout).eval()
    columns = torch.rand(2, layout.inputs).round()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own
        program = torch.onnx.export(model, (columns,), dynamo=True, verbose=False)
    assert program is not None
    program.save(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    found = session.run(None, {session.get_inputs()[0].name: columns.numpy()})
    for exported, own in zip(found, model(columns), strict=True):
        np.testing.assert_allclose(exported, own.detach().numpy(), atol=1e-5)
