"""Features of a frozen network: the same logits as from the images, for heads that read the vector or the map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fusekit.data import Classes, Pixels
from fusekit.models import ClinicalFeatures, FusionHead, FusionModel, ImageFeatures, Output, TimmBackbone, build
from fusekit.progress import Quiet
from fusekit.training import ALONE
from fusekit.training.feed import features
from fusekit.training.feed.features import FixedFeatures, fixed_features

PIXELS = Pixels((100.0,), (50.0,))
CPU = torch.device("cpu")


class MapHead(FusionHead):
    """Reads the largest value of each channel of the map."""

    def __init__(self, channels: int):
        super().__init__()
        self.linear = nn.Linear(channels, 2)

    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Tensor:
        assert image is not None
        logits: Tensor = self.linear(image.map.amax(dim=(2, 3)))
        return logits


def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (9, 1, 32, 32), dtype=np.uint8)


class PartsHead(FusionHead):
    """Reads the map for a part alone, which an objective may train."""

    def __init__(self, channels: int):
        super().__init__()
        self.of_map = MapHead(channels)

    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Output:
        assert image is not None
        return Output(image.vector[:, :2], {"image": self.of_map(image, clinical)})


def frozen(fusion: str = "concat", until: str = "all") -> FusionModel:
    torch.manual_seed(0)
    options = {"backbone": {"freeze": until}} if until else {}
    return build(fusion, backbone="test_resnet", columns=3, classes=2, options=options)


def of_map(head: Callable[[int], FusionHead] = MapHead) -> FusionModel:
    torch.manual_seed(0)
    backbone = TimmBackbone("test_resnet", 1, freeze="all")
    return FusionModel(backbone, None, None, head(backbone.map_channels), description={"columns": 0, "classes": 2})


def test_a_map_that_only_a_part_reads_is_kept() -> None:
    model = of_map(PartsHead)
    found = fixed(model)
    assert found is not None
    said = found.heads.output(torch.from_numpy(found.features[[4, 1]]), torch.zeros(2, 0)).parts["image"]
    expected = model.eval().output(PIXELS.to_tensor(images()[[4, 1]])).parts["image"]
    assert torch.allclose(said, expected, atol=1e-5)


def fixed(model: FusionModel, rows: Any = range(9), progress: Any = None) -> FixedFeatures | None:
    known: dict[str, Any] = {"device": CPU, "batch": 4, "processes": ALONE, "progress": progress or Quiet()}
    return fixed_features(model, images(), np.asarray(list(rows)), PIXELS, **known)


@pytest.mark.parametrize(("model", "reads_map"), [(frozen(), False), (frozen("image-only"), False), (of_map(), True)])
def test_heads_give_the_logits_that_images_give(model: FusionModel, reads_map: bool) -> None:
    found = fixed(model.train())
    assert found is not None
    assert model.training
    assert found.heads.reads_map == reads_map
    rows, columns = np.array([7, 0, 3]), torch.randn(3, 3)
    heads = found.heads.eval()
    logits = heads(torch.from_numpy(found.features[rows]), columns)
    expected = model.eval()(PIXELS.to_tensor(images()[rows]), columns)
    assert torch.allclose(logits, expected, atol=1e-5)
    said = found.answers(rows, columns.numpy(), Classes(("no", "yes")))
    assert np.allclose(said, expected.detach().double().softmax(dim=1).numpy(), atol=1e-5)


def test_heads_share_the_model_s_weights_and_leave_the_backbone_out() -> None:
    model = frozen()
    found = fixed(model)
    assert found is not None
    own = {id(weight) for weight in found.heads.parameters()}
    assert own == {id(weight) for part in (model.encoder, model.head) if part for weight in part.parameters()}


def test_only_the_rows_that_are_asked_for_are_computed() -> None:
    found = fixed(frozen(), rows=(2, 5))
    assert found is not None
    assert np.flatnonzero(found.features.any(axis=1)).tolist() == [2, 5]


@pytest.mark.parametrize("model", [frozen(until="4"), frozen("rbca"), frozen("clinical-only", until="")])
def test_what_changes_is_not_kept(model: FusionModel) -> None:
    assert fixed(model) is None


class Lines(Quiet):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_what_is_too_large_is_computed_again_and_this_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "MOST", 1000)
    lines = Lines()
    assert fixed(frozen(), progress=lines) is None
    assert "the features of 9 items are too large" in lines.lines[0]
