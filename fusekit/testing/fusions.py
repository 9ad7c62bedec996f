"""Check a fusion as a whole: built from names, trained, copied, described."""

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from fusekit.models import Fusion, FusionModel, build, build_from
from fusekit.testing.modules import BATCH, Call, check_module, random_inputs, tensors_of
from fusekit.testing.pools import SLICES


def check_fusion(
    fusion: str | Fusion,
    *,
    backbone: str = "resnet10t",
    columns: int = 5,
    classes: int = 3,
    in_channels: int = 1,
    size: tuple[int, ...] = (64, 64),
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> FusionModel:
    """Build a fusion from its name or recipe, check it, and return it. ``size`` is of its image; small is enough."""
    model = build(
        fusion, backbone=backbone, columns=columns, classes=classes, in_channels=in_channels, options=options or {}
    )
    assert model.reads_image or model.reads_clinical, "it reads neither an image nor clinical columns"
    of_scan = (SLICES,) if model.pool is not None else ()
    shapes = [(*of_scan, in_channels, *size)] if model.reads_image else []
    inputs = random_inputs(*shapes, *[(model.inputs,)] if model.reads_clinical else [])

    def call(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        assert isinstance(module, FusionModel)
        image, table = given[0] if model.reads_image else None, given[-1] if model.reads_clinical else None
        return tensors_of(module.output(image, table), module.training)

    check_module(model, inputs, call, shape=("logits have", (BATCH, classes)), logits=True)
    _check_description(model, inputs, call)
    return model


def _check_description(model: FusionModel, inputs: tuple[Tensor, ...], call: Call) -> None:
    text = json.dumps(model.description)
    again = build_from(json.loads(text))
    assert json.dumps(again.description) == text, "a model built from its description describes itself otherwise"
    try:
        again.load_state_dict(model.state_dict())
    except RuntimeError as error:
        raise AssertionError(f"a model built from its description has other weights: {error}") from error
    assert torch.equal(call(again.eval(), inputs)[0], call(deepcopy(model).eval(), inputs)[0]), (
        "a model built from its description with the same weights gives another result"
    )
