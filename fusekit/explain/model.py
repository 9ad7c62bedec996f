"""A bundle as explanations use it: probabilities of many changed tables for the same images, without repeated work."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from fusekit.bundle.bundle import BATCH, Bundle
from fusekit.data import Pixels
from fusekit.models import FusionModel, ImageFeatures, channels_last, weights_channels_last


class Predictor:
    """Probabilities of slices and clinical values, for ``ablate``; the bundle's model is moved to the device.

    Where the table changes nothing inside the backbone (no injector), the image features of the last images are kept,
    and other values cost the encoder and the head only.
    """

    def __init__(self, bundle: Bundle, device: str | torch.device = "cpu"):
        self.bundle, self.device = bundle, device
        self.model: FusionModel = weights_channels_last(bundle.model.to(device))
        self._images: np.ndarray | None = None
        self._features: list[ImageFeatures] = []

    @property
    def injected(self) -> bool:
        """Whether the table changes what the backbone computes."""
        return self.model.injector is not None

    @property
    def _width(self) -> int:
        """Inputs that the model reads a table as."""
        return len(self.bundle.encoding.features) if self.bundle.encoding else 0

    def __call__(self, images: np.ndarray | None, values: pd.DataFrame) -> np.ndarray:
        """Grey levels (N, H, W) or (N, S, S, S), clinical values of N rows -> probabilities (N, K) float64."""
        columns = self.bundle.encode(values)
        if self.model.backbone is None or self.injected or images is None:
            return self.bundle.probabilities(images, columns, self.device)
        parts = []
        with torch.inference_mode():
            for number, features in enumerate(self.features(images)):
                batch = columns[number * BATCH : (number + 1) * BATCH]
                given = self.columns(batch) if self.model.reads_clinical else None
                logits = self.model.output(columns=given, features=features).logits
                parts.append(logits.double().softmax(dim=1).cpu().numpy())
        return np.concatenate(parts)

    def features(self, images: np.ndarray) -> list[ImageFeatures]:
        """A batch after the other; kept until other images come. For a model without injector."""
        assert self.model.backbone is not None
        if self._images is not images:
            self._images, self._features = images, []
            with torch.inference_mode():
                for start in range(0, len(images), BATCH):
                    image = self.image(images[start : start + BATCH])
                    columns = torch.zeros(len(image), self._width, device=self.device)
                    features = self.model.output(image, columns).image
                    assert features is not None
                    if not self._reads_map(features):
                        features = ImageFeatures(features.map.new_zeros(0), features.vector)
                    self._features.append(features)
        return self._features

    def image(self, images: np.ndarray) -> Tensor:
        """Grey levels -> network input (N, 1, *S)."""
        return to_input(self.bundle.pixels, images, self.device)

    def columns(self, encoded: np.ndarray) -> Tensor:
        """Encoded columns (N, F) on the device."""
        return torch.from_numpy(encoded).to(self.device)

    def _reads_map(self, features: ImageFeatures) -> bool:
        """Whether the head looks at the map, which is fifty times as large as the vector.

        A head that does not look cannot see that the map holds no numbers.
        """
        columns = torch.zeros(len(features.vector), self._width, device=self.device)
        blind = ImageFeatures(torch.full_like(features.map, torch.nan), features.vector)
        return not bool(self.model.output(columns=columns, features=blind).logits.isfinite().all())


def to_input(pixels: Pixels, images: np.ndarray, device: str | torch.device) -> Tensor:
    """Grey levels (N, *S) -> standardised (N, 1, *S), laid out as in training."""
    return channels_last(pixels.to_tensor(images, device))
