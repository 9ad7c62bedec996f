"""Modality dropout: samples lose their image or their table for a step."""

import torch
from torch import Tensor


def dropped(present: Tensor, image: float, table: float) -> Tensor:
    """Which samples have an image and which a table (B, 2), after a share of them has lost one of the two.

    One number is drawn for each sample, so that none loses both; one that lacks either keeps what it has.
    """
    if not image and not table:
        return present
    drawn = torch.rand(len(present), device=present.device)
    lost = torch.stack([drawn < image, drawn >= 1 - table], dim=1)
    return present & ~(lost & present.all(dim=1, keepdim=True))
