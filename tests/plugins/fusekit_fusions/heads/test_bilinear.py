"""Bilinear fusion by hand."""

from __future__ import annotations

import pytest
import torch

from fusekit.errors import OptionError
from fusekit.models import ClinicalFeatures, ImageFeatures, ImageWidths
from fusekit.testing import check_head
from fusekit_fusions.heads.bilinear import BilinearHead

WIDTHS = ImageWidths(map=6, vector=3)


def test_all_products_with_ones_are_weighed() -> None:
    torch.manual_seed(0)
    head = BilinearHead(WIDTHS, 4, 2, width=2).double()
    v, c = torch.randn(3, 3).double(), torch.randn(3, 4).double()
    weight, bias = (one.detach() for one in head.classify.parameters())
    assert weight.shape == (2, 9)
    expected = torch.empty(3, 2).double()
    for sample in range(3):
        a = [1.0, *(head.image.weight @ v[sample] + head.image.bias).tolist()]
        b = [1.0, *(head.table.weight @ c[sample] + head.table.bias).tolist()]
        for output in range(2):
            products = [float(weight[output, 3 * i + j]) * a[i] * b[j] for i in range(3) for j in range(3)]
            expected[sample, output] = sum(products) + float(bias[output])
    found = head(ImageFeatures(torch.zeros(3, 6, 3, 3), v), ClinicalFeatures(c))
    torch.testing.assert_close(found.detach(), expected)


@pytest.mark.parametrize("classes", [1, 3, 8])
def test_it_keeps_what_heads_promise_for_any_number_of_outputs(classes: int) -> None:
    check_head(BilinearHead(WIDTHS, 5, classes), WIDTHS, 5, classes)


def test_no_width_is_refused() -> None:
    with pytest.raises(OptionError, match=r"head\.width takes 1 or more, not 0"):
        BilinearHead(WIDTHS, 2, 2, width=0)
