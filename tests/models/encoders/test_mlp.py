"""The plain encoder against its formula."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import gelu

from fusekit.errors import OptionError
from fusekit.models import MLPEncoder
from fusekit.testing import check_encoder


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


@pytest.mark.parametrize(("width", "depth", "dropout"), [(0, 2, 0.0), (4, 0, 0.0), (4, 2, 1.0), (4, 2, -0.1)])
def test_refuses_sizes_without_meaning(width: int, depth: int, dropout: float) -> None:
    with pytest.raises(OptionError, match="1 or more"):
        MLPEncoder(4, width=width, depth=depth, dropout=dropout)
