"""Grad-CAM: which part of the image speaks for a class (Selvaraju et al. 2017)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fusekit.errors import DataError
from fusekit.explain.forward import TARGET, Place, at_place, log_odds, places
from fusekit.models import FusionModel

#: Fewest pixels of a map along each axis that still say where; the last map of a ResNet has 7 at 224 pixels.
SMALLEST = 7


class Maps(NamedTuple):
    """Maps of a batch."""

    maps: Tensor  # (B, *S) 0 to 1, each divided by its own maximum; 0 everywhere where nothing speaks for the class
    maxima: Tensor  # (B,) what they were divided by
    logits: Tensor  # (B, K)


def grad_cam(
    model: FusionModel, image: Tensor, columns: Tensor | None, *, place: str | None = None, target: int = TARGET
) -> Maps:
    """Explain predictions of a class by the image.

    The map A (M channels, s pixels) of a place is weighted with the mean gradients of the class's log odds y,
    a_k = 1/s sum dy/dA_k, and what speaks for the class is kept: relu(sum_k a_k A_k), resized to the image (linear).

    Args:
        model: in evaluation mode; one that reads an image.
        image: (B, C, *S), two or three axes S.
        columns: (B, F), or None if the model reads none.
        place: a site of the backbone or ``LAST``; None: ``deepest``.
        target: the class.

    Raises:
        DataError: what is predicted does not come from the map.
    """
    place = place or deepest(model, image, columns).name
    with torch.enable_grad():
        # The image asks for a gradient, or a backbone with frozen weights would build no graph.
        seen = at_place(model, image.detach().requires_grad_(), columns, place)
        assert seen.map is not None
        odds, slope = log_odds(seen.logits, target).sum(), None
        if seen.map.requires_grad and odds.requires_grad:
            (slope,) = torch.autograd.grad(odds, seen.map, allow_unused=True)
    if slope is None:
        raise DataError(f"predictions do not come from the map of {place!r}, so it cannot show where they look.")
    features, axes = seen.map.detach(), tuple(range(2, seen.map.ndim))
    raw = (slope.mean(dim=axes, keepdim=True) * features).sum(dim=1, keepdim=True).relu()
    mode = "bilinear" if len(axes) == 2 else "trilinear"
    raw = interpolate(raw, size=image.shape[2:], mode=mode, align_corners=False)[:, 0]
    maxima = raw.flatten(1).amax(dim=1)
    scale = torch.where(maxima > 0, maxima, torch.ones_like(maxima)).reshape(-1, *[1] * len(axes))
    return Maps(raw / scale, maxima, seen.logits.detach())


def deepest(model: FusionModel, image: Tensor, columns: Tensor | None) -> Place:
    """The deepest place whose map has ``SMALLEST`` pixels or more along each axis; if none has, that with the most.

    A small image leaves a small last map (64 pixels: 2 x 2), which cannot say where. The place before then stands in;
    its features are less about the class and more about edges.
    """
    found = places(model, image, columns)
    fine = [place for place in found if min(place.size) >= SMALLEST]
    return fine[-1] if fine else max(reversed(found), key=lambda place: min(place.size))
