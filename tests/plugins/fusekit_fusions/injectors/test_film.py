"""FiLM by hand, where it starts, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusekit import Site, build
from fusekit.explain.gates import gates_of
from fusekit.testing import check_injector
from fusekit_fusions.injectors.film import FiLM

SITES = (Site("a", 1, 2), Site("b", 2, 3))


@pytest.mark.parametrize("size", [(2, 2), (2, 1, 3)], ids=["2-D", "3-D"])
def test_every_place_of_a_channel_is_scaled_and_shifted(size: tuple[int, ...]) -> None:
    film = FiLM(SITES, 2)
    weight = np.array([[0.5, 0.0], [0.0, -2.0], [1.0, 1.0], [0.0, 3.0]])  # rows: g of two channels, b of two
    bias = np.array([0.0, 0.25, 0.0, -1.0])
    film.generate[0].load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
    clinical = np.array([[2.0, 1.0], [-4.0, 0.5]])
    features = np.random.default_rng(0).normal(size=(2, 2, *size))
    expected = np.empty_like(features)
    for sample in range(2):
        g0, g1, b0, b1 = (sum(weight[row] * clinical[sample]) + bias[row] for row in range(4))
        expected[sample, 0] = (1 + g0) * features[sample, 0] + b0
        expected[sample, 1] = (1 + g1) * features[sample, 1] + b1
    film = film.double()
    prepared = film.prepare(torch.tensor(clinical))
    np.testing.assert_allclose(film(0, torch.tensor(features), prepared).detach().numpy(), expected, rtol=1e-6)
    gates = film.gate_values(0, torch.tensor(features), prepared).detach().numpy()
    np.testing.assert_allclose(gates, [[2.0, -0.75], [-1.0, 0.25]])


def test_without_a_condition_features_pass_unchanged() -> None:
    film = FiLM(SITES, 2)
    features = torch.randn(2, 3, 4, 4)
    rested = film.at_rest(film.prepare(torch.randn(2, 2)), torch.tensor([False, False]))
    assert torch.equal(film(1, features, rested), features)


@pytest.mark.parametrize("size", [(6, 5), (4, 5, 3)], ids=["2-D", "3-D"])
def test_it_keeps_what_injectors_promise(size: tuple[int, ...]) -> None:
    check_injector(FiLM(SITES, 2), SITES, 2, size=size)


def test_the_fusion_has_it_in_the_branches_of_every_block_with_gains_around_1() -> None:
    torch.manual_seed(0)
    model = build("film", backbone="resnet18", columns=4, classes=2).eval()
    assert model.backbone is not None
    assert len(model.injected) == len(model.backbone.sites) == 8  # two blocks of each of four stages
    for gains in gates_of(model, torch.randn(4, 1, 64, 64), torch.randn(4, 4)).values():
        assert float(gains.mean()) == pytest.approx(1, abs=0.1)
        assert 0.05 < float(gains.std()) < 0.5
