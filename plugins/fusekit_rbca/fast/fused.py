"""Batch norm, ReLU and gate as one step of autograd, which keeps two maps for backward instead of three.

Written out, ``y = relu(norm(u)) * g`` keeps u for the norm, the activation for ReLU and gate, and y for the
convolution that reads it. But y is all that backward needs of the activation. A gate is positive, so y > 0 where
the activation is. And with g = sigmoid(t * GAP(a)), the derivative of the sigmoid is g * (1 - g), so that the gradient
of its argument is sum(dy * a) * g * (1 - g) = sum(dy * y) * (1 - g): nothing is divided by the gate.

Samples without a table keep their features. A step that also has the product before the norm touches the maps of these
samples alone: it copies them forward, and adds what comes from above to their gradient backward, where ``torch.where``
makes several passes over all.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, relu

from fusekit.models.absence import injected_where
from fusekit_rbca.fast.plain import is_plain, is_transformed
from fusekit_rbca.fast.pointwise import product, product_gradients

_PLAIN_NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


def attend(activation: Tensor, condition: Tensor, half: int, *, inplace: bool = False) -> Tensor:
    """The attended half of an activation after ReLU times its gate, then the original half, (B, C, *S).

    The activation is (B, C, *S), or (B, C/2, *S) where one reduction feeds both halves; the condition (B, C/2). With
    ``inplace`` the result is written into the activation where it has room for it.
    """
    gate = _spread(gate_of(activation, condition, half).to(activation.dtype), activation.ndim)
    if activation.shape[1] == half:
        return torch.cat((activation * gate, activation), dim=1)
    if inplace:
        activation[:, :half].mul_(gate)
        return activation
    return activation * torch.cat((gate, torch.ones_like(gate)), dim=1)


def gate_of(activation: Tensor, condition: Tensor, half: int) -> Tensor:
    """sigmoid(condition * GAP(attended half)), (B, C/2): GAP(a * t) is t * GAP(a)."""
    return torch.sigmoid(condition * activation[:, :half].flatten(2).mean(dim=2))


def norm_relu_attend(norm: nn.Module, reduced: Tensor, condition: Tensor, half: int) -> Tensor:
    """``attend(relu(norm(reduced)), condition, half)``, fused where that gives the same.

    All else runs the plain operations: another norm than torch's own (such as SyncBatchNorm), one with hooks,
    ``torch.compile`` (which fuses them itself), tracing, ``torch.func``, forward-mode differentiation, other devices
    than CPU and CUDA, and batches that the norm refuses.
    """
    if not is_fusable(norm, reduced, condition):
        return attend(relu(norm(reduced), inplace=True), condition, half)
    return fused(norm, reduced, None, condition, None, half)


def without_table(present: Tensor | None) -> list[int]:
    """The samples, of (B,), whose features stay; ``present`` None: none."""
    return [] if present is None else (~present).nonzero().flatten().tolist()


#: How a batch norm normalises a batch: running mean and variance, whether by the batch's own, momentum, eps.
_Statistics = tuple[Tensor | None, Tensor | None, bool, float, float]


def _statistics(norm: nn.BatchNorm2d | nn.BatchNorm3d) -> _Statistics:
    """Count the batch and choose the statistics as torch's own ``forward`` does."""
    momentum = norm.momentum or 0.0
    if norm.training and norm.track_running_stats and norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
        if norm.momentum is None:  # all batches count alike
            momentum = 1 / float(norm.num_batches_tracked)
    keeps = not norm.training or norm.track_running_stats
    mean, variance = (norm.running_mean, norm.running_var) if keeps else (None, None)
    return mean, variance, norm.training or mean is None, momentum, norm.eps


def is_fusable(norm: nn.Module, reduced: Tensor, condition: Tensor, kernel: Tensor | None = None) -> bool:
    """Whether ``fused`` gives what the plain operations give; with a kernel, ``reduced`` may be the features."""
    return (
        is_plain(norm, *_PLAIN_NORMS)
        and reduced.device.type in ("cpu", "cuda")
        and reduced.is_floating_point()
        and reduced.ndim == (4 if isinstance(norm, nn.BatchNorm2d) else 5)
        and reduced.numel() > reduced.shape[1]
        and not is_transformed(reduced, condition, kernel, *norm.parameters())
    )


def fused(
    norm: nn.Module, features: Tensor, kernel: Tensor | None, condition: Tensor, present: Tensor | None, half: int
) -> Tensor:
    """The step itself: of reduced features, or of a kernel and the features that it reduces where ``present`` (B,)."""
    assert isinstance(norm, _PLAIN_NORMS)
    statistics = _statistics(norm)
    attended: Tensor = _NormReluAttend.apply(
        features, kernel, norm.weight, norm.bias, condition, present, half, statistics
    )
    return attended


