"""An absent image or table: what a model takes in its place."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from fusekit.data.absence import MODALITIES, Modality, united
from fusekit.errors import OptionError
from fusekit.models.parts import ClinicalFeatures, ImageFeatures, ImageWidths


class StandIns(nn.Module):
    """Learned features in place of those of an image or a table that is absent; zeros at first.

    They are mixed in by ``torch.where`` at every step, so that the graph, and which weights have gradients, are the
    same whatever a batch lacks.

    Args:
        absent: what a sample may lack, of what the model reads.
        widths: of the image features, where an image may be absent.
        clinical_width: of the clinical features, where the table may be; 0 if there are none.
        classes: of the prior, where the table may be absent; 0 if there is none.
    """

    def __init__(self, absent: Iterable[Modality], widths: ImageWidths, clinical_width: int, classes: int):
        super().__init__()
        absent = united(absent)
        # One weight for map and vector: a head may read one of them alone, and a weight without any gradient stops
        # several devices.
        self.image = nn.Parameter(torch.zeros(sum(widths))) if "image" in absent else None
        self.clinical = nn.Parameter(torch.zeros(clinical_width)) if "table" in absent and clinical_width else None
        self.prior = nn.Parameter(torch.zeros(classes)) if "table" in absent and classes else None
        self.widths = widths
        self.absent = absent

    def of_image(self, features: ImageFeatures | None, present: Tensor, spatial_dims: int) -> ImageFeatures:
        """Features, and which samples have an image (B,) -> those of the others are the stand-in.

        Without features, those of B samples of which none has an image; their map has one place along each axis.
        """
        assert self.image is not None
        dims = spatial_dims if features is None else features.map.ndim - 2
        map_ = self.image[: self.widths.map].reshape(1, -1, *[1] * dims)
        vector = self.image[self.widths.map :][None]
        if features is None:
            return ImageFeatures(map_.expand(present.shape[0], *map_.shape[1:]), vector.expand(present.shape[0], -1))
        there = _beside(present, features.map)
        return ImageFeatures(
            torch.where(there, features.map, map_.to(features.map.dtype)),
            torch.where(present[:, None], features.vector, vector.to(features.vector.dtype)),
        )

    def of_table(self, clinical: ClinicalFeatures, present: Tensor) -> ClinicalFeatures:
        """Clinical features, and which samples have a table (B,) -> of the others, tokens too, the stand-in."""
        if self.clinical is None:
            return clinical
        vector, tokens = clinical
        stand_in = self.clinical.to(vector.dtype)
        if tokens is not None:
            tokens = torch.where(present[:, None, None], tokens, stand_in.to(tokens.dtype))
        return ClinicalFeatures(torch.where(present[:, None], vector, stand_in), tokens)

    def of_prior(self, said: Tensor, present: Tensor) -> Tensor:
        """What a prior says (B, K), likewise."""
        return said if self.prior is None else torch.where(present[:, None], said, self.prior.to(said.dtype))


def injected_where(present: Tensor | None, changed: Tensor, features: Tensor) -> Tensor:
    """A site's features as an injector changed them, and as they were where the table is absent."""
    return changed if present is None else torch.where(_beside(present, features), changed, features)


def lent(values: Tensor, present: Tensor) -> Tensor:
    """Values (B, ...) in which a sample without has those of one that has them; as they are if none has.

    Their features are replaced later. Until then batch normalisation sees real values alone, and each of them about as
    often: the statistics of blank images are those of none.
    """
    order = present.to(torch.int8).argsort(descending=True, stable=True)
    turn = torch.arange(len(present), device=present.device) % present.sum().clamp(min=1)
    own = torch.arange(len(present), device=present.device)
    return values.index_select(0, torch.where(present | ~present.any(), own, order[turn]))


def read_absent(absent: Iterable[str], reads: Iterable[str]) -> tuple[Modality, ...]:
    """Check names of modalities, and return those that a model reads; OptionError for an unknown one."""
    given = tuple(absent)
    if unknown := [name for name in given if name not in MODALITIES]:
        raise OptionError(f"what may be absent is an image or a table, not {unknown[0]!r}.")
    read = set(reads)
    return tuple(name for name in united(given) if name in read)


def _beside(present: Tensor, features: Tensor) -> Tensor:
    return present.reshape(-1, *[1] * (features.ndim - 1))
