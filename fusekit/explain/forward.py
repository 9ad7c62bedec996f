"""A forward pass that can be looked into: the model's own arithmetic, with the feature map of one place kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from fusekit.errors import DataError
from fusekit.models import FusionModel, ImageFeatures

#: The place after the last block: what the network's own pooling reads.
LAST = "last map"

#: The positive class.
TARGET = 1


class Place(NamedTuple):
    """Where a backbone's feature map can be looked at."""

    name: str  # of a site, or ``LAST``
    size: tuple[int, ...]  # of the map, without batch and channels


class Seen(NamedTuple):
    """What a forward pass gave."""

    logits: Tensor  # (B, K)
    map: Tensor | None  # (B, M, *S') of the place that was asked for


#: Site (an index into the backbone's), features (B, C, *S) before injection, what the injector prepared.
Look = Callable[[int, Tensor, Any], None]


def forward(model: FusionModel, image: Tensor | None, columns: Tensor | None, look: Look | None = None) -> Seen:
    """Compute what ``model(image, columns)`` computes, and let ``look`` see every site's features on the way.

    Args:
        model: in evaluation mode, if single patients are to be explained.
        image: (B, C, *S), or None if the model reads none.
        columns: (B, F), or None likewise.
        look: called at every site, in order, with the features as they come in.
    """
    clinical: Tensor | None = None if model.encoder is None else model.encoder(columns)
    prepared: Any = None
    if model.injector is not None:
        assert clinical is not None  # FusionModel has no injector without an encoder
        prepared = model.injector.prepare(clinical)

    def inject(site: int, features: Tensor) -> Tensor:
        if look is not None:
            look(site, features, prepared)
        if model.injector is None or site not in model.injected:
            return features
        changed: Tensor = model.injector(model.injected[site], features, prepared)
        return changed

    features: ImageFeatures | None = None
    if model.backbone is not None:
        features = model.backbone(image, inject)
    logits: Tensor = model.head(features, clinical)
    return Seen(logits, None if features is None else features.map)


def at_place(model: FusionModel, image: Tensor, columns: Tensor | None, name: str) -> Seen:
    """Run the model and keep the feature map at a place, with its graph.

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

    seen = forward(model, image, columns, look)
    return seen if name == LAST else Seen(seen.logits, kept[0])


def places(model: FusionModel, image: Tensor, columns: Tensor | None) -> list[Place]:
    """Every place with the size of its map for images of this size, in the order in which they run.

    Args:
        model: one that reads an image.
        image: (B, C, *S); only the first is looked at.
        columns: (B, F), or None.
    """
    sizes: list[tuple[int, ...]] = []
    with torch.no_grad():
        seen = forward(
            model,
            image[:1],
            None if columns is None else columns[:1],
            lambda site, features, _: sizes.append(tuple(features.shape[2:])),
        )
    assert seen.map is not None
    sizes.append(tuple(seen.map.shape[2:]))
    return [Place(name, size) for name, size in zip(_names(model), sizes, strict=True)]


def log_odds(logits: Tensor, target: int = TARGET) -> Tensor:
    """Logits (B, K) -> log p / (1 - p) of a class (B,); with two classes the difference of their logits.

    Explanations are of this number and not of one logit: adding anything to all logits changes no probability, so a
    single logit's gradient is not the prediction's.
    """
    others = torch.cat((logits[:, :target], logits[:, target + 1 :]), dim=1)
    return logits[:, target] - others.logsumexp(dim=1)


def _names(model: FusionModel) -> list[str]:
    assert model.backbone is not None
    return [*(site.name for site in model.backbone.sites), LAST]
