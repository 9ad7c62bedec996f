"""The product of experts against the densities themselves, multiplied on a grid."""

from __future__ import annotations

from math import exp, log1p

import numpy as np
import pytest
import torch

from fusekit.models import ClinicalFeatures, ImageFeatures, ImageWidths
from fusekit.testing import check_head
from fusekit_fusions.heads.experts import ExpertsHead

WIDTHS = ImageWidths(map=6, vector=1)


def test_the_mean_is_that_of_the_product_of_three_densities() -> None:
    head = ExpertsHead(WIDTHS, 1, 1, hidden=1).double()
    head.image.load_state_dict({"weight": torch.tensor([[2.0], [1.0]]), "bias": torch.tensor([0.5, 0.0])})
    head.table.load_state_dict({"weight": torch.tensor([[-1.0], [0.5]]), "bias": torch.tensor([0.0, 1.0])})
    head.classify.load_state_dict({"weight": torch.tensor([[3.0]]), "bias": torch.tensor([-1.0])})
    v, c = 0.6, 1.4
    means, precisions = (2 * v + 0.5, -c), (log1p(exp(v)), log1p(exp(0.5 * c + 1)))
    grid = np.linspace(-12, 12, 200_001)
    density = np.exp(-0.5 * grid**2)  # the prior's
    for mean, precision in zip(means, precisions, strict=True):
        density *= np.exp(-0.5 * precision * (grid - mean) ** 2)
    mu = float((grid * density).sum() / density.sum())
    image = ImageFeatures(torch.zeros(1, 6, 3, 3), torch.tensor([[v]]).double())
    with torch.no_grad():
        found = head(image, ClinicalFeatures(torch.tensor([[c]]).double()))
    assert float(found.outputs) == pytest.approx(3 * mu - 1, abs=1e-6)
    total = 1 + sum(precisions)
    assert float(found.gates["image"]) == pytest.approx(precisions[0] / total, rel=1e-6)
    assert float(found.gates["table"]) == pytest.approx(precisions[1] / total, rel=1e-6)


@pytest.mark.parametrize("classes", [1, 3, 8])
def test_it_keeps_what_heads_promise_for_any_number_of_outputs(classes: int) -> None:
    check_head(ExpertsHead(WIDTHS, 5, classes), WIDTHS, 5, classes)
