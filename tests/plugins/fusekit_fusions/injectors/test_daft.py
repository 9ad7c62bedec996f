"""DAFT by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
import torch

from fusekit import Site, build
from fusekit.errors import OptionError
from fusekit.testing import check_injector
from fusekit_fusions.injectors.daft import DAFT

SITES = (Site("a", 4, 2),)
SCALES: dict[str, Callable[[Any], Any]] = {
    "identity": lambda a: a,
    "tanh": np.tanh,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
}


@pytest.mark.parametrize("size", [(2, 3), (2, 1, 3)], ids=["2-D", "3-D"])
@pytest.mark.parametrize("scale", ["identity", "tanh", "sigmoid"])
def test_the_bottleneck_sees_pooled_features_and_table(
    scale: Literal["identity", "tanh", "sigmoid"], size: tuple[int, ...]
) -> None:
    draw = np.random.default_rng(0)
    first, second = draw.normal(size=(3, 4)), draw.normal(size=(4, 3))  # W1 reads 2 channels, then 2 of the table
    daft = DAFT(SITES, 2, bottleneck=3, scale=scale).double()
    daft.squeeze[0].load_state_dict({"weight": torch.tensor(first)})  # strict: there are no biases
    daft.excite[0].load_state_dict({"weight": torch.tensor(second)})
    features, clinical = draw.normal(size=(2, 2, *size)), draw.normal(size=(2, 2))
    expected, gains = np.empty_like(features), np.empty((2, 2))
    for sample in range(2):
        means = [features[sample, channel].mean() for channel in range(2)]
        hidden = np.maximum(first @ np.array([*means, *clinical[sample]]), 0)
        a, b = np.split(second @ hidden, 2)
        gains[sample] = SCALES[scale](a)
        for channel in range(2):
            expected[sample, channel] = gains[sample, channel] * features[sample, channel] + b[channel]
    given = torch.tensor(features)
    prepared = daft.prepare(torch.tensor(clinical))
    np.testing.assert_allclose(daft(0, given, prepared).detach().numpy(), expected)
    np.testing.assert_allclose(daft.gate_values(0, given, prepared).detach().numpy(), gains)


@pytest.mark.parametrize("size", [(6, 5), (4, 5, 3)], ids=["2-D", "3-D"])
def test_it_keeps_what_injectors_promise(size: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    check_injector(DAFT(SITES, 5), SITES, 5, size=size)


def test_the_fusion_has_it_in_the_last_stage_alone() -> None:
    model = build("daft", backbone="resnet18", columns=4, classes=2)
    assert model.backbone is not None
    assert [model.backbone.sites[site].stage for site in model.injected] == [4, 4]


def test_a_bottleneck_of_nothing_is_refused() -> None:
    with pytest.raises(OptionError, match=r"injector\.bottleneck takes 1 or more, not 0"):
        DAFT(SITES, 5, bottleneck=0)
