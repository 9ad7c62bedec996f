"""A shipped model's forward pass, on what it was made for."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fusekit.data import Target
from fusekit.errors import DataError, first_ten
from fusekit.models import FusionModel
from fusekit.models.memory_format import placed


def of_tensors(model: FusionModel, target: Target, size: int, image: Any, columns: Any) -> Tensor:
    """What the model says (B, A); DataError as for ``logits``, or where one is not a number."""
    device = next(model.parameters()).device
    with torch.inference_mode():
        answers = target.answers(logits(placed(model, device), size, image, columns))
    if not answers.isfinite().all():
        rows = (~answers.isfinite().all(dim=1)).nonzero().flatten().tolist()
        raise DataError(f"The model gives no numbers for rows {first_ten(rows)}; are there any in the input?")
    return answers


def logits(model: FusionModel, size: int, image: Any, columns: Any) -> Tensor:
    """Logits (B, K) of images with edges of ``size`` pixels and columns; None for what the model does not read.

    DataError, with the shapes and types that are wanted, where the model does not take these.
    """
    weights, known = list(model.parameters()), model.description
    device = weights[0].device
    if others := sorted({str(w.dtype) for w in weights if w.is_floating_point()} - {"torch.float32"}):
        raise DataError(
            f"The model's weights are {others[0]}, and float32 is wanted: call model.float(), or load again."
        )
    tensors = {"image": image, "columns": columns}
    wanted = dict[str, tuple[int, ...]]()
    if model.backbone is not None and image is not None:
        wanted["image"] = (known.get("in_channels", 1), *[size] * model.backbone.spatial_dims)
    if model.reads_clinical and columns is not None:
        wanted["columns"] = (model.inputs,) if "columns" in known else columns.shape[1:]
    fit = all(
        isinstance(one, Tensor) and one.shape[1:] == shape and (one.dtype, one.device) == (torch.float32, device)
        for one, shape in ((tensors[name], shape) for name, shape in wanted.items())
    )
    given = " and ".join(f"{name} {_said(tensors[name])}" for name in wanted)
    if wanted and not (fit and len(counts := {len(tensors[name]) for name in wanted}) == 1 and min(counts) > 0):
        takes = " and ".join(f"{name} ({', '.join(map(str, ('B', *shape)))})" for name, shape in wanted.items())
        raise DataError(f"The model takes float32 tensors on {device}, {takes}, with one B above 0; these are {given}.")
    try:
        found: Tensor = model(image, columns)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, AssertionError) as error:  # such as timm's of a size that a network is not made for
        raise DataError(f"The model does not take {given}: {error}") from error
    return found


def _said(one: Any) -> str:
    return (
        f"{tuple(one.shape)} of {one.dtype} on {one.device}" if isinstance(one, Tensor) else f"as {type(one).__name__}"
    )
