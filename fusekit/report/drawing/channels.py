"""The channels of an image as people look at them: grey, a mask, or three together as colours."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from fusekit.data.images.channels import Channel


class Panel(NamedTuple):
    """A picture of one image of a scan."""

    name: str
    image: np.ndarray  # (H, W) grey levels, or (H, W, 3) uint8 colours, 0 to 255


def panels_of(image: np.ndarray, channels: Sequence[Channel]) -> list[Panel]:
    """A panel for each image among the channels (C, H, W): its three colours are one."""
    panels, pairs = [], zip(image, channels, strict=True)
    for name, group in groupby(pairs, key=lambda pair: pair[1].image):
        own = [channel for channel, _ in group]
        together = np.clip(np.rint(np.stack(own, axis=-1).astype(np.float32)), 0, 255).astype(np.uint8)
        panels.append(Panel(name, own[0] if len(own) == 1 else together))
    return panels


def stacked(panels: Sequence[Panel]) -> np.ndarray:
    """Panels one below the other: (n H, W), or (n H, W, 3) where one is in colour."""
    if all(panel.image.ndim == 2 for panel in panels):
        return np.concatenate([panel.image for panel in panels])
    grey = (panel.image if panel.image.ndim == 3 else np.stack([panel.image] * 3, axis=-1) for panel in panels)
    return np.concatenate([np.rint(image).astype(np.uint8) for image in grey])
