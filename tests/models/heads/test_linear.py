"""Plain heads against their formulas."""

from __future__ import annotations

import pytest
import torch

from fusekit.errors import OptionError
from fusekit.models import ClinicalFeatures, ClinicalHead, ConcatHead, FusionHead, ImageFeatures, ImageHead, ImageWidths
from fusekit.testing import check_head

WIDTHS, NONE = ImageWidths(map=6, vector=4), ImageWidths(0, 0)
IMAGE = ImageFeatures(torch.randn(2, 6, 3, 3), torch.randn(2, 4))
CLINICAL = torch.randn(2, 5)


def test_concat_is_one_matrix_over_both_image_first() -> None:
    head = ConcatHead(WIDTHS, 5, 3)
    weight, bias = head.parameters()
    assert weight.shape == (3, 9)
    expected = IMAGE.vector @ weight[:, :4].T + CLINICAL @ weight[:, 4:].T + bias
    torch.testing.assert_close(head(IMAGE, ClinicalFeatures(CLINICAL)), expected)


def test_single_heads_read_their_own_side() -> None:
    head: FusionHead = ImageHead(WIDTHS, 0, 3)
    weight, bias = head.parameters()
    torch.testing.assert_close(head(IMAGE, None), IMAGE.vector @ weight.T + bias)
    head = ClinicalHead(NONE, 5, 3)
    weight, bias = head.parameters()
    torch.testing.assert_close(head(None, ClinicalFeatures(CLINICAL)), CLINICAL @ weight.T + bias)


def test_keep_what_heads_promise() -> None:
    check_head(ConcatHead(WIDTHS, 5, 3), WIDTHS, 5, 3)
    check_head(ImageHead(WIDTHS, 0, 2), WIDTHS, 0, 2)
    check_head(ClinicalHead(NONE, 5, 2), NONE, 5, 2)


def test_refuse_a_fusion_that_lacks_what_they_read() -> None:
    with pytest.raises(OptionError, match="'concat' reads image features"):
        ConcatHead(NONE, 5, 2)
    with pytest.raises(OptionError, match="'concat' reads clinical features"):
        ConcatHead(WIDTHS, 0, 2)
    with pytest.raises(OptionError, match="'image' reads image features"):
        ImageHead(NONE, 5, 2)
    with pytest.raises(OptionError, match="'clinical' reads clinical features"):
        ClinicalHead(WIDTHS, 0, 2)
