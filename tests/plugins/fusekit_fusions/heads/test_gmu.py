"""GMU by hand."""

from __future__ import annotations

from math import exp, tanh

import pytest
import torch

from fusekit.models import ClinicalFeatures, ImageFeatures, ImageWidths
from fusekit.testing import check_head
from fusekit_fusions.heads.gmu import GMU

WIDTHS = ImageWidths(map=6, vector=2)


def test_the_gate_shares_each_unit_between_image_and_table() -> None:
    head = GMU(WIDTHS, 1, 2, hidden=2).double()
    head.image.load_state_dict({"weight": torch.tensor([[1.0, 0.0], [0.5, -1.0]])})  # strict: no biases
    head.table.load_state_dict({"weight": torch.tensor([[2.0], [-0.5]])})
    head.gate.load_state_dict({"weight": torch.tensor([[0.0, 1.0, -1.0], [3.0, 0.0, 0.5]])})
    head.classify.load_state_dict({"weight": torch.tensor([[1.0, 2.0], [0.0, -1.0]]), "bias": torch.tensor([0.5, 0.0])})
    v, c = (0.3, -0.7), 0.4
    z = [1 / (1 + exp(-(v[1] - c))), 1 / (1 + exp(-(3 * v[0] + 0.5 * c)))]
    hv, hc = [tanh(v[0]), tanh(0.5 * v[0] - v[1])], [tanh(2 * c), tanh(-0.5 * c)]
    h = [z[k] * hv[k] + (1 - z[k]) * hc[k] for k in range(2)]
    image = ImageFeatures(torch.zeros(1, 6, 3, 3), torch.tensor([v]).double())
    found = head(image, ClinicalFeatures(torch.tensor([[c]]).double()))
    torch.testing.assert_close(
        found.outputs, torch.tensor([[h[0] + 2 * h[1] + 0.5, -h[1]]]).double(), rtol=1e-6, atol=0
    )
    torch.testing.assert_close(found.gates["image"], torch.tensor([z]).double(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("classes", [1, 3, 8])
def test_it_keeps_what_heads_promise_for_any_number_of_outputs(classes: int) -> None:
    check_head(GMU(WIDTHS, 5, classes), WIDTHS, 5, classes)
