"""Integrated gradients: complete, right for a linear model, and the planted column first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import logit

from fusekit.bundle.bundle import Bundle
from fusekit.data import Number, Ordered, Target, TimeToEvent
from fusekit.data.target.classes import log_odds
from fusekit.explain.attribution import attribute
from fusekit.models import ConcatHead, ImageWidths, MLPEncoder
from tests.explain.conftest import Cohort, bundle_of, encoding_of, make_model


@pytest.mark.parametrize("fusion", ["concat", "rbca"])
def test_shares_sum_to_the_difference_from_the_mean_patient(both: Cohort, fusion: str) -> None:
    bundle = bundle_of(make_model(fusion, 6, seed=1), both)
    image = bundle.pixels.to_tensor(both.images[:6])
    columns = torch.from_numpy(bundle.encode(both.table.iloc[:6]))
    assert bundle.encoding is not None
    shares = attribute(bundle.model, bundle.encoding, image, columns, steps=200)
    with torch.no_grad():
        gain = log_odds(bundle.model(image, columns)) - log_odds(bundle.model(image, torch.zeros_like(columns)))
    np.testing.assert_allclose(shares.sum(axis=1), gain.numpy(), atol=2e-3)
    assert list(shares.columns) == ["NOISE", "DECISIVE", "SEX", "OTHER"]


def test_shares_of_ordered_classes_sum_to_the_difference_in_their_own_log_odds(both: Cohort) -> None:
    """Two outputs are the cuts of three classes, each of whose log odds are shared."""
    target = Ordered(("low", "middle", "high"))
    bundle = replace(bundle_of(make_model("concat", 6, seed=1), both), target=target)
    image = bundle.pixels.to_tensor(both.images[:6])
    columns = torch.from_numpy(bundle.encode(both.table.iloc[:6]))
    assert bundle.encoding is not None
    asked = np.array([0, 1, 2, 0, 1, 2])
    how: dict[str, Any] = {"target": asked, "score": target.explained}
    shares = attribute(bundle.model, bundle.encoding, image, columns, steps=200, **how)
    with torch.no_grad():
        p = [
            target.answers(bundle.model(image, given).double()).numpy()
            for given in (columns, torch.zeros_like(columns))
        ]
    own, without = (logit(said[np.arange(6), asked]) for said in p)
    np.testing.assert_allclose(shares.sum(axis=1), own - without, atol=2e-3)


@pytest.mark.parametrize(
    ("target", "outputs"),
    [
        (Number("score", "points", mean=20.0, deviation=4.0), 1),
        (TimeToEvent("death", (12.0, 36.0), "months", 3, (6.0, 20.0, 36.0)), 3),
    ],
)
@pytest.mark.parametrize("fusion", ["concat", "rbca"])
def test_shares_of_numbers_and_times_sum_to_the_difference_in_what_is_said(
    both: Cohort, target: Target, outputs: int, fusion: str
) -> None:
    model = make_model(fusion, 6, seed=1)
    model.head = ConcatHead(ImageWidths(8, 8), 16, outputs)
    bundle = replace(bundle_of(model, both), target=target)
    image = bundle.pixels.to_tensor(both.images[:6])
    columns = torch.from_numpy(bundle.encode(both.table.iloc[:6]))
    assert bundle.encoding is not None
    shares = attribute(bundle.model, bundle.encoding, image, columns, steps=200, score=target.explained)
    with torch.no_grad():
        said = [
            target.answers(bundle.model(image, given).double()).numpy()
            for given in (columns, torch.zeros_like(columns))
        ]
    if target.kind == Number.kind:
        own, without = (one[:, 0] for one in said)
    else:  # from survival at the last horizon
        own, without = (np.log(-np.log(one[:, 2])) for one in said)
    assert np.abs(own - without).max() > 0.02
    np.testing.assert_allclose(shares.sum(axis=1), own - without, atol=5e-3)


def test_a_linear_model_shares_weight_times_input_by_column(telling: Cohort) -> None:
    model = make_model("concat", 6)
    model.encoder = MLPEncoder(6, width=16, depth=1)
    layer = model.encoder.layers[0]
    assert isinstance(layer, torch.nn.Linear)
    bundle = bundle_of(model, telling)
    image = bundle.pixels.to_tensor(telling.images[:4])
    columns = torch.from_numpy(bundle.encode(telling.table.iloc[:4]))
    encoding = encoding_of(telling)
    assert encoding.features == ("NOISE", "DECISIVE", "SEX=Female", "SEX=Male", "OTHER", "NOISE observed")
    shares = attribute(bundle.model, encoding, image, columns, steps=3)
    assert isinstance(model.head, ConcatHead)
    weight = model.head.classify.weight.detach()[:, 8:] @ layer.weight.detach()
    each = (columns * (weight[1] - weight[0])).numpy()
    expected = np.stack([each[:, 0] + each[:, 5], each[:, 1], each[:, 2] + each[:, 3], each[:, 4]], axis=1)
    np.testing.assert_allclose(shares, expected, atol=1e-5)


def test_the_decisive_column_comes_first(sees_column: Bundle, telling: Cohort) -> None:
    assert sees_column.encoding is not None
    image = sees_column.pixels.to_tensor(telling.images[::2])
    columns = torch.from_numpy(sees_column.encode(telling.table.iloc[::2]))
    mean = attribute(sees_column.model, sees_column.encoding, image, columns).abs().mean()
    assert mean.idxmax() == "DECISIVE"
    assert mean["DECISIVE"] > 3 * mean.drop("DECISIVE").max()
