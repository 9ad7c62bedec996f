"""Grad-CAM: which part of the image speaks for a class, or for more of a number (Selvaraju et al. 2017)."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fusekit.data.target.classes import log_odds
from fusekit.errors import DataError
from fusekit.evaluation.predictions import POSITIVE
from fusekit.explain.target import Score
from fusekit.models import FusionModel

#: Fewest pixels of a map along each axis that still say where; the last map of a ResNet has 7 at 224 pixels.
SMALLEST = 7

#: The place after the last block: what the network's own pooling reads.
LAST = "last map"


class Place(NamedTuple):
    """Where a backbone's feature map can be looked at."""

    name: str  # of a site, or ``LAST``
    size: tuple[int, ...]  # of the map, without batch and channels


class Maps(NamedTuple):
    """Maps of a batch."""

    maps: Tensor  # (B, *S) 0 to 1, each divided by its own maximum; 0 everywhere where nothing speaks for the class
    maxima: Tensor  # (B,) what they were divided by; (B, N), and maps (B, N, *S), of the N slices that a pool joins
    outputs: Tensor  # (B, W)


def grad_cam(
    model: FusionModel,
    image: Tensor,
    columns: Tensor | None,
    *,
    place: str | None = None,
    target: int | Tensor = POSITIVE,
    score: Score = log_odds,
) -> Maps:
    """Explain predictions by the image.

    The map A (M channels, s pixels) of a place is weighted with the mean gradients of the score y (of a class its log
    odds), a_k = 1/s sum dy/dA_k, and what raises the score is kept: relu(sum_k a_k A_k), resized to the image (linear).

    Args:
        model: in evaluation mode; one that reads an image.
        image: (B, C, *S), two or three axes S; (B, N, C, *S) of a model with a pool.
        columns: (B, F), or None if the model reads none.
        place: a site of the backbone or ``LAST``; None: ``deepest``.
        target: the class, or that of each image (B,).
        score: what is explained: ``Target.explained``.

    Raises:
        DataError: the backbone has no such place, or the prediction does not depend on its map.
    """
    place = place or deepest(model, image, columns).name
    with torch.enable_grad():
        # The image asks for a gradient, or a backbone with frozen weights would build no graph.
        outputs, map_ = _at_place(model, image.detach().requires_grad_(), columns, place)
        slope = None
        if map_.requires_grad:
            (slope,) = torch.autograd.grad(score(outputs, target).sum(), map_, allow_unused=True)
    if slope is None:
        raise DataError(
            f"the prediction does not depend on the feature map of {place!r}, so Grad-CAM cannot say where the model "
            "looks. A backbone's vector must be made from its map."
        )
    assert model.backbone is not None
    dims = model.backbone.spatial_dims
    features, axes = map_.detach(), tuple(range(2, map_.ndim))
    raw = (slope.mean(dim=axes, keepdim=True) * features).sum(dim=1, keepdim=True).relu()
    mode = "bilinear" if len(axes) == 2 else "trilinear"
    raw = interpolate(raw, size=image.shape[-dims:], mode=mode, align_corners=False)[:, 0]
    maxima = raw.flatten(1).amax(dim=1)
    scale = torch.where(maxima > 0, maxima, torch.ones_like(maxima)).reshape(-1, *[1] * len(axes))
    each = image.shape[: -dims - 1]
    return Maps((raw / scale).reshape(*each, *raw.shape[1:]), maxima.reshape(each), outputs.detach())


def deepest(model: FusionModel, image: Tensor, columns: Tensor | None) -> Place:
    """The deepest place whose map has ``SMALLEST`` pixels or more along each axis; if none has, that with the most.

    A small image leaves a small last map (64 pixels: 2 x 2), which cannot say where. The place before is then taken;
    its features are less about the class and more about edges.
    """
    sizes: list[tuple[int, ...]] = []
    with torch.no_grad():
        found = model.output(
            image[:1],
            None if columns is None else columns[:1],
            look=lambda site, features, _: sizes.append(tuple(features.shape[2:])),
        )
    assert found.image is not None
    assert model.backbone is not None
    sizes.append(tuple(found.image.map.shape[-model.backbone.spatial_dims :]))
    places = [Place(name, size) for name, size in zip(_places(model), sizes, strict=True)]
    fine = [place for place in places if min(place.size) >= SMALLEST]
    return fine[-1] if fine else max(reversed(places), key=lambda place: min(place.size))


def _places(model: FusionModel) -> list[str]:
    """In the order in which they run."""
    assert model.backbone is not None
    return [*(site.name for site in model.backbone.sites), LAST]


def _at_place(model: FusionModel, image: Tensor, columns: Tensor | None, name: str) -> tuple[Tensor, Tensor]:
    """Outputs (B, W) and the feature map (B, M, *S') of a place, with its graph."""
    kept: list[Tensor] = []
    names = _places(model)
    if name not in names:
        raise DataError(f"this backbone has no place {name!r}; it has: {', '.join(names)}.")

    def look(site: int, features: Tensor, _: Any) -> None:
        if names[site] == name:
            kept.append(features)

    found = model.output(image, columns, look=look)
    assert found.image is not None
    return found.outputs, found.image.map if name == LAST else kept[0]
