"""What a shipped model is asked for: tensors of its own shapes and types, in evaluation mode."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import fusekit
from fusekit.data import Pixels, SlicePolicy
from fusekit.disk import signed
from fusekit.errors import DataError
from fusekit.explain.model import Predictor
from fusekit.models import build

IMAGE, COLUMNS = torch.zeros(3, 1, 32, 32), torch.zeros(3, 5)
Change = Callable[[Tensor], Tensor]


@pytest.fixture
def bundle() -> fusekit.Bundle:
    model = build("concat", backbone="resnet10t", columns=5, classes=2).eval()
    return fusekit.Bundle(model, fusekit.Classes(("well", "ill")), None, SlicePolicy(), 32, Pixels((120.0,), (60.0,)))


def same(tensor: Tensor) -> Tensor:
    return tensor


@pytest.mark.parametrize(
    ("image", "columns", "given"),
    [
        (lambda t: t[:1], same, r"image \(1, 1, 32, 32\) of torch.float32 on cpu and columns \(3, 5\)"),
        (lambda t: t[0], same, r"image \(1, 32, 32\)"),
        (lambda t: t.expand(3, 3, 32, 32), same, r"image \(3, 3, 32, 32\)"),
        (lambda t: torch.zeros(3, 1, 48, 48), same, r"image \(3, 1, 48, 48\)"),
        (same, lambda t: torch.zeros(3, 478), r"columns \(3, 478\)"),
        (Tensor.double, Tensor.double, r"torch\.float64"),
        (same, Tensor.long, r"torch\.int64"),
        (lambda t: t[:0], lambda t: t[:0], r"columns \(0, 5\)"),
        (lambda t: t.to("meta"), same, "on meta"),
        (same, lambda t: {"AGE": 70}, "columns as dict"),
    ],
)
def test_tensors_that_the_model_does_not_take_are_refused_with_what_it_takes(
    bundle: fusekit.Bundle, image: Change, columns: Change, given: str
) -> None:
    takes = r"float32 tensors on cpu, image \(B, 1, 32, 32\) and columns \(B, 5\), with one B above 0; "
    with pytest.raises(DataError, match=f"{takes}these are .*{given}"):
        bundle(image(IMAGE), columns(COLUMNS))


def test_what_a_network_itself_refuses_is_a_sentence(bundle: fusekit.Bundle) -> None:
    with pytest.raises(DataError, match=r"The model does not take image \(3, 1, 32, 32\) .*: "):
        bundle(IMAGE.to_sparse(), COLUMNS)


@pytest.mark.parametrize("change", [torch.nn.Module.double, lambda model: model.head.half()])
def test_weights_of_another_precision_are_refused(
    bundle: fusekit.Bundle, change: Callable[[torch.nn.Module], object]
) -> None:
    change(bundle.model)
    for predict in (
        lambda: bundle(IMAGE, COLUMNS),
        lambda: bundle.probabilities(np.zeros((3, 32, 32), np.uint8), COLUMNS.numpy()),
    ):
        with pytest.raises(DataError, match=r"The model's weights are torch\.float(64|16), and float32 is wanted"):
            predict()


@pytest.mark.parametrize("part", ["", "backbone"])
def test_a_model_in_training_mode_predicts_as_in_evaluation_and_stays_in_it(bundle: fusekit.Bundle, part: str) -> None:
    grey = np.arange(3 * 32 * 32, dtype=np.uint8).reshape(3, 32, 32)
    bundle.model.eval()
    expected = bundle.probabilities(grey, COLUMNS.numpy())
    bundle.model.get_submodule(part).train()
    buffers = [buffer.clone() for buffer in bundle.model.buffers()]
    np.testing.assert_array_equal(bundle.probabilities(grey, COLUMNS.numpy()), expected)
    np.testing.assert_allclose(bundle(bundle.pixels.to_tensor(grey), COLUMNS), expected, atol=1e-6)
    assert not any(module.training for module in Predictor(bundle).model.modules())
    assert bundle.model.get_submodule(part).training
    assert all(torch.equal(one, other) for one, other in zip(bundle.model.buffers(), buffers, strict=True))


def test_a_description_of_volumes_for_a_network_of_slices_is_refused(tmp_path: Path) -> None:
    model = build("image-only", backbone="resnet10t", columns=0, classes=2).eval()
    bundle = fusekit.Bundle(model, fusekit.Classes(("well", "ill")), None, SlicePolicy(), 32, Pixels((120.0,), (60.0,)))
    bundle.save(tmp_path / "bundle")
    path = tmp_path / "bundle" / "bundle.json"
    description = json.loads(path.read_text())
    description["slices"]["plane"] = "volume"
    path.write_text(json.dumps(signed(description)))
    with pytest.raises(DataError, match=r"bundle\.json: .*the backbone 'resnet10t' reads slices"):
        fusekit.load(path.parent)
