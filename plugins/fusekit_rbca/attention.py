"""RBCA's clinical attention as its authors published it (Yang et al. 2021, figure 2): the formula, to be read.

Models use ``fusekit_rbca.fast``, which has the same outputs and gradients and keeps fewer maps.
"""

import torch
from torch import Tensor, nn

CONVOLUTIONS: dict[int, type[nn.Conv2d | nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
NORMS: dict[int, type[nn.BatchNorm2d | nn.BatchNorm3d]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class PublishedAttention(nn.Module):
    """cat(a * sigmoid(GAP(a * t)), o), where ``a`` and ``o`` are reductions of x to half its channels.

    It comes before a residual block's own convolutions: they and a projecting shortcut read its result, an identity
    shortcut adds the raw x.

    Args:
        channels: C, even.
        spatial_dims: 2 for images, 3 for volumes.
        shared: one reduction for both halves, as the paper's text reads; the published code has two.
    """

    def __init__(self, channels: int, spatial_dims: int = 2, *, shared: bool = False):
        super().__init__()
        self.attended = _reduction(channels, spatial_dims)
        self.original = None if shared else _reduction(channels, spatial_dims)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Features x (B, C, *S) and clinical condition t (B, C/2) -> (B, C, *S)."""
        a = self.attended(x)  # (B, C/2, *S)
        o = a if self.original is None else self.original(x)
        product = a * t.reshape(*t.shape, *[1] * (x.ndim - 2))
        gate = torch.sigmoid(product.mean(dim=tuple(range(2, x.ndim)), keepdim=True))
        return torch.cat((a * gate, o), dim=1)


def _reduction(channels: int, spatial_dims: int) -> nn.Sequential:
    convolution = CONVOLUTIONS[spatial_dims](channels, channels // 2, kernel_size=1, bias=False)
    return nn.Sequential(convolution, NORMS[spatial_dims](channels // 2), nn.ReLU())
