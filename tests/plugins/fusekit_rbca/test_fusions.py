"""The three arms are there under the paper's names, and read what they say they read."""

from __future__ import annotations

import pytest
import torch

import fusekit
from fusekit.errors import DataError
from fusekit.extension import catalog

IMAGE, COLUMNS = torch.randn(2, 1, 32, 32), torch.randn(2, 4)


@pytest.mark.parametrize("name", ["image-only", "concat", "rbca"])
def test_an_arm_reads_exactly_what_it_names(name: str) -> None:
    model = fusekit.build(name, backbone="resnet10t", columns=4, classes=3).eval()
    with torch.no_grad():
        logits = model(IMAGE, COLUMNS)
        assert logits.shape == (2, 3)
        assert not torch.equal(model(IMAGE + 1, COLUMNS), logits)
        assert torch.equal(model(IMAGE, COLUMNS + 1), logits) == (name == "image-only")
    assert (model.reads_image, model.reads_clinical) == (True, name != "image-only")


def test_only_the_full_model_changes_the_image_path() -> None:
    injected = {name: catalog().fusions.get(name)().injector for name in ("image-only", "concat", "rbca")}
    assert injected == {"image-only": None, "concat": None, "rbca": "rbca"}


def test_what_an_arm_reads_must_be_given() -> None:
    model = fusekit.build("concat", backbone="resnet10t", columns=4, classes=2).eval()
    with pytest.raises(DataError, match="clinical columns; none were given"):
        model(IMAGE)
    with pytest.raises(DataError, match="an image; none was given"):
        model(columns=COLUMNS)
