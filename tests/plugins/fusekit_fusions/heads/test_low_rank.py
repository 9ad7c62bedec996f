"""Low-rank fusion against the tensor that it is a short form of."""

from __future__ import annotations

import pytest
import torch

from fusekit.errors import OptionError
from fusekit.models import ClinicalFeatures, ImageFeatures, ImageWidths
from fusekit.testing import check_head
from fusekit_fusions.heads.low_rank import LowRankHead

WIDTHS = ImageWidths(map=6, vector=3)


def test_it_is_a_linear_layer_on_the_tensor_of_all_products() -> None:
    torch.manual_seed(0)
    head = LowRankHead(WIDTHS, 2, 4, rank=3).double()
    torch.nn.init.normal_(head.bias)
    v, c = torch.randn(5, 3).double(), torch.randn(5, 2).double()
    weights = torch.zeros(4, 4, 3).double()  # outputs, [1; v], [1; c]
    for rank in range(3):
        for output in range(4):
            weights[output] += torch.outer(head.image[rank, :, output], head.table[rank, :, output]).detach()
    expected = torch.empty(5, 4).double()
    for sample in range(5):
        tensor = torch.outer(torch.tensor([1.0, *v[sample]]).double(), torch.tensor([1.0, *c[sample]]).double())
        for output in range(4):
            expected[sample, output] = (weights[output] * tensor).sum() + head.bias[output].detach()
    image = ImageFeatures(torch.zeros(5, 6, 3, 3), v)
    torch.testing.assert_close(head(image, ClinicalFeatures(c)), expected)


def test_factors_are_weights_that_training_sees_and_start_by_glorot_each() -> None:
    torch.manual_seed(0)
    head = LowRankHead(ImageWidths(6, 400), 300, 100, rank=2)
    assert {name for name, _ in head.named_parameters()} == {"image", "table", "bias"}
    for factors, inputs in ((head.image, 401), (head.table, 301)):
        for factor in factors:
            assert float(factor.detach().std()) == pytest.approx((2 / (inputs + 100)) ** 0.5, rel=0.02)


def test_it_can_start_at_zero_and_leave_it() -> None:
    head = LowRankHead(WIDTHS, 2, 2)
    head.start_at_zero()
    optimiser = torch.optim.SGD(head.parameters(), lr=0.1)
    image, clinical = ImageFeatures(torch.zeros(4, 6, 3, 3), torch.randn(4, 3)), ClinicalFeatures(torch.randn(4, 2))
    assert torch.equal(head(image, clinical), torch.zeros(4, 2))
    for _ in range(2):  # the image's factors learn once the table's have left 0
        optimiser.zero_grad()
        torch.autograd.backward(torch.nn.functional.cross_entropy(head(image, clinical), torch.tensor([0, 1, 0, 1])))
        optimiser.step()
    assert all(weight.grad is not None and bool((weight.grad != 0).any()) for weight in head.parameters())


@pytest.mark.parametrize("classes", [1, 3, 8])
def test_it_keeps_what_heads_promise_for_any_number_of_outputs(classes: int) -> None:
    check_head(LowRankHead(WIDTHS, 5, classes), WIDTHS, 5, classes)


def test_rank_zero_is_refused() -> None:
    with pytest.raises(OptionError, match=r"head\.rank takes 1 or more, not 0"):
        LowRankHead(WIDTHS, 2, 2, rank=0)
