"""A bundle as explanations use it: answers for many changed tables for the same images, without repeated work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from fusekit.bundle.bundle import Bundle
from fusekit.models import FusionModel, ImageFeatures
from fusekit.models.memory_format import placed


class Predictor:
    """What is predicted of slices and clinical values, for ``ablate``; the bundle's own model stays as it is.

    Args:
        images: that will be predicted with many tables. Where the table changes nothing inside the backbone (no
            injector), their features are computed once, here; another table for this very array then costs the encoder
            and the head only. A call keeps nothing.
    """

    def __init__(self, bundle: Bundle, device: str | torch.device = "cpu", images: np.ndarray | None = None):
        self.model: FusionModel = placed(bundle.model, device)
        self.bundle, self.device = replace(bundle, model=self.model), device
        self._images = images
        reused = images is not None and self.model.backbone is not None and not self.injected
        self._features = tuple(self._features_of(images)) if images is not None and reused else ()

    @property
    def injected(self) -> bool:
        """Whether the table changes what the backbone computes."""
        return self.model.injector is not None

    def __call__(self, images: np.ndarray | None, values: pd.DataFrame) -> np.ndarray:
        """Grey levels (N, C, H, W) or (N, C, S, S, S), clinical values of N rows -> answers (N, A) float64.

        With a pool, each of the N is all slices of a scan (n, C, H, W).
        """
        encoded, present = self.bundle.encode(values), self.bundle.present(values)
        if self.model.backbone is None or self.injected or images is None:
            return self.bundle.probabilities(images, encoded, self.device, present)
        of_images: Iterable[ImageFeatures] = self._features if images is self._images else self._features_of(images)
        parts, each = [], self.bundle.together
        with torch.inference_mode():
            for number, features in enumerate(of_images):
                own = slice(number * each, (number + 1) * each)
                columns = torch.from_numpy(encoded[own]).to(self.device)
                given = columns if self.model.reads_clinical else None
                there = None if present is None else torch.from_numpy(present[own]).to(self.device)
                slices = self._slices(features)
                said = self.model.output(columns=given, present=there, slices=slices, features=features).outputs
                parts.append(self.bundle.target.answers(said.double()).cpu().numpy())
        return np.concatenate(parts)

    def inputs(self, images: np.ndarray | None, values: pd.DataFrame) -> tuple[Tensor | None, Tensor | None]:
        """Grey levels and clinical values of N rows -> what the model reads of them: (N, C, *S), (N, F).

        With a pool, the N are scans of the same number of slices.
        """
        image = None if images is None else self.bundle.tensor(images, self.device)
        if not self.model.reads_clinical:
            return image, None
        return image, torch.from_numpy(self.bundle.encode(values)).to(self.device)

    def _features_of(self, images: np.ndarray) -> Iterator[ImageFeatures]:
        """One batch after the other, for a model without injector."""
        for start in range(0, len(images), self.bundle.together):
            image = self.bundle.tensor(images[start : start + self.bundle.together], self.device)
            with torch.inference_mode():
                features = self.model.output(image, self._no_columns(len(image))).image
                assert features is not None
                if not self._reads_map(features):
                    features = ImageFeatures(features.map[..., :0].clone(), features.vector)
            yield features

    def _slices(self, features: ImageFeatures) -> Tensor | None:
        """All are slices of one scan, where the model joins them."""
        if not self.bundle.pooled:
            return None
        return torch.ones(1, len(features.vector), dtype=torch.bool, device=features.vector.device)

    def _no_columns(self, count: int) -> Tensor:
        encoding, prior = self.bundle.encoding, self.model.prior
        width = (len(encoding.features) if encoding else 0) + (prior.outputs if prior else 0)
        return torch.zeros(count, width, device=self.device)

    def _reads_map(self, features: ImageFeatures) -> bool:
        """Whether the head looks at the map, which is fifty times as large as the vector.

        A head that does not look cannot see that the map holds no numbers.
        """
        blind = ImageFeatures(torch.full_like(features.map, torch.nan), features.vector)
        columns, slices = self._no_columns(1 if self.bundle.pooled else len(features.vector)), self._slices(features)
        return not bool(self.model.output(columns=columns, slices=slices, features=blind).outputs.isfinite().all())


@dataclass(frozen=True)
class Averaged:
    """The mean of what several predict, for ``ablate``."""

    predictors: Sequence[Predictor]

    def __call__(self, images: np.ndarray | None, values: pd.DataFrame) -> np.ndarray:
        """As a ``Predictor``."""
        return np.asarray(np.mean([predictor(images, values) for predictor in self.predictors], axis=0))