def _spread(values: Tensor, ndim: int) -> Tensor:
    """(B, C) -> (B, C, 1, 1, ...)."""
    return values.reshape(*values.shape, *[1] * (ndim - 2))


class _NormReluAttend(torch.autograd.Function):
    """See above: u and y are kept, y in the memory that the convolution that reads it keeps anyway.

    Without a kernel, features are reduced already, and all samples are present.
    """

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        kernel: Tensor | None,
        weight: Tensor | None,
        bias: Tensor | None,
        condition: Tensor,
        present: Tensor | None,
        half: int,
        statistics: _Statistics,
    ) -> Tensor:
        reduced = features if kernel is None else product(features, kernel)
        running_mean, running_var, of_batch, momentum, eps = statistics
        y, mean, deviation = torch.native_batch_norm(
            reduced, weight, bias, running_mean, running_var, of_batch, momentum, eps
        )
        pooled = y.relu_()[:, :half].flatten(2).mean(dim=2)
        gate = torch.sigmoid(condition * pooled)
        wide = _spread(gate.to(y.dtype), y.ndim)
        if half == reduced.shape[1]:
            y = torch.cat((y * wide, y), dim=1)
        else:
            y[:, :half].mul_(wide)
        for sample in without_table(present):
            y[sample] = features[sample]
        if not of_batch:
            mean, deviation = running_mean, running_var  # type: ignore[assignment]  # only a batch's own go without
        kept = None if kernel is None else reduced  # once
        ctx.save_for_backward(
            features, kernel, weight, bias, condition, present, kept, y, pooled, gate, mean, deviation
        )
        ctx.half, ctx.of_batch, ctx.eps = half, of_batch, eps
        return y

    @staticmethod
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            return _differentiable(ctx, above)
        features, kernel, weight, _, condition, present, kept, y, pooled, gate, mean, deviation = ctx.saved_tensors
        reduced = features if kernel is None else kept
        absent = without_table(present)
        half = ctx.half
        halves = [(above[:, part], y[:, part]) for part in (slice(None, half), slice(half, None))]
        (attended, attended_y), (original, original_y) = halves
        # of the sigmoid's argument t * GAP(a), and what each position of a gets of it
        slope = (attended * attended_y).flatten(2).sum(dim=2) * (1 - gate)
        share = _spread((slope * condition / attended[0, 0].numel()).to(y.dtype), y.ndim)
        wide = _spread(gate.to(y.dtype), y.ndim)
        below = torch.empty_like(reduced)
        mask = torch.ops.aten.threshold_backward.grad_input
        if half == reduced.shape[1]:
            torch.addcmul(original, attended, wide, out=below).add_(share)
            mask(below, original_y, 0, grad_input=below)  # the original half is the activation itself
        else:
            first = torch.addcmul(share, attended, wide, out=below[:, :half])
            mask(first, attended_y, 0, grad_input=first)
            mask(original, original_y, 0, grad_input=below[:, half:])
        for sample in absent:
            below[sample] = slope[sample] = 0
        running = (None, None) if ctx.of_batch else (mean, deviation)
        own = (mean, deviation) if ctx.of_batch else (None, None)
        needs = [any(ctx.needs_input_grad[:2]), *ctx.needs_input_grad[2:4]]
        through = torch.ops.aten.native_batch_norm_backward(
            below, reduced, weight, *running, *own, ctx.of_batch, ctx.eps, needs
        )
        of_reduced, *of_norm = [gradient if needed else None for gradient, needed in zip(through, needs, strict=True)]
        of_kernel = None
        if kernel is not None and of_reduced is not None:
            of_reduced, of_kernel = product_gradients(of_reduced, features, kernel, ctx.needs_input_grad[:2])
            if of_reduced is not None:
                for sample in absent:
                    of_reduced[sample].add_(above[sample])  # += would copy the sum once more
        of_condition = (slope * pooled).to(condition.dtype) if ctx.needs_input_grad[4] else None
        return (of_reduced, of_kernel, *of_norm, of_condition, None, None, None)


def _differentiable(ctx: Any, above: Tensor) -> tuple[Tensor | None, ...]:
    """The gradients by plain operations, which can be differentiated again."""
    features, kernel, weight, bias, condition, present, *_, mean, variance = ctx.saved_tensors
    if ctx.of_batch:
        mean = variance = None
    reduced = features if kernel is None else product(features, kernel)
    normed = batch_norm(reduced, mean, variance, weight, bias, training=ctx.of_batch, eps=ctx.eps)
    y = injected_where(present, attend(relu(normed), condition, ctx.half), features)
    inputs = (features, kernel, weight, bias, condition)
    wanted = [tensor for tensor, needed in zip(inputs, ctx.needs_input_grad, strict=False) if needed]
    found = iter(torch.autograd.grad(y, wanted, above, create_graph=True))
    return (*(next(found) if needed else None for needed in ctx.needs_input_grad[:5]), None, None, None)
