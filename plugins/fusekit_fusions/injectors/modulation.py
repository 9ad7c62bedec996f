"""A factor and a summand for each channel."""

from torch import Tensor


def spread(values: Tensor, features: Tensor) -> Tensor:
    """(B, C) -> (B, C, 1, 1, ...), beside features (B, C, *S) and of their type."""
    return values.to(features.dtype).reshape(*values.shape, *[1] * (features.ndim - 2))


def modulated(features: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
    """Features (B, C, *S) times gain plus shift, (B, C) each. The gradient of ``addcmul`` is slower."""
    return (features * spread(gain, features)).add_(spread(shift, features))


def pooled(features: Tensor) -> Tensor:
    """The mean over space (B, C); as a sum, whose gradient is a view, where that of a mean is a map of its own."""
    return features.sum(dim=tuple(range(2, features.ndim))) / features[0, 0].numel()
