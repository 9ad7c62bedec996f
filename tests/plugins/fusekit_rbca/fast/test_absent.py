"""Attention on samples of which some have no table, against ``torch.where`` over its result for all."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

import fusekit
from fusekit.models import weights_channels_last
from fusekit_rbca import ClinicalAttention, RBCAInjector
from tests.plugins.fusekit_rbca.fast.test_fused import attention, inputs, plain, saved

PRESENT = [
    pytest.param((True, False, True, False), id="some"),
    pytest.param((True,) * 4, id="all"),
    pytest.param((False,) * 4, id="none"),
]
SHARED = pytest.mark.parametrize("shared", [False, True], ids=["separate", "shared"])
MODES = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
Call = Callable[[Tensor, Tensor], Tensor]


def where(module: Call, present: Tensor) -> Call:
    """What is to come out: the attention of all, and the features as they are where the table is absent."""

    def call(features: Tensor, condition: Tensor) -> Tensor:
        there = present.reshape(-1, *[1] * (features.ndim - 1))
        return torch.where(there, module(features, condition), features)

    return call


def gradients(call: Call, given: tuple[Tensor, ...], weights: list[nn.Parameter]) -> list[Tensor]:
    out = call(*given)
    return [out.detach(), *torch.autograd.grad(out.pow(3).sum(), (*given, *weights))]


@pytest.mark.parametrize("shape", [(3, 2), (2, 3, 2)], ids=["2d", "3d"])
@pytest.mark.parametrize("said", PRESENT)
@SHARED
@MODES
def test_results_gradients_and_statistics_are_those_of_where(
    training: bool, shared: bool, said: tuple[bool, ...], shape: tuple[int, ...]
) -> None:
    module = attention(shared=shared, spatial_dims=len(shape)).train(training)
    twin, present = plain(module), torch.tensor(said)
    given = inputs(*shape, batch=4)
    out = module(*given, present)
    assert "NormReluAttend" in type(out.grad_fn).__name__  # nothing is put back after it
    module.load_state_dict(twin.state_dict())
    mine = gradients(lambda x, t: module(x, t, present), given, list(module.parameters()))
    theirs = gradients(where(twin, present), given, list(twin.parameters()))
    for found, expected in zip(mine, theirs, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    assert torch.equal(mine[0][~present], given[0][~present])
    for name, value in twin.state_dict().items():
        torch.testing.assert_close(module.state_dict()[name], value)


@pytest.mark.parametrize("shape", [(2, 1), (1, 2, 1)], ids=["2d", "3d"])
@SHARED
@MODES
def test_first_and_second_derivatives_are_those_of_differences(
    training: bool, shared: bool, shape: tuple[int, ...]
) -> None:
    module = attention(shared=shared, spatial_dims=len(shape)).train(training)
    names, present = list(dict(module.named_parameters())), torch.tensor([True, False, True])

    def call(features: Tensor, condition: Tensor, *weights: Tensor) -> Tensor:
        own = dict(zip(names, weights, strict=True))
        return torch.as_tensor(functional_call(module, own, (features, condition, present)))

    given = (*inputs(*shape), *module.parameters())
    assert "NormReluAttend" in type(call(*given).grad_fn).__name__
    assert torch.autograd.gradcheck(call, given, fast_mode=True)
    assert torch.autograd.gradgradcheck(call, given, fast_mode=True)


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (3,), (1, 2, 4)], ids=str)
@MODES
def test_gradients_of_only_some_are_those_of_where(training: bool, wanted: tuple[int, ...]) -> None:
    module, present = attention().train(training), torch.tensor([False, True, True])
    twin = plain(module)
    results = []
    for call, owner in ((lambda x, t: module(x, t, present), module), (where(twin, present), twin)):
        everything = (*(tensor.detach() for tensor in inputs(3, 2)), *owner.parameters())
        for i, tensor in enumerate(everything):
            tensor.requires_grad_(i in wanted)
        call(*everything[:2]).pow(3).sum().backward()
        results.append([tensor.grad for tensor in everything])
    for i, (mine, theirs) in enumerate(zip(*results, strict=True)):
        assert (mine is not None) == (i in wanted)
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


@SHARED
@MODES
def test_mixed_precision_gives_what_where_gives(training: bool, shared: bool) -> None:
    """To the last figure: the same products of the same numbers, whatever type the features come in."""
    module, present = attention(channels=8, shared=shared).float().train(training), torch.tensor([True, False, True])
    for kind in (torch.bfloat16, torch.float32):
        given = tuple(tensor.detach().to(kind).requires_grad_() for tensor in inputs(6, 6, channels=8))
        results = []
        for call in (lambda x, t: module(x, t, present), where(module, present)):
            with torch.autocast("cpu", torch.bfloat16):
                out = call(*given)
            results.append([out, *torch.autograd.grad(out.float().square().mean(), (*given, *module.parameters()))])
        for mine, theirs in zip(*results, strict=True):
            assert mine.dtype == theirs.dtype
            assert torch.equal(mine, theirs)


def unfused(kind: str) -> tuple[ClinicalAttention, tuple[Tensor, Tensor]]:
    """An attention and inputs for which plain operations run."""
    module, given = attention(), inputs(3, 2)
    if kind == "hooks":
        return plain(module), given
    if kind == "channels-first":
        return module, (given[0].detach().contiguous().requires_grad_(), given[1])
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(module.eval())  # type: ignore[no-untyped-call]
    return converted, given


@pytest.mark.parametrize("kind", ["hooks", "channels-first", "synchronised"])
def test_what_is_not_fused_is_the_same(kind: str) -> None:
    module, given = unfused(kind)
    present = torch.tensor([True, False, True])
    found = module(*given, present)
    assert "Where" in type(found.grad_fn).__name__
    weights = list(module.parameters())
    mine = gradients(lambda x, t: module(x, t, present), given, weights)
    for one, expected in zip(mine, gradients(where(module, present), given, weights), strict=True):
        assert torch.equal(one, expected)


@SHARED
def test_inference_writes_features_back_and_leaves_its_input_alone(shared: bool) -> None:
    module, present = attention(shared=shared).eval(), torch.tensor([False, True, False])
    features, condition = inputs(3, 2)
    for layout in (torch.channels_last, torch.contiguous_format):
        given = features.detach().to(memory_format=layout)
        before = given.clone()
        with torch.inference_mode():
            found, expected = module(given, condition, present), where(module, present)(given, condition)
        assert torch.equal(found, expected)
        assert torch.equal(given, before)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):  # of another type than the features
        assert torch.equal(module.float()(given.float(), condition, present)[0], given[0].float())


@pytest.mark.parametrize("differentiated", [True, False])
def test_compiled_and_exported_it_takes_any_presence(differentiated: bool) -> None:
    module, given = attention().eval(), inputs(3, 2)
    first = torch.tensor([True, False, True])
    with torch.set_grad_enabled(differentiated):
        compiled = torch.compile(copy.deepcopy(module), backend="eager", fullgraph=True)
        program = torch.export.export(module, (*given, first)).module()
        for present in (first, ~first, torch.ones_like(first)):
            expected = where(module, present)(*given)
            torch.testing.assert_close(compiled(*given, present), expected)
            torch.testing.assert_close(program(*given, present), expected)


def test_no_map_more_is_kept() -> None:
    module, (features, condition) = attention(), inputs(5, 5)
    kept = saved(lambda: module(features, condition, torch.tensor([True, False, True])))
    assert len([tensor for tensor in kept if tensor.numel() == features.numel()]) == 3


def test_a_network_trains_as_with_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """One step of a whole model, against the same whose injector has nothing at rest, in float64."""
    present = torch.tensor([[True, True], [True, False], [False, True], [True, False]])
    found = []
    for resting in (True, False):
        torch.manual_seed(0)
        model = fusekit.build("rbca", backbone="resnet10t", columns=5, classes=2, absent=("image", "table")).double()
        weights_channels_last(model)
        image, columns = torch.randn(4, 1, 32, 32).double(), torch.randn(4, 5).double()
        if not resting:
            monkeypatch.setattr(RBCAInjector, "at_rest", lambda *_: None)
        out = model(image.to(memory_format=torch.channels_last), columns, present)
        out.pow(3).sum().backward()
        found.append({"out": out.detach(), **{name: p.grad for name, p in model.named_parameters()}})
    for name, expected in found[1].items():
        torch.testing.assert_close(found[0][name], expected, rtol=1e-8, atol=1e-11, msg=name)
