"""The hypernetwork head patient by patient, and how the layer that it writes starts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusekit.models import ClinicalFeatures, ImageFeatures, ImageWidths
from fusekit.models.probe import shaken
from fusekit.testing import check_head
from fusekit_fusions.heads.hyper import HyperHead

WIDTHS = ImageWidths(map=6, vector=3)


def test_each_patient_has_a_layer_of_their_own() -> None:
    torch.manual_seed(0)
    head = shaken(HyperHead(WIDTHS, 4, 2, hidden=5, embedding=3)).double()
    state = {name: value.detach().numpy() for name, value in head.named_parameters()}
    v, c = np.random.default_rng(0).normal(size=(2, 3)), np.random.default_rng(1).normal(size=(2, 4))
    expected = []
    for sample in range(2):
        e = state["embed.weight"] @ c[sample] + state["embed.bias"]
        e = (e - e.mean()) / np.sqrt(e.var() + 1e-5)
        matrix = np.empty((5, 3))
        for row, column in np.ndindex(5, 3):
            place = 3 * row + column
            matrix[row, column] = state["weights.weight"][place] @ e + state["weights.bias"][place]
        bias = state["biases.weight"] @ e + state["biases.bias"]
        hidden = np.maximum(matrix @ v[sample] + bias, 0)
        expected.append(state["classify.weight"] @ hidden + state["classify.bias"])
    image = ImageFeatures(torch.zeros(2, 6, 3, 3), torch.tensor(v))
    found = head(image, ClinicalFeatures(torch.tensor(c)))
    np.testing.assert_allclose(found.detach().numpy(), np.array(expected))


def test_the_written_layer_starts_as_he_s() -> None:
    torch.manual_seed(0)
    head = HyperHead(ImageWidths(6, 200), 40, 2)
    e = torch.nn.functional.layer_norm(head.embed(torch.randn(30, 40)), (16,)).detach()
    weights = head.weights(e).detach()
    assert float(weights.var()) == pytest.approx(2 / 200, rel=0.05)
    assert torch.equal(head.biases(e), torch.zeros(30, 32))


@pytest.mark.parametrize("classes", [1, 3, 8])
def test_it_keeps_what_heads_promise_for_any_number_of_outputs(classes: int) -> None:
    check_head(HyperHead(WIDTHS, 5, classes), WIDTHS, 5, classes)
