"""The fused step against plain operations: gradients of every order, statistics, dtypes, and where it steps aside."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import functional_call, grad, vmap

from fusekit_rbca import ClinicalAttention
from tests.plugins.fusekit_rbca.literal import scramble

CHANNELS = 4
MODES = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])


def attention(*, shared: bool = False, spatial_dims: int = 2, channels: int = CHANNELS) -> ClinicalAttention:
    torch.manual_seed(0)
    made = ClinicalAttention(channels, spatial_dims, shared=shared).double()
    scramble(made, 1)
    return made


def inputs(*spatial: int, channels: int = CHANNELS, batch: int = 3) -> tuple[Tensor, Tensor]:
    """Features, channels last, and a condition of either sign."""
    draw = torch.Generator().manual_seed(2)
    features = torch.randn(batch, channels, *spatial, generator=draw, dtype=torch.float64)
    layout = torch.channels_last if len(spatial) == 2 else torch.channels_last_3d
    condition = torch.randn(batch, channels // 2, generator=draw, dtype=torch.float64)
    return features.to(memory_format=layout).requires_grad_(), condition.requires_grad_()


def plain(module: ClinicalAttention) -> ClinicalAttention:
    """A copy that a hook keeps from being fused."""
    twin = copy.deepcopy(module)
    twin.norm.register_forward_hook(lambda *_: None)
    twin.reduce.register_forward_hook(lambda *_: None)
    return twin


def saved(run: Callable[[], object]) -> list[Tensor]:
    """What autograd keeps, every storage once."""
    kept: dict[int, Tensor] = {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: kept.setdefault(tensor.untyped_storage().data_ptr(), tensor), lambda tensor: tensor
    ):
        run()
    return list(kept.values())


@pytest.mark.parametrize(
    ("spatial", "training", "shared"),
    [((2, 1), True, False), ((2, 1), True, True), ((2, 1), False, False), ((1, 2, 1), True, False)],
    ids=["train", "train-shared", "eval", "train-3d"],
)
def test_first_and_second_derivatives_are_those_of_differences(
    spatial: tuple[int, ...], training: bool, shared: bool
) -> None:
    module = attention(shared=shared, spatial_dims=len(spatial)).train(training)
    names = list(dict(module.named_parameters()))

    def call(features: Tensor, condition: Tensor, *weights: Tensor) -> Tensor:
        out = functional_call(module, dict(zip(names, weights, strict=True)), (features, condition))
        assert isinstance(out, Tensor)
        return out

    given = (*inputs(*spatial), *module.parameters())
    assert "NormReluAttend" in type(call(*given).grad_fn).__name__
    assert torch.autograd.gradcheck(call, given, fast_mode=True)
    assert torch.autograd.gradgradcheck(call, given, fast_mode=True)


@MODES
@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (3,), (0, 1, 3, 4)], ids=str)
def test_gradients_of_only_some_are_the_plain_ones(wanted: tuple[int, ...], training: bool) -> None:
    module = attention().train(training)
    results = []
    for each in (module, plain(module)):
        everything = (*(tensor.detach() for tensor in inputs(3, 2)), *each.parameters())
        for i, tensor in enumerate(everything):
            tensor.requires_grad_(i in wanted)
        each(*everything[:2]).pow(3).sum().backward()
        results.append([tensor.grad for tensor in everything])
    for i, (mine, theirs) in enumerate(zip(*results, strict=True)):
        assert (mine is not None) == (i in wanted)
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "options",
    [{"momentum": None}, {"affine": False}, {"track_running_stats": False}, {"momentum": 0.3, "eps": 0.1}],
    ids=str,
)
@MODES
def test_every_option_of_the_norm_counts(options: dict[str, Any], training: bool) -> None:
    module = attention().train(training)
    module.norm = nn.BatchNorm2d(CHANNELS, **options, dtype=torch.float64).train(training)
    twin = plain(module)
    features, condition = inputs(3, 2)
    for scale in (1.0, 2.0):  # two batches: a cumulative average needs them
        for out, theirs in zip(
            gradients(module, features * scale, condition), gradients(twin, features * scale, condition), strict=True
        ):
            torch.testing.assert_close(out, theirs, rtol=1e-10, atol=1e-12)
    for name, value in twin.state_dict().items():
        torch.testing.assert_close(module.state_dict()[name], value)
    with torch.no_grad():
        torch.testing.assert_close(module.eval()(features, condition), twin.eval()(features, condition))


def gradients(module: Callable[..., Any], features: Tensor, condition: Tensor) -> list[Tensor]:
    """The result and the gradients of a function of it."""
    out = module(features, condition)
    return [out.detach(), *torch.autograd.grad(out.pow(3).sum(), (features, condition))]


def test_two_maps_are_kept_beside_the_input() -> None:
    module = attention()
    features, condition = inputs(5, 5)
    maps = [tensor for tensor in saved(lambda: module(features, condition)) if tensor.numel() == features.numel()]
    assert len(maps) == 3  # the input, its reduction, and the result, which the next convolution keeps anyway
    twin = plain(module)
    assert len([t for t in saved(lambda: twin(features, condition)) if t.numel() == features.numel()]) == 3
    following = nn.Conv2d(CHANNELS, 2, 1).double()
    kept = [saved(lambda m=each: following(m(features, condition))) for each in (module, twin)]  # type: ignore[misc]
    assert [sum(t.numel() == features.numel() for t in tensors) for tensors in kept] == [3, 4]


def test_a_gate_that_is_shut_has_finite_gradients() -> None:
    module = attention()
    features, condition = inputs(3, 3)
    shut = torch.full_like(condition, -1e6).requires_grad_()
    out, *found = gradients(module, features, shut)
    assert not out[:, : CHANNELS // 2].any()
    for mine, theirs in zip(found, gradients(plain(module), features, shut)[1:], strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@MODES
def test_mixed_precision_gives_the_plain_operations_result(dtype: torch.dtype, training: bool) -> None:
    module = attention(channels=8).float().train(training)
    features, condition = (tensor.detach().float().requires_grad_() for tensor in inputs(6, 6, channels=8))
    results = []
    for each in (module, plain(module)):
        with torch.autocast("cpu", dtype):
            out = each(features, condition)
        assert out.dtype == dtype
        loss = out.float().square().mean()
        results.append([out.float(), *torch.autograd.grad(loss, (features, condition, *each.parameters()))])
    exact = plain(module).double()
    truth = exact(features.double(), condition.double())
    truths = [truth.detach(), *torch.autograd.grad(truth.square().mean(), (features, condition, *exact.parameters()))]
    for mine, theirs, true in zip(*results, truths, strict=True):
        scale = float(true.abs().max())
        torch.testing.assert_close(mine.double(), true.double(), rtol=0, atol=0.03 * scale)
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0.03 * scale)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")  # torch's own, of batch norm
@MODES
def test_forward_mode_agrees_with_backward(training: bool) -> None:
    module = attention().train(training)
    features, condition = inputs(3, 2)
    tangents = [torch.randn_like(features), torch.randn_like(condition)]
    above = torch.randn_like(features)
    out = module(features, condition)
    backward = torch.autograd.grad(out, (features, condition), above)
    ad: Any = forward_ad  # untyped
    with ad.dual_level():
        pair = [ad.make_dual(x, t) for x, t in zip((features, condition), tangents, strict=True)]
        forward = ad.unpack_dual(module(*pair)).tangent
    expected = sum(float((g * t).sum()) for g, t in zip(backward, tangents, strict=True))
    assert float((forward.detach() * above).sum()) == pytest.approx(expected, rel=1e-10)


def test_gradients_of_each_sample_by_torch_func() -> None:
    module = attention().eval()
    features, condition = (tensor.detach() for tensor in inputs(3, 2))
    weights: dict[str, Tensor] = dict(module.named_parameters())

    def loss(weights: dict[str, Tensor], one: Tensor, t: Tensor) -> Tensor:
        out = functional_call(module, weights, (one[None], t[None]))
        return torch.as_tensor(out).pow(3).sum()

    together = vmap(grad(loss), (None, 0, 0))(weights, features, condition)
    for i in range(len(features)):
        alone = torch.autograd.grad(loss(weights, features[i], condition[i]), list(weights.values()))
        for name, gradient in zip(weights, alone, strict=True):
            torch.testing.assert_close(together[name][i], gradient)
    with torch.no_grad():  # several conditions for one image
        many = vmap(module, (None, 0))(features[:1], condition[:, None])
        torch.testing.assert_close(many[1], module(features[:1], condition[1:2]))


def test_one_graph_under_compile() -> None:
    module = attention()
    features, condition = inputs(3, 2)
    compiled = torch.compile(copy.deepcopy(module), backend="eager", fullgraph=True)
    for mine, theirs in zip(
        gradients(compiled, features, condition), gradients(module, features, condition), strict=True
    ):
        torch.testing.assert_close(mine, theirs)


@MODES
def test_hooks_of_norm_and_convolution_are_called(training: bool) -> None:
    module = attention().train(training)
    called: list[nn.Module] = []
    for part in (module.norm, module.reduce):
        part.register_forward_hook(lambda part, *_: called.append(part))
    with torch.no_grad():
        module(*inputs(3, 2))
    assert called == [module.reduce, module.norm]


def test_synchronised_norms_take_the_place_of_plain_ones() -> None:
    module = attention().eval()
    given = inputs(3, 2)
    before = gradients(module, *given)
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
    assert isinstance(converted.norm, nn.SyncBatchNorm)
    assert converted.state_dict().keys() == module.state_dict().keys()
    for mine, theirs in zip(gradients(converted, *given), before, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_one_value_a_channel_is_refused_in_training() -> None:
    features, condition = inputs(1, 1, batch=1)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        attention()(features, condition)


def test_a_changed_result_is_noticed() -> None:
    out = attention()(*inputs(3, 2))
    out.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_a_condition_of_another_width_is_refused() -> None:
    features, _ = inputs(3, 2)
    for training in (True, False):
        with pytest.raises(RuntimeError, match="must match"):
            attention().train(training)(features, features.new_zeros(3, CHANNELS))


def test_copies_and_pickles_compute_the_same() -> None:
    module = attention()
    given = inputs(3, 2)
    expected = gradients(copy.deepcopy(module), *given)
    for mine, theirs in zip(gradients(pickle.loads(pickle.dumps(module)), *given), expected, strict=True):
        assert torch.equal(mine, theirs)
