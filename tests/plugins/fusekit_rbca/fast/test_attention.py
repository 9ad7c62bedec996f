"""Clinical attention against the published form, in float64."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor

from fusekit import FusekitError
from fusekit.models import channels_last
from fusekit_rbca import ClinicalAttention
from fusekit_rbca.attention import PublishedAttention
from tests.plugins.fusekit_rbca.literal import published_layer, scramble, split_attention

CHANNELS = 12
SHAPES = {2: (5, 3), 3: (4, 3, 2)}


def pair(spatial_dims: int, *, shared: bool = False) -> tuple[ClinicalAttention, PublishedAttention]:
    """Ours and the literal one, with the same weights."""
    torch.manual_seed(spatial_dims)
    ours = ClinicalAttention(CHANNELS, spatial_dims, shared=shared).double()
    scramble(ours, 1)
    literal = PublishedAttention(CHANNELS, spatial_dims, shared=shared).double()
    state = ours.state_dict()
    once = {f"attended.{published_layer(name)}": value for name, value in state.items()}
    literal.load_state_dict(once if shared else split_attention(state))
    return ours, literal


LAYOUTS = pytest.mark.parametrize("last", [True, False], ids=["channels-last", "channels-first"])


def inputs(spatial_dims: int, *, last: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """Features, a condition behind a ReLU, and the gradient that comes from above."""
    draw = torch.Generator().manual_seed(7)
    shape = (4, CHANNELS, *SHAPES[spatial_dims])
    features = torch.randn(shape, generator=draw, dtype=torch.float64)
    condition = torch.randn(4, CHANNELS // 2, generator=draw, dtype=torch.float64).relu()
    above = torch.randn(shape, generator=draw, dtype=torch.float64)
    return channels_last(features) if last else features, condition, above


@LAYOUTS
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_outputs_gradients_and_statistics_are_the_literal_form_s(spatial_dims: int, training: bool, last: bool) -> None:
    ours, literal = (module.train(training) for module in pair(spatial_dims))
    *given, above = inputs(spatial_dims, last=last)
    results = []
    for module in (ours, literal):
        leaves = [tensor.clone().requires_grad_() for tensor in given]
        out = module(*leaves)
        out.backward(above)
        results.append((out.detach(), *(leaf.grad for leaf in leaves)))
    for mine, theirs in zip(*results, strict=True):
        assert mine is not None
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)
    mine = split_attention({name: p.grad for name, p in ours.named_parameters() if p.grad is not None})
    theirs = {name: p.grad for name, p in literal.named_parameters()}
    assert mine.keys() == theirs.keys()
    for name, gradient in theirs.items():
        torch.testing.assert_close(mine[name], gradient, rtol=1e-10, atol=1e-12)
    after = split_attention(ours.state_dict())
    for name, value in literal.state_dict().items():
        torch.testing.assert_close(after[name], value, rtol=1e-12, atol=1e-14)
    with torch.no_grad():  # after the batch, so that statistics count which a training step has changed
        torch.testing.assert_close(ours.eval()(*given), literal.eval()(*given), rtol=1e-10, atol=1e-12)
    assert int(after["attended.1.num_batches_tracked"]) == int(training)


@LAYOUTS
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_a_shared_reduction_feeds_both_halves(spatial_dims: int, training: bool, last: bool) -> None:
    ours, literal = (module.train(training) for module in pair(spatial_dims, shared=True))
    features, condition, above = inputs(spatial_dims, last=last)
    results = []
    for module in (ours, literal):
        x = features.clone().requires_grad_()
        out = module(x, condition)
        out.backward(above)
        results.append((out.detach(), x.grad))
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)
    theirs = {name: p.grad for name, p in literal.named_parameters()}
    for name, weight in ours.named_parameters():
        twin = theirs[f"attended.{published_layer(name)}"]
        torch.testing.assert_close(weight.grad, twin, rtol=1e-10, atol=1e-12)
    assert sum(p.numel() for p in ours.parameters()) == CHANNELS * CHANNELS // 2 + CHANNELS


def test_the_gate_lies_between_one_half_and_one_and_leaves_the_second_half() -> None:
    ours = pair(2)[0].eval()
    features, condition, _ = inputs(2)
    with torch.no_grad():
        open_, given = ours(features, torch.full_like(condition, 1e6)), ours(features, condition)
        shut = ours(features, torch.zeros_like(condition))
    half = CHANNELS // 2
    assert bool((open_[:, :half] > 0).any())
    torch.testing.assert_close(shut[:, :half], open_[:, :half] / 2)  # sigmoid(0) against sigmoid(large)
    assert bool((given[:, :half] <= open_[:, :half]).all())
    assert bool((given[:, :half] >= shut[:, :half]).all())
    assert torch.equal(given[:, half:], shut[:, half:])


@pytest.mark.parametrize("shared", [False, True], ids=["separate", "shared"])
def test_each_half_is_initialised_as_a_reduction_of_its_own(shared: bool) -> None:
    torch.manual_seed(0)
    weight = ClinicalAttention(256, shared=shared).reduce.weight.detach()
    halves = torch.split(weight, 128)
    assert len(halves) == (1 if shared else 2)
    for half in halves:
        # fan out of a 1x1 convolution to C/2 channels is C/2; 32768 draws give the deviation to 0.4 % (one sigma)
        assert float(half.std()) == pytest.approx(math.sqrt(2 / 128), rel=0.02)
        assert float(half.mean()) == pytest.approx(0, abs=0.003)


@pytest.mark.parametrize(
    ("channels", "spatial_dims", "said"), [(7, 2, "7 is odd"), (8, 1, "2 or 3 spatial axes, not 1")]
)
def test_what_does_not_fit_is_refused(channels: int, spatial_dims: int, said: str) -> None:
    with pytest.raises(FusekitError, match=said):
        ClinicalAttention(channels, spatial_dims)


def test_weights_keep_their_names_and_shapes() -> None:
    shapes = {name: tuple(value.shape) for name, value in ClinicalAttention(8).state_dict().items()}
    assert shapes["reduce.weight"] == (8, 8, 1, 1)
    assert shapes["norm.weight"] == (8,)
    assert "reduce.bias" not in shapes
    assert ClinicalAttention(8, 3).reduce.weight.shape == (8, 8, 1, 1, 1)
    assert ClinicalAttention(8, shared=True).reduce.weight.shape == (4, 8, 1, 1)


def test_a_copy_owns_its_weights() -> None:
    ours = pair(2)[0].eval()
    features, condition, _ = inputs(2)
    twin = copy.deepcopy(ours)
    torch.nn.init.zeros_(ours.norm.bias)
    with torch.no_grad():
        assert not torch.equal(twin(features, condition), ours(features, condition))
