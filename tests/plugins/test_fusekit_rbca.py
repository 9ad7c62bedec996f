"""The paper's arms read what they say, and only RBCA lets the table into the image path."""

from __future__ import annotations

import pytest
import torch

from fusekit import build
from fusekit.testing import check_fusion


@pytest.mark.parametrize(
    ("fusion", "image", "clinical"),
    [("image-only", True, False), ("concat", True, True), ("rbca", True, True), ("rbca-light", True, True)],
)
def test_the_arms_read_what_they_say(fusion: str, image: bool, clinical: bool) -> None:
    model = check_fusion(fusion, columns=6)
    assert (model.reads_image, model.reads_clinical) == (image, clinical)


def test_rbca_s_clinical_features_change_the_image_features_and_concat_s_do_not() -> None:
    torch.manual_seed(0)
    image, columns = torch.randn(2, 1, 64, 64), torch.randn(2, 3)
    for fusion, differs in (("rbca", True), ("concat", False)):
        model = build(fusion, backbone="resnet10t", columns=3, classes=2).eval()
        vectors: list[torch.Tensor] = []
        model.head.register_forward_pre_hook(lambda _, args, into=vectors: into.append(args[0].vector))
        model(image, columns)
        model(image, columns + 5)
        assert torch.equal(*vectors) != differs
