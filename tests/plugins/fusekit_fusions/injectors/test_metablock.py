"""MetaBlock by hand."""

from __future__ import annotations

from math import exp, sqrt, tanh

import numpy as np
import pytest
import torch

from fusekit import Site, build
from fusekit.testing import check_injector
from fusekit_fusions.injectors.metablock import MetaBlock

SITES = (Site("a", 4, 2),)
SCALE, SHIFT = (np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([[0.0, 1.0], [-2.0, 0.25]]))


@pytest.mark.parametrize("size", [(2, 3), (2, 1, 3)], ids=["2-D", "3-D"])
def test_every_place_is_gated_as_the_formula_says(size: tuple[int, ...]) -> None:
    block = MetaBlock(SITES, 2).double().eval()
    for part, weight in ((block.scale[0], SCALE), (block.shift[0], SHIFT)):
        linear, norm = part.children()
        linear.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor([0.1, -0.1])})
        assert isinstance(norm, torch.nn.BatchNorm1d)
    clinical = np.array([[1.0, 0.5], [-1.0, 2.0]])
    features = np.random.default_rng(0).normal(size=(2, 2, *size))
    expected = np.empty_like(features)
    normed = 1 / sqrt(1 + 1e-5)  # a batch norm that has seen nothing yet: mean 0, variance 1
    scales = np.empty((2, 2))
    for sample, channel in np.ndindex(2, 2):
        f = (SCALE[channel] @ clinical[sample] + (0.1, -0.1)[channel]) * normed
        g = (SHIFT[channel] @ clinical[sample] + (0.1, -0.1)[channel]) * normed
        scales[sample, channel] = f
        for place in np.ndindex(*size):
            x = features[sample, channel][place]
            expected[sample, channel][place] = 1 / (1 + exp(-(tanh(f * x) + g)))
    given = torch.tensor(features)
    prepared = block.prepare(torch.tensor(clinical))
    np.testing.assert_allclose(block(0, given, prepared).detach().numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(block.gate_values(0, given, prepared).detach().numpy(), scales, rtol=1e-6)


@pytest.mark.parametrize("size", [(6, 5), (4, 5, 3)], ids=["2-D", "3-D"])
def test_it_keeps_what_injectors_promise(size: tuple[int, ...]) -> None:
    check_injector(MetaBlock(SITES, 3), SITES, 3, size=size)


def test_the_fusion_has_it_once_before_the_last_stage() -> None:
    model = build("metablock", backbone="resnet18", columns=4, classes=2)
    assert model.backbone is not None
    (site,) = model.injected
    assert model.backbone.sites[site].stage == 4
    assert model.backbone.sites[site].channels == 256
