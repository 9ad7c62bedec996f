"""Clinical attention: half of the channels gated by clinical features, the other half as they are."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from fusekit.errors import OptionError
from fusekit_rbca.fast.fused import attend, gate_of, is_transformed, norm_relu_attend
from fusekit_rbca.fast.pointwise import convolve, convolve_norm_relu

_CONVOLUTIONS: dict[int, type[nn.Conv2d | nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
_NORMS: dict[int, type[nn.BatchNorm2d | nn.BatchNorm3d]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class ClinicalAttention(nn.Module):
    """The part of RBCA that comes before a residual block's own convolutions (Yang et al. 2021, figure 2).

    Two reductions of the C input channels to C/2, here one convolution: the first half of its outputs is attended,
    the second stays as it is. The attended half ``a`` is gated by the condition ``t``: a * sigmoid(GAP(a * t)), and
    GAP(a * t) is t * GAP(a), so no product map is made.

    Args:
        channels: C, even.
        spatial_dims: 2 for images, 3 for volumes.
        shared: one reduction feeds both halves, as the paper's text reads; the published code has two.

    Raises:
        OptionError: an odd number of channels, or other than two or three spatial axes.
    """

    def __init__(self, channels: int, spatial_dims: int = 2, *, shared: bool = False):
        super().__init__()
        if channels % 2:
            raise OptionError(f"clinical attention halves its channels, and {channels} is odd.")
        if spatial_dims not in _CONVOLUTIONS:
            raise OptionError(f"clinical attention takes 2 or 3 spatial axes, not {spatial_dims}.")
        self.attended = channels // 2
        outputs = self.attended if shared else channels
        self.reduce = _CONVOLUTIONS[spatial_dims](channels, outputs, kernel_size=1, bias=False)
        self.norm = _NORMS[spatial_dims](outputs)
        # Each half is a reduction of its own: over the whole, fan-out is twice that and the deviation too small by √2.
        for half in torch.split(self.reduce.weight.detach(), self.attended):
            nn.init.kaiming_normal_(half, mode="fan_out", nonlinearity="relu")

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Features (B, C, *S) and condition (B, C/2) -> attended and original half, (B, C, *S).

        Backward reads the result again, as after a ReLU: who changes it in place gets autograd's error.
        """
        if self._infers(features, condition):
            return attend(convolve_norm_relu(self.reduce, self.norm, features), condition, self.attended, inplace=True)
        return norm_relu_attend(self.norm, convolve(self.reduce, features), condition, self.attended)

    def gate(self, features: Tensor, condition: Tensor) -> Tensor:
        """What ``forward`` multiplies the attended half with, (B, C/2).

        Where the condition is not negative (RBCA's ends in a ReLU) it lies in [1/2, 1): a channel is halved at most,
        never shut.
        """
        return gate_of(relu(self.norm(convolve(self.reduce, features)), inplace=True), condition, self.attended)

    def _infers(self, *inputs: Tensor) -> bool:
        """Whether this is evaluation that nobody will differentiate."""
        everything = (*inputs, *self.parameters())
        differentiated = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in everything)
        return not (self.norm.training or differentiated or is_transformed(*everything))
