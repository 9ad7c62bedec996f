"""The parts of a fusion model, as interfaces.

Shapes: B batch, C channels, S spatial axes (two or three), F clinical columns, E clinical width, D image width,
M channels of the last feature map, W outputs (of K classes: K logits), N slices of a scan.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from fusekit.models.backbones.weights import LoadedWeights

#: Called once per site and forward pass, in order: ``inject(i, x)`` with x (B, C_i, *S_i) returns x's shape.
Inject = Callable[[int, Tensor], Tensor]
#: Site (an index into the backbone's), features (B, C, *S) as they come in, what the injector prepared: to look at.
Look = Callable[[int, Tensor, Any], None]


@dataclass(frozen=True, slots=True)
class Site:
    """A place in a backbone where its feature map can be changed."""

    name: str
    stage: int  # 1-based, as papers count: the stage at stride 4 of a ResNet is stage 1
    channels: int


class ImageFeatures(NamedTuple):
    """What a backbone makes of an image."""

    map: Tensor  # (B, M, *S') before the network's own pooling
    vector: Tensor  # (B, D) after pooling and tail


class ClinicalFeatures(NamedTuple):
    """What an encoder makes of the clinical columns."""

    vector: Tensor  # (B, E)
    tokens: Tensor | None = None  # (B, T, E), one for each of T table columns, of encoders that make them


class Output(NamedTuple):
    """What a forward pass gives, with the features that its head has read; None for what the fusion does not read."""

    outputs: Tensor  # (B, W), from which predictions are made
    parts: Mapping[str, Tensor] = MappingProxyType({})  # each (B, W): what "image" or "table" alone say, for objectives
    losses: Mapping[str, Tensor] = MappingProxyType({})  # each (): what the model itself wants small
    image: ImageFeatures | None = None  # where a pool joins slices, of one after the other (T, ...)
    clinical: ClinicalFeatures | None = None
    weights: Tensor | None = None  # (B, N) of the slices, where a pool joins them
    #: What the head weighs, for explanations: each (B, G), 0 or more; "columns" (B, T), one for each table column.
    gates: Mapping[str, Tensor] = MappingProxyType({})


class ImageWidths(NamedTuple):
    """The sizes of ImageFeatures, known before the first forward pass; both 0 where no image is read."""

    map: int  # M
    vector: int  # D


class Backbone(nn.Module, ABC):
    """Turns an image into features, through feature maps that can be changed on the way.

    Factory: ``(in_channels, *, sites: SiteKind, image_size: int | None, options...)``; ``image_size``, the height and
    width of images where they are known, is given to factories that have such a keyword-only parameter.
    """

    #: 2 for images (B, C, H, W), 3 for whole volumes (B, C, D, H, W).
    spatial_dims: int = 2
    sites: tuple[Site, ...]
    width: int  # D
    map_channels: int  # M
    #: A size of images that it takes, for the message where it does not take another.
    image_size: tuple[int, ...] | None = None
    #: The only size that its weights fit, where it was made for that of ``image_size``; the description holds it then.
    made_for: int | None = None
    #: What it took from a file of weights.
    loaded: LoadedWeights | None = None
    #: Whether features depend on the image alone, in training too: nothing is trained, drawn or counted in it.
    fixed: bool = False

    @property
    def heights(self) -> Mapping[str, int]:
        """Names of its weights -> how many stages lie at or above each; 0 behind the last. Empty: it does not say."""
        return {}

    @abstractmethod
    def forward(self, image: Tensor, inject: Inject | None = None) -> ImageFeatures:
        """Image (B, C, *S) -> features; ``inject`` is called at every site, in the order of ``self.sites``."""


class ClinicalEncoder(nn.Module, ABC):
    """Turns clinical columns into clinical features. Factory: ``(columns, *, layout, people, options...)``.

    ``layout`` (a ``ColumnLayout``: where each table column lies in F) and ``people`` (the number of training subjects,
    or None where it is not known) are given to factories that have such keyword-only parameters. An option ``width``
    that is None is left to the encoder; the model's description holds the one that it declares.
    """

    width: int  # E
    #: Decoupled weight decay of its weights, in place of ``training.weight_decay``; None: that one.
    weight_decay: float | None = None

    def fit(self, columns: Tensor) -> None:
        """See the training scans' columns (N, F), one row per scan, once before training.

        What is kept of them belongs in buffers, whose shapes do not depend on the values: they are shipped with the
        weights.
        """

    @abstractmethod
    def forward(self, columns: Tensor) -> Tensor | ClinicalFeatures:
        """(B, F) -> (B, E), or this with a token for each table column."""


class Injector(nn.Module, ABC):
    """Changes image features by clinical ones. Factory: ``(sites, clinical_width, *, options...)``."""

    @abstractmethod
    def prepare(self, clinical: Tensor) -> Any:
        """(B, E) -> whatever ``forward`` wants; called once per forward pass, for what sites share."""

    @abstractmethod
    def forward(self, site: int, features: Tensor, prepared: Any) -> Tensor:
        """Features (B, C_i, *S_i) of site i (an index into the sites given at construction) -> the same shape."""

    def at_rest(self, prepared: Any, present: Tensor) -> Any | None:
        """What ``prepare`` gave, changed so that ``forward`` leaves the samples alone that have no table.

        ``present`` (B,) bool says which have one. None: there is no such value, and features are put back after
        ``forward``, which costs a pass over each site's map.
        """
        return None

    def gate_values(self, site: int, features: Tensor, prepared: Any) -> Tensor | None:
        """What ``forward`` multiplies the channels of site i with, (B, G): for explanations.

        None if it gates nothing there. An injector's documentation says which values its gates can have.
        """
        return None


class Pool(nn.Module, ABC):
    """Joins the slices of a scan by weights. Factory: ``(image_widths, clinical_width, *, options...)``.

    ``image_widths`` are ``ImageWidths``; ``clinical_width`` is 0 where the fusion reads no table.
    """

    @abstractmethod
    def weigh(self, features: ImageFeatures, mask: Tensor, clinical: Tensor | None) -> Tensor:
        """Features of slices (B * N, ...), mask (B, N) of those that are there, and (B, E) or None -> weights (B, N).

        A scan's weights sum to 1, and are 0 where the mask is False: features there are zeros.
        """

    def forward(
        self, features: ImageFeatures, mask: Tensor, clinical: Tensor | None = None
    ) -> tuple[ImageFeatures, Tensor]:
        """As for ``weigh`` -> the weighted sums of maps and vectors (B, ...), and the weights (B, N)."""
        weights = self.weigh(features, mask, clinical)
        return ImageFeatures(*(_weighted(part, weights) for part in features)), weights


def _weighted(part: Tensor, weights: Tensor) -> Tensor:
    slices = part.reshape(*weights.shape, *part.shape[1:]).flatten(2)
    return torch.bmm(weights[:, None], slices).reshape(weights.shape[0], *part.shape[1:])


class FusionHead(nn.Module, ABC):
    """Turns image and clinical features into outputs.

    Factory: ``(image_widths: ImageWidths, clinical_width, classes, *, options...)``.
    """

    #: Names of the parts that it says, if it says any.
    part_names: tuple[str, ...] = ()

    @abstractmethod
    def forward(self, image: ImageFeatures | None, clinical: ClinicalFeatures | None) -> Tensor | Output:
        """Features; None for what the fusion does not read -> (B, W), logits of classes.

        One with more to say returns an ``Output`` with parts, losses and gates; what it leaves out is filled in.
        """
