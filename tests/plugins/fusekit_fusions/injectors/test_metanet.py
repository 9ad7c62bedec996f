"""MetaNet by hand."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
import torch

from fusekit import Site, build
from fusekit.errors import OptionError
from fusekit.testing import check_injector
from fusekit_fusions.injectors.metanet import MetaNet

SITES = (Site("a", 4, 2),)


@pytest.mark.parametrize("size", [(2, 3), (2, 1, 3)], ids=["2-D", "3-D"])
def test_channels_are_multiplied_by_gates_of_the_table(size: tuple[int, ...]) -> None:
    net = MetaNet(SITES, 1, hidden=2).double()
    first, _, second, _ = net.gates[0].children()
    first.load_state_dict({"weight": torch.tensor([[2.0], [-1.0]]), "bias": torch.tensor([0.0, 0.5])})
    second.load_state_dict({"weight": torch.tensor([[1.0, 0.0], [0.5, -3.0]]), "bias": torch.tensor([-1.0, 0.0])})
    features = np.random.default_rng(0).normal(size=(2, 2, *size))
    # c = 1: relu(2, -1/2) = 2, 0; c = -2: relu(-4, 5/2) = 0, 5/2
    logits = [[2 - 1, 0.5 * 2], [-1, -3 * 2.5]]
    gates = [[1 / (1 + exp(-logit)) for logit in row] for row in logits]
    prepared = net.prepare(torch.tensor([[1.0], [-2.0]], dtype=torch.float64))
    given = torch.tensor(features)
    np.testing.assert_allclose(net.gate_values(0, given, prepared).detach().numpy(), gates)
    found = net(0, given, prepared).detach().numpy()
    for sample, channel in np.ndindex(2, 2):
        np.testing.assert_allclose(found[sample, channel], gates[sample][channel] * features[sample, channel])


@pytest.mark.parametrize("size", [(6, 5), (4, 5, 3)], ids=["2-D", "3-D"])
def test_it_keeps_what_injectors_promise(size: tuple[int, ...]) -> None:
    check_injector(MetaNet(SITES, 3), SITES, 3, size=size)


def test_the_fusion_has_it_once_before_the_last_stage() -> None:
    model = build("metanet", backbone="resnet18", columns=4, classes=2)
    assert model.backbone is not None
    assert [model.backbone.sites[site].stage for site in model.injected] == [4]


def test_no_hidden_unit_is_refused() -> None:
    with pytest.raises(OptionError, match=r"injector\.hidden takes 1 or more, not 0"):
        MetaNet(SITES, 3, hidden=0)
