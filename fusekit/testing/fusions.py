"""Check a fusion as a whole: built from names, trained, copied, described."""

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from fusekit.data.absence import MODALITIES
from fusekit.extension.fusion import registered
from fusekit.models import Fusion, FusionModel, build, build_from
from fusekit.models.probe import shaken
from fusekit.testing.modules import (
    BATCH,
    Call,
    check_compiled,
    check_gradients,
    check_module,
    random_inputs,
    tensors_of,
)
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
    compiled: bool = False,
) -> FusionModel:
    """Build a fusion from its name or recipe, check it, and return it. ``size`` is of its image; small is enough.

    ``compiled`` tries torch.compile too, which takes some ten seconds.

    Unless its recipe says ``absence=False``, it is also checked with samples that lack their image or their table.
    """
    known: dict[str, Any] = {"backbone": backbone, "columns": columns, "classes": classes, "in_channels": in_channels}
    model = build(fusion, **known, options=options or {})
    assert model.reads_image or model.reads_clinical, "it reads neither an image nor clinical columns"
    of_scan = (SLICES,) if model.pool is not None else ()
    shapes = [(*of_scan, in_channels, *size)] if model.reads_image else []
    inputs = random_inputs(*shapes, *[(model.inputs,)] if model.reads_clinical else [])

    def call(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        assert isinstance(module, FusionModel)
        image, table = given[0] if model.reads_image else None, given[-1] if model.reads_clinical else None
        return tensors_of(module.output(image, table), module.training)

    check_module(model, inputs, call, shape=("logits have", (BATCH, classes)), logits=True)
    if compiled:
        check_compiled(model, inputs, call)
    _check_description(model, inputs, call)
    if (registered(fusion) if isinstance(fusion, str) else fusion).absence:
        able = build(fusion, **known, options=options or {}, absent=MODALITIES)
        image, table = inputs[0] if model.reads_image else None, inputs[-1] if model.reads_clinical else None
        _check_absence(able, image, table)
    return model


def _check_absence(model: FusionModel, image: Tensor | None, table: Tensor | None) -> None:
    """What is absent has no influence, all weights learn whatever a batch lacks, and mixed precision does."""
    present = torch.tensor([[True, True], [False, True], [True, False]])
    for given in (present, torch.ones_like(present)):
        trained = deepcopy(model).train()
        outputs = tensors_of(trained.output(image, table, given), training=True)
        check_gradients(trained, outputs, " where samples may lack an image or a table")
    moved = shaken(model).eval()
    others = [None if one is None else one.clone() for one in (image, table)]
    for place, other in enumerate(others):
        if other is not None:
            other[~present[:, place]] += 9
    with torch.no_grad():
        as_given, changed = moved(image, table, present), moved(*others, present)
        assert torch.allclose(as_given, changed, rtol=1e-3, atol=1e-4 * float(as_given.abs().max())), (
            "what is in place of an absent image or table changes the result: Fusion(absence=False) says that a fusion "
            "takes no such samples"
        )
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert moved(image, table, present).isfinite().all(), "in mixed precision, absence gives no finite result"


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
