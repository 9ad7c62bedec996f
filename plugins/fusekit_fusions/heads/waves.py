"""Where a place of a map lies, as sines and cosines."""

from math import pi

import torch
from torch import Tensor

#: Of each axis: half a wave over the map, and twice as many for each next one.
WAVES = 4
#: Of two axes the first of the three lies at the middle.
AXES = 3


def waves(places: torch.Size, like: Tensor) -> Tensor:
    """Of a map with ``places`` (H, W) or (D, H, W), one after the other, (N, 2 * WAVES * AXES), on ``like``'s device.

    Places lie from -1 to 1 along each axis, each at its middle; a single one lies at 0.
    """
    device, kind = like.device, torch.promote_types(like.dtype, torch.float32)
    whole = [*[1] * (AXES - len(places)), *places]
    found = []
    for axis, count in enumerate(whole):
        along = (2 * torch.arange(count, device=device, dtype=kind) + 1) / count - 1
        angles = along[:, None] * (pi / 2 * 2 ** torch.arange(WAVES, device=device, dtype=kind))
        shape = [1, 1, 1, 2 * WAVES]
        shape[axis] = count
        found.append(torch.cat((angles.sin(), angles.cos()), dim=1).reshape(shape).expand(*whole, -1))
    return torch.cat(found, dim=-1).flatten(0, -2).to(like.dtype)
