"""The published attention with both reductions in one convolution, and no product map."""

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from fusekit.errors import OptionError
from fusekit_rbca.attention import CONVOLUTIONS, NORMS
from fusekit_rbca.fast.absent import attend_present, put_back
from fusekit_rbca.fast.fused import attend, gate_of, norm_relu_attend
from fusekit_rbca.fast.plain import is_transformed
from fusekit_rbca.fast.pointwise import convolve, convolve_norm_relu


class ClinicalAttention(nn.Module):
    """``PublishedAttention``, rewritten: the same outputs and gradients, by one convolution and no product map.

    The attended half ``a`` is gated by a * sigmoid(t * GAP(a)), since GAP(a * t) is t * GAP(a).

    Args:
        channels: C, even.
        spatial_dims: 2 for images, 3 for volumes.
        shared: one reduction feeds both halves, as the paper's text reads; the published code has two.
    """

    def __init__(self, channels: int, spatial_dims: int = 2, *, shared: bool = False):
        super().__init__()
        if channels % 2:
            raise OptionError(f"clinical attention halves its channels, and {channels} is odd.")
        if spatial_dims not in CONVOLUTIONS:
            raise OptionError(f"clinical attention takes 2 or 3 spatial axes, not {spatial_dims}.")
        self.attended = channels // 2
        outputs = self.attended if shared else channels
        self.reduce = CONVOLUTIONS[spatial_dims](channels, outputs, kernel_size=1, bias=False)
        self.norm = NORMS[spatial_dims](outputs)
        # Each half is a reduction of its own: over the whole, fan-out is twice that and the deviation too small by √2.
        for half in torch.split(self.reduce.weight.detach(), self.attended):
            nn.init.kaiming_normal_(half, mode="fan_out", nonlinearity="relu")

    def forward(self, features: Tensor, condition: Tensor, present: Tensor | None = None) -> Tensor:
        """Features (B, C, *S) and condition (B, C/2) -> attended and original half, (B, C, *S).

        Where ``present`` (B,) is False there is no table, and features stay as they are; batch statistics are of all
        samples. Backward reads the result again, as after a ReLU: changing it in place is autograd's error.
        """
        if self._infers(features, condition):
            reduced = convolve_norm_relu(self.reduce, self.norm, features)
            attended = attend(reduced, condition, self.attended, inplace=True)
            return attended if present is None else put_back(attended, features, present)
        if present is None:
            return norm_relu_attend(self.norm, convolve(self.reduce, features), condition, self.attended)
        return attend_present(self.reduce, self.norm, features, condition, present, self.attended)

    def gate(self, features: Tensor, condition: Tensor) -> Tensor:
        """What ``forward`` multiplies the attended half with, (B, C/2): in [1/2, 1) for conditions of 0 or more."""
        return gate_of(relu(self.norm(convolve(self.reduce, features)), inplace=True), condition, self.attended)

    def _infers(self, *inputs: Tensor) -> bool:
        """Whether this is evaluation without gradients."""
        everything = (*inputs, *self.parameters())
        differentiated = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in everything)
        return not (self.norm.training or differentiated or is_transformed(*everything))
