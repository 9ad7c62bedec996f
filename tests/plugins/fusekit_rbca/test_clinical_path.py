"""The clinical path is two linear layers of 1024."""

from __future__ import annotations

import pytest
import torch

from fusekit.testing import check_encoder
from fusekit_rbca import ClinicalPath


@pytest.mark.parametrize("activation", ["relu", "none"])
def test_is_two_matrices(activation: str) -> None:
    path = ClinicalPath(7, activation=activation).double()  # type: ignore[arg-type]  # one of the two literals
    w1, b1, w2, b2 = path.parameters()
    assert w1.shape == (1024, 7)
    assert w2.shape == (1024, 1024)
    x = torch.randn(3, 7).double()
    hidden = x @ w1.T + b1
    hidden = hidden.clamp(min=0) if activation == "relu" else hidden
    torch.testing.assert_close(path(x), hidden @ w2.T + b2)


def test_keeps_what_encoders_promise() -> None:
    check_encoder(ClinicalPath(5), columns=5)
