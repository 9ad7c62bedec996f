"""HookedBackbone: what a pass injects is that pass's alone, however the network is run."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy, deepcopy
from functools import partial
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn.parallel import replicate
from torch.utils.checkpoint import checkpoint

from fusekit.errors import OptionError
from fusekit.models import FusionModel, TimmBackbone, build
from fusekit.models.backbones.hooked import HookedBackbone
from fusekit.models.backbones.torchvision import VideoBackbone

FLAT, DEEP = (1, 32, 32), (1, 2, 8, 8)


def flat(sites: Any = "branch") -> HookedBackbone:
    torch.manual_seed(0)
    return TimmBackbone("test_resnet", 1, sites=sites).eval()


def deep(sites: Any = "branch") -> HookedBackbone:
    torch.manual_seed(0)
    return VideoBackbone("mc3_18", 1, sites=sites).eval()


def model_of(fusion: str = "rbca", backbone: str = "test_resnet") -> FusionModel:
    torch.manual_seed(0)
    return build(fusion, backbone=backbone, columns=3, classes=2).eval()


def scale(by: float, site: int, features: Tensor) -> Tensor:
    return by * features


BOTH = pytest.mark.parametrize(("make", "size"), [(flat, FLAT), (deep, DEEP)])


@pytest.mark.parametrize(("backbone", "size", "calls"), [("test_resnet", FLAT, 40), ("mc3_18", DEEP, 8)])
def test_threads_on_one_model_get_their_own_patients(backbone: str, size: tuple[int, ...], calls: int) -> None:
    model = model_of(backbone=backbone)
    patients = [(torch.randn(1, *size), torch.randn(1, 3)) for _ in range(6)]
    start = threading.Barrier(len(patients))

    def ask(number: int) -> list[Tensor]:
        start.wait()
        with torch.no_grad():
            return [model(*patients[number]) for _ in range(calls)]

    with torch.no_grad():
        expected = [model(*patient) for patient in patients]
    with ThreadPoolExecutor(len(patients)) as pool:
        answers = list(pool.map(ask, range(len(patients))))
    for right, own in zip(expected, answers, strict=True):
        assert all(torch.equal(right, answer) for answer in own)


@BOTH
def test_a_pass_waits_inside_a_site_while_another_thread_runs(make: Callable[[], Any], size: tuple[int, ...]) -> None:
    backbone, image = make(), torch.randn(1, *size)
    expected = {by: backbone(image, partial(scale, by)).vector for by in (2.0, 0.5)}
    raw, inside, done = backbone(image).vector, threading.Event(), threading.Event()

    def slow(site: int, features: Tensor) -> Tensor:
        inside.set()
        assert done.wait(60)
        return 2.0 * features

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(backbone, image, slow)
        assert inside.wait(60)
        assert torch.equal(backbone(image).vector, raw)
        assert torch.equal(backbone(image, partial(scale, 0.5)).vector, expected[0.5])
        done.set()
        assert torch.equal(waiting.result().vector, expected[2.0])


@BOTH
def test_a_model_inside_a_model_and_the_bare_network_do_not_meet(
    make: Callable[[], Any], size: tuple[int, ...]
) -> None:
    outer, inner, image = make(), deepcopy(make()), torch.randn(1, *size)
    expected = outer(image, partial(scale, 2.0)).vector
    raw, halved = inner(image).vector, inner(image, partial(scale, 0.5)).vector
    asked: list[Tensor] = []

    def inject(site: int, features: Tensor) -> Tensor:
        for backbone in (outer, inner) if site < 2 else ():  # of the same weights
            asked.extend((backbone(image, partial(scale, 0.5)).vector, backbone(image).vector))
            asked.append(backbone.pool(backbone.net, backbone.features(backbone.net, image)))
        return 2.0 * features

    assert torch.equal(outer(image, inject).vector, expected)
    for found, right in zip(asked, [halved, raw, raw] * (len(asked) // 3), strict=True):
        assert torch.equal(found, right)


def test_the_network_itself_still_gives_timm_s_own_output() -> None:
    backbone, image = flat(), torch.randn(2, *FLAT)
    net: Any = timm.create_model("test_resnet", in_chans=1, num_classes=0).eval()
    net.load_state_dict(backbone.net.state_dict())
    backbone(image, partial(scale, 3.0))
    assert torch.equal(backbone.net(image), net(image))
    again = TimmBackbone.around(backbone.net, 1, sites="block").eval()  # a second backbone on the same network
    assert not torch.equal(again(image, partial(scale, 3.0)).vector, again(image).vector)
    assert torch.equal(backbone.net(image), net(image))


@BOTH
def test_nothing_of_a_pass_is_left_behind_even_if_it_fails(make: Callable[[], Any], size: tuple[int, ...]) -> None:
    backbone, image = make(), torch.randn(1, *size)
    before = backbone(image).vector

    def fail(site: int, features: Tensor) -> Tensor:
        raise RuntimeError("no")

    def survive(site: int, features: Tensor) -> Tensor:
        with pytest.raises(RuntimeError, match="no"):
            backbone(image, fail)
        return 2.0 * features

    doubled = backbone(image, partial(scale, 2.0)).vector
    with pytest.raises(RuntimeError, match="no"):
        backbone(image, fail)
    assert torch.equal(backbone(image).vector, before)
    assert torch.equal(backbone(image, survive).vector, doubled)


@BOTH
def test_copies_own_their_hooks(make: Callable[[], Any], size: tuple[int, ...]) -> None:
    backbone = make()
    other, image = deepcopy(backbone), torch.randn(1, *size)
    with torch.no_grad():
        raw, doubled = backbone(image).vector, backbone(image, partial(scale, 2.0)).vector
        assert not torch.equal(raw, doubled)
        assert torch.equal(other(image, partial(scale, 2.0)).vector, doubled)
        next(other.net.parameters()).zero_()
        assert not torch.equal(other(image, partial(scale, 2.0)).vector, doubled)
        assert torch.equal(backbone(image, partial(scale, 2.0)).vector, doubled)


def test_a_module_as_inject_does_not_become_a_part_of_the_network() -> None:
    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.by = nn.Parameter(torch.tensor(2.0))

        def forward(self, site: int, features: Tensor) -> Tensor:
            return self.by * features

    backbone = flat()
    keys = list(backbone.state_dict())
    backbone(torch.randn(2, *FLAT), Scale())
    assert list(backbone.state_dict()) == keys


@pytest.mark.parametrize(("backbone", "size"), [("test_resnet", FLAT), ("mc3_18", DEEP)])
def test_replicas_in_threads_as_data_parallel_makes_them(
    backbone: str, size: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def copies(tensors: list[Tensor], devices: list[int], detach: bool) -> list[list[Tensor]]:
        return [[tensor.detach().clone() for tensor in tensors] for _ in devices]  # to GPUs, there

    monkeypatch.setattr(sys.modules["torch.nn.parallel.replicate"], "_broadcast_coalesced_reshape", copies)
    model = model_of(backbone=backbone)
    shares = [(torch.randn(2, *size), torch.randn(2, 3)) for _ in range(3)]
    with torch.no_grad():
        expected = [model(*share) for share in shares]
        replicas = [copy(model), *replicate(model, [0, 1], detach=True)]

    def run(share: tuple[Tensor, Tensor], network: nn.Module) -> list[Tensor]:
        with torch.no_grad():
            return [network(*share) for _ in range(6)]

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(run, shares, replicas))
    for right, own in zip(expected, answers, strict=True):
        assert all(torch.equal(right, answer) for answer in own)


def gradients(model: FusionModel, run: Callable[..., Tensor], image: Tensor, columns: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    torch.autograd.backward(run(image, columns).square().sum())
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("fusion", ["rbca", "rbca-light", "concat"])
def test_a_checkpointed_model_has_the_same_gradients(fusion: str, reentrant: bool) -> None:
    model = model_of(fusion).double()
    image = torch.randn(2, *FLAT, dtype=torch.double, requires_grad=True)
    columns = torch.randn(2, 3, dtype=torch.double)
    right = gradients(model, model, image, columns)
    found = gradients(model, partial(checkpoint, model, use_reentrant=reentrant), image, columns)
    assert found.keys() == right.keys()
    assert all(torch.allclose(right[name], found[name], rtol=1e-10, atol=1e-12) for name in right)


class Checkpointed(nn.Module):
    """A block that is run again during backward."""

    def __init__(self, block: nn.Module, reentrant: bool):
        super().__init__()
        self.block, self.reentrant = block, reentrant

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = checkpoint(self.block, features, use_reentrant=self.reentrant)
        return result


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("make", [flat, deep])
def test_a_checkpointed_block_is_refused_where_something_is_injected_into_it(
    make: Callable[[], Any], reentrant: bool
) -> None:
    backbone = make()
    image = torch.randn(2, *(FLAT if make is flat else DEEP), requires_grad=True)
    right = {by: torch.autograd.grad(run(backbone, by, image).vector.sum(), image)[0] for by in (1.0, 2.0)}
    backbone.net.layer2[0] = Checkpointed(backbone.net.layer2[0], reentrant)
    with pytest.raises(OptionError, match="checkpointed: it would run again during backward"):
        run(backbone, 2.0, image)
    with torch.no_grad():  # no backward, nothing to run again
        run(backbone, 2.0, image)
    for call in (backbone, lambda given: backbone.pool(backbone.net, backbone.features(backbone.net, given))):
        image.grad = None
        result = call(image)  # nothing injected: checkpointing is as right as without FuseKit
        getattr(result, "vector", result).sum().backward()
        assert image.grad is not None
        torch.testing.assert_close(image.grad, right[1.0])
    # injected into other blocks only
    first = [number for number, site in enumerate(backbone.sites) if site.stage == 1]
    result = backbone(image, lambda site, features: 2.0 * features if site in first else features).vector
    image.grad = None
    result.sum().backward()
    assert image.grad is not None
    assert not torch.allclose(image.grad, right[1.0])


def run(backbone: HookedBackbone, by: float, image: Tensor) -> Any:
    return backbone(image, None if by == 1.0 else partial(scale, by))


def net_of(model: FusionModel) -> Any:
    assert isinstance(model.backbone, HookedBackbone)
    return model.backbone.net


def test_timm_s_own_checkpointing_is_refused_with_an_injector_and_right_without() -> None:
    image, columns = torch.randn(2, *FLAT, requires_grad=True), torch.randn(2, 3)
    plain, injected = model_of("concat"), model_of("rbca")
    right = gradients(plain, plain, image, columns)
    for model in (plain, injected):
        net_of(model).set_grad_checkpointing(True)
        model.train()  # timm checkpoints where it trains; the norms' statistics are not compared
    plain.eval()
    found = gradients(plain, plain, image, columns)
    assert all(torch.allclose(right[name], found[name], atol=1e-6) for name in right)
    with pytest.raises(OptionError, match=r"net\.set_grad_checkpointing\(False\)"):
        injected(image, columns)
    injected.eval()
    net_of(injected).set_grad_checkpointing(False)
    injected(image, columns).sum().backward()


def test_what_watches_the_whole_model_is_no_checkpoint() -> None:
    model, image, columns = model_of(), torch.randn(2, *FLAT), torch.randn(2, 3)
    right = gradients(model, model, image, columns)
    with torch.autograd.graph.save_on_cpu():
        found = gradients(model, model, image, columns)
    assert all(torch.equal(right[name], found[name]) for name in right)


@pytest.mark.filterwarnings("ignore:While compiling, we found certain side effects")  # which are undone again
@BOTH
def test_one_graph_for_compile_and_export(make: Callable[[], Any], size: tuple[int, ...]) -> None:
    model = model_of(backbone="test_resnet" if make is flat else "mc3_18")
    image, columns = torch.randn(2, *size), torch.randn(2, 3)
    with torch.no_grad():
        expected = model(image, columns)
        compiled: Any = torch.compile(model, fullgraph=True, backend="eager")
        exported = [torch.export.export(model, (image, columns), strict=strict).module() for strict in (False, True)]
        for run in (compiled, *exported):
            torch.testing.assert_close(run(image, columns), expected)
            other = torch.randn(2, 3)
            torch.testing.assert_close(run(image, other), model(image, other))
