"""The plain encoder against its formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import gelu

from fusekit.errors import OptionError
from fusekit.models import MLPEncoder
from fusekit.testing import check_encoder
from tests.models.encoders.layouts import LAYOUT


def test_is_linear_layers_with_activations_between_and_none_after() -> None:
    encoder = MLPEncoder(3, width=5, depth=3, activation="gelu").double().eval()
    w1, b1, w2, b2, w3, b3 = encoder.parameters()
    x = torch.randn(4, 3).double()
    expected = gelu(gelu(x @ w1.T + b1) @ w2.T + b2) @ w3.T + b3
    torch.testing.assert_close(encoder(x), expected)


def test_activation_none_is_a_linear_map() -> None:
    encoder = MLPEncoder(3, width=5, activation="none").double()
    x, y = torch.randn(2, 4, 3).double()
    zero = encoder(torch.zeros(4, 3).double())
    torch.testing.assert_close(encoder(x + y) - zero, encoder(x) + encoder(y) - 2 * zero)


def test_dropout_drops_in_training_only() -> None:
    torch.manual_seed(0)
    encoder = MLPEncoder(3, width=64, dropout=0.5)
    x = torch.randn(4, 3)
    assert not torch.equal(encoder(x), encoder(x))
    encoder.eval()
    assert torch.equal(encoder(x), encoder(x))


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_keeps_what_encoders_promise(depth: int) -> None:
    check_encoder(MLPEncoder(4, width=7, depth=depth), columns=4)


@pytest.mark.parametrize(
    "options",
    [
        {"numbers": "piecewise", "bins": 3},
        {"numbers": "quantile", "skip": True},
        {"numbers": "piecewise", "bins": 1, "drop_columns": 0.5},
    ],
)
def test_every_encoding_of_numbers_keeps_it_too(options: dict[str, Any]) -> None:
    check_encoder(MLPEncoder(10, width=7, layout=LAYOUT, **options), columns=10)
    check_encoder(MLPEncoder(4, width=7, **options), columns=4)


def test_unless_asked_for_more_it_is_the_network_that_it_was() -> None:
    torch.manual_seed(0)
    encoder = MLPEncoder(10, layout=LAYOUT, people=100)
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(10, 1024), nn.ReLU(), nn.Dropout(0.0), nn.Linear(1024, 1024))
    assert encoder.layers.state_dict().keys() == plain.state_dict().keys()
    assert encoder.state_dict().keys() == {f"layers.{name}" for name in plain.state_dict()}
    columns = torch.randn(5, 10)
    assert torch.equal(encoder(columns), plain(columns))  # the same random numbers, the same arithmetic


def test_skip_adds_a_linear_map_of_what_the_layers_read() -> None:
    encoder = MLPEncoder(10, width=5, layout=LAYOUT, numbers="piecewise", skip=True).double().eval()
    columns = torch.randn(4, 10).double()
    assert encoder.bins is not None
    assert encoder.skip is not None
    read = encoder.bins(columns)
    torch.testing.assert_close(encoder(columns), encoder.layers(read) + read @ encoder.skip.weight.T)


def test_a_hidden_column_is_hidden_from_the_bins_and_the_linear_path_too() -> None:
    torch.manual_seed(0)
    encoder = MLPEncoder(10, width=5, layout=LAYOUT, numbers="piecewise", skip=True, drop_columns=0.999999)
    columns = torch.randn(3, 10)
    assert torch.equal(encoder(columns), encoder(torch.zeros(3, 10)))
    encoder.eval()
    assert not torch.equal(encoder(columns), encoder(torch.zeros(3, 10)))


@pytest.mark.parametrize(("width", "depth", "dropout"), [(0, 2, 0.0), (4, 0, 0.0), (4, 2, 1.0), (4, 2, -0.1)])
def test_refuses_sizes_without_meaning(width: int, depth: int, dropout: float) -> None:
    with pytest.raises(OptionError, match="1 or more"):
        MLPEncoder(4, width=width, depth=depth, dropout=dropout)
