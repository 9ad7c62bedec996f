"""The four parts of a fusion, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from fusekit.errors import DataError
from fusekit.models.parts import Backbone, ClinicalEncoder, FusionHead, Injector


class FusionModel(nn.Module):
    """An image and clinical columns to logits; ``fusekit.build`` makes one from names.

    Args:
        backbone: None if no image is read.
        encoder: None if no clinical columns are read.
        injector: built for the backbone's ``injected`` sites; None if image features are left as they are.
        head: reads what the other two make.
        injected: indices into ``backbone.sites``, ascending; the injector's site 0 is the first of them. None: all.
        description: what ``build_from`` needs to build the model again, as plain JSON values.
    """

    def __init__(
        self,
        backbone: Backbone | None,
        encoder: ClinicalEncoder | None,
        injector: Injector | None,
        head: FusionHead,
        *,
        injected: Sequence[int] | None = None,
        description: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        if injector is not None and (backbone is None or encoder is None):
            raise ValueError("an injector needs a backbone to change and an encoder to read.")
        self.backbone = backbone
        self.encoder = encoder
        self.injector = injector
        self.head = head
        sites = range(len(backbone.sites)) if backbone is not None and injected is None else injected or ()
        self.injected = {site: i for i, site in enumerate(sites)}
        self.description = dict(description or {})

    @property
    def reads_image(self) -> bool:
        """Whether ``forward`` needs an image."""
        return self.backbone is not None

    @property
    def reads_clinical(self) -> bool:
        """Whether ``forward`` needs clinical columns."""
        return self.encoder is not None

    def forward(self, image: Tensor | None = None, columns: Tensor | None = None) -> Tensor:
        """Image (B, C, *S) and columns (B, F) -> logits (B, K); what the fusion does not read may be None.

        Raises:
            DataError: what the fusion reads is None.
        """
        clinical = features = inject = None
        if self.encoder is not None:
            if columns is None:
                raise DataError("this model reads clinical columns; none were given.")
            clinical = self.encoder(columns)
            if self.injector is not None:
                inject = partial(self._inject, self.injector, self.injector.prepare(clinical))
        if self.backbone is not None:
            if image is None:
                raise DataError("this model reads an image; none was given.")
            features = self.backbone(image, inject)
        logits: Tensor = self.head(features, clinical)
        return logits

    def _inject(self, injector: Injector, prepared: Any, site: int, features: Tensor) -> Tensor:
        if site not in self.injected:
            return features
        changed: Tensor = injector(self.injected[site], features, prepared)
        return changed
