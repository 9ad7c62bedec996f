"""A shipped model's forward pass, on what it was made for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from fusekit.data import Pixels, Target
from fusekit.data.store.blanks import Images
from fusekit.data.store.scan_rows import ScanRows
from fusekit.errors import DataError, first_ten
from fusekit.models import FusionModel, channels_last
from fusekit.models.memory_format import placed

#: Images of n slices (None where none are read) and which scan each is of -> probabilities (n, K), numbers (n, 1).
Answer: TypeAlias = Callable[[Images | None, Sequence[int]], np.ndarray]

#: Slices per forward pass of a prediction; the same everywhere, so that the same slice gets the same number.
BATCH = 32


def together(model: FusionModel) -> int:
    """How many samples are predicted in one forward pass: slices, or one scan, where a pool joins its slices."""
    return BATCH if model.pool is None else 1


def tensor_of(model: FusionModel, pixels: Pixels, images: np.ndarray, device: str | torch.device) -> Tensor:
    """Stored images of N samples as a network reads them: (N, C, *S), or N scans of n slices (N, n, C, H, W)."""
    if model.pool is None:
        return channels_last(pixels.to_tensor(images, device))
    scans = np.stack(list(images))
    flat = pixels.to_tensor(scans.reshape(-1, *scans.shape[2:]), device)
    return channels_last(flat).reshape(scans.shape)


def of_tensors(model: FusionModel, target: Target, size: int, image: Any, columns: Any, present: Any = None) -> Tensor:
    """What the model says (B, A); DataError as for ``logits``, or where one is not a number."""
    device = next(model.parameters()).device
    with torch.inference_mode():
        answers = target.answers(logits(placed(model, device), size, image, columns, present))
    if not answers.isfinite().all():
        rows = (~answers.isfinite().all(dim=1)).nonzero().flatten().tolist()
        raise DataError(f"The model gives no numbers for rows {first_ten(rows)}; are there any in the input?")
    return answers


def logits(model: FusionModel, size: int, image: Any, columns: Any, present: Any = None) -> Tensor:
    """Logits (B, K) of images with edges of ``size`` pixels and columns; None for what the model does not read.

    ``present`` (B, 2) bool is as for ``FusionModel.forward``.

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
        if model.pool is not None:  # any number of slices
            wanted["image"] = (*getattr(image, "shape", (1, 1))[1:2], *wanted["image"])
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
        found: Tensor = model(image, columns, present)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, AssertionError) as error:  # such as timm's of a size that a network is not made for
        raise DataError(f"The model does not take {given}: {error}") from error
    return found


def in_batches(
    model: FusionModel,
    target: Target,
    pixels: Pixels,
    size: int,
    images: Images | None,
    columns: np.ndarray,
    present: np.ndarray | None = None,
    *,
    raw: bool = False,
) -> np.ndarray:
    """What the model says (N, A) float64 of stored slices (N, C, H, W) or volumes (N, C, S, S, S) with columns (N, F).

    On the model's device, in float32 whatever the precision of training, so that a run and its bundle agree. With
    ``raw``, its outputs (N, W).
    """
    device, each = next(model.parameters()).device, together(model)
    parts = [np.empty((0, target.outputs if raw else len(target.columns)))]
    with torch.inference_mode():
        for start in range(0, len(columns), each):
            own = slice(start, start + each)
            image = table = there = None
            if images is not None and model.reads_image:
                image = tensor_of(model, pixels, images[own], device)
            if model.reads_clinical:
                table = torch.from_numpy(columns[own]).to(device)
            if present is not None:
                there = torch.from_numpy(present[own]).to(device)
            said = logits(model, size, image, table, there).cpu().double()
            parts.append((said if raw else target.answers(said)).numpy())
    return np.concatenate(parts)


def of_slices(
    model: FusionModel,
    target: Target,
    pixels: Pixels,
    size: int,
    images: Images | None,
    scans: np.ndarray,
    columns: np.ndarray,
    present: np.ndarray | None = None,
) -> np.ndarray:
    """As ``in_batches``, of N slices whose columns (n, F) and presence (n, 2) are those of their scans (N,).

    With a pool, all slices of a scan get what the model says of all of them; they lie together.
    """
    rows = None
    if images is not None and model.pool is not None:
        rows = ScanRows(scans)
        images, scans = rows.images(images)[rows.middle], scans[rows.middle]
    there = None if present is None else present[scans]
    said = in_batches(model, target, pixels, size, images, columns[scans], there)
    return said if rows is None else np.asarray(said[rows.scan])


def _said(one: Any) -> str:
    return (
        f"{tuple(one.shape)} of {one.dtype} on {one.device}" if isinstance(one, Tensor) else f"as {type(one).__name__}"
    )
