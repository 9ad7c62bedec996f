"""Late fusion by hand: terms, weights that sum to 1, and what each term is trained by."""

from __future__ import annotations

from math import exp

import pytest
import torch

from fusekit.models import ClinicalFeatures, ImageFeatures, ImageWidths
from fusekit.testing import check_head
from fusekit_fusions.heads.late import LateHead

WIDTHS = ImageWidths(map=6, vector=2)
IMAGE = ImageFeatures(torch.zeros(1, 6, 3, 3), torch.tensor([[0.5, -1.0]]))
CLINICAL = ClinicalFeatures(torch.tensor([[3.0]]))


def test_outputs_are_the_weighted_sum_of_what_each_says() -> None:
    head = LateHead(WIDTHS, 1, 2)
    head.image.load_state_dict({"weight": torch.tensor([[1.0, 2.0], [0.0, 1.0]]), "bias": torch.tensor([0.0, 0.5])})
    head.table.load_state_dict({"weight": torch.tensor([[2.0], [-1.0]]), "bias": torch.tensor([1.0, 0.0])})
    torch.nn.init.constant_(head.scores, 0.0)
    head.scores.data[1] = 1.0
    image, table = (0.5 - 2.0, -1.0 + 0.5), (6.0 + 1.0, -3.0)
    wv, wc = 1 / (1 + exp(1)), exp(1) / (1 + exp(1))
    found = head(IMAGE, CLINICAL)
    expected = [[wv * a + wc * b for a, b in zip(image, table, strict=True)]]
    torch.testing.assert_close(found.outputs, torch.tensor(expected))
    torch.testing.assert_close(found.parts["image"], torch.tensor([image]))
    torch.testing.assert_close(found.parts["table"], torch.tensor([table]))
    torch.testing.assert_close(found.gates["image"], torch.tensor([[wv]]))
    torch.testing.assert_close(found.gates["table"], torch.tensor([[wc]]))


def test_it_starts_with_halves_and_both_terms_can_start_at_zero() -> None:
    head = LateHead(WIDTHS, 1, 3)
    assert head(IMAGE, CLINICAL).gates["image"].tolist() == [[0.5]]
    head.start_at_zero()
    found = head(IMAGE, CLINICAL)
    assert torch.equal(found.outputs, torch.zeros(1, 3))
    torch.autograd.backward(torch.nn.functional.cross_entropy(found.outputs, torch.tensor([2])))
    for layer in (head.image, head.table):
        assert layer.weight.grad is not None
        assert bool(torch.any(layer.weight.grad != 0))


@pytest.mark.parametrize("classes", [1, 3, 8])
def test_it_keeps_what_heads_promise_for_any_number_of_outputs(classes: int) -> None:
    check_head(LateHead(WIDTHS, 5, classes), WIDTHS, 5, classes)
