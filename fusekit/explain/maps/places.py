"""Where in a backbone a feature map can be looked at, and the map of one place with its graph."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from fusekit.errors import DataError
from fusekit.models import FusionModel

#: The place after the last block: what the network's own pooling reads.
LAST = "last map"


class Place(NamedTuple):
    """Where a backbone's feature map can be looked at."""

    name: str  # of a site, or ``LAST``
    size: tuple[int, ...]  # of the map, without batch and channels


def at_place(model: FusionModel, image: Tensor, columns: Tensor | None, name: str) -> tuple[Tensor, Tensor]:
    """Run the model; return its logits (B, K) and the feature map (B, M, *S') of a place.

    Raises:
        DataError: the backbone has no such place.
    """
    kept: list[Tensor] = []
    names = _names(model)
    if name not in names:
        raise DataError(f"this backbone has no place {name!r}; it has: {', '.join(names)}.")

    def look(site: int, features: Tensor, _: Any) -> None:
        if names[site] == name:
            kept.append(features)

    found = model.output(image, columns, look=look)
    assert found.image is not None
    return found.logits, found.image.map if name == LAST else kept[0]


def places(model: FusionModel, image: Tensor, columns: Tensor | None) -> list[Place]:
    """Every place with the size of its map for images of this size, in the order in which they run.

    Args:
        model: one that reads an image.
        image: (B, C, *S); only the first is looked at.
    """
    sizes: list[tuple[int, ...]] = []
    with torch.no_grad():
        found = model.output(
            image[:1],
            None if columns is None else columns[:1],
            look=lambda site, features, _: sizes.append(tuple(features.shape[2:])),
        )
    assert found.image is not None
    sizes.append(tuple(found.image.map.shape[2:]))
    return [Place(name, size) for name, size in zip(_names(model), sizes, strict=True)]


def _names(model: FusionModel) -> list[str]:
    assert model.backbone is not None
    return [*(site.name for site in model.backbone.sites), LAST]
