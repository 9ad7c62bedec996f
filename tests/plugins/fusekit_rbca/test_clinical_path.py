"""The clinical path is two linear layers of 1024."""

from __future__ import annotations

import pytest
import torch

from fusekit_rbca import ClinicalPath


@pytest.mark.parametrize("activation", ["relu", "none"])
def test_two_layers_with_or_without_a_rectifier_between(activation: str) -> None:
    path = ClinicalPath(3, activation=activation).double()  # type: ignore[arg-type]  # pytest gives str
    columns = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    state = path.state_dict()
    hidden = columns @ state["fc1.weight"].T + state["fc1.bias"]
    hidden = hidden.clamp(min=0) if activation == "relu" else hidden
    expected = hidden @ state["fc2.weight"].T + state["fc2.bias"]
    torch.testing.assert_close(path(columns).detach(), expected)
    assert path.width == 1024
    assert sum(p.numel() for p in path.parameters()) == 3 * 1024 + 1024 + 1024 * 1024 + 1024
