"""One graph for full batches, none for others; and what is said where nothing can be compiled."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounterWithBackend

from fusekit.errors import FusekitError, OptionError
from fusekit.models import build
from fusekit.training.step import compiled as module
from fusekit.training.step.compiled import Compiled, compile_errors, require_compiler


@pytest.fixture(autouse=True)
def _forget_graphs() -> None:
    torch.compiler.reset()


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 2, 3)
        self.norm = nn.BatchNorm2d(2)

    def forward(self, image: Tensor, columns: Tensor) -> Tensor:
        features: Tensor = self.norm(self.convolution(image)).relu().mean(dim=(2, 3))
        return features + columns


def test_full_batches_are_one_graph_and_others_need_none(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = CompileCounterWithBackend("aot_eager")  # the backward graph too; no compiler is needed
    monkeypatch.setattr(module, "BACKEND", counter)
    torch.manual_seed(0)
    model = Small().train()
    names = list(model.state_dict())
    plain = copy.deepcopy(model)
    network = Compiled(model, 6)
    for size in (6, 6, 4, 6, 3, 5):
        image, columns = torch.randn(size, 1, 6, 6), torch.randn(size, 2)
        logits = network(image, columns)
        torch.testing.assert_close(logits, plain(image, columns), rtol=1e-4, atol=1e-5)
        torch.autograd.backward(logits.sum())
    assert counter.frame_count == 1
    assert list(model.state_dict()) == names  # none begins with _orig_mod
    torch.testing.assert_close(model.norm.running_mean, plain.norm.running_mean)


def test_a_fusion_inside_a_network_is_one_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = CompileCounterWithBackend("eager")
    monkeypatch.setattr(module, "BACKEND", counter)
    network = Compiled(build("rbca", backbone="test_resnet", columns=5, classes=2).train(), 4)
    for _ in range(2):
        network(torch.randn(4, 1, 32, 32), torch.randn(4, 5))
    assert counter.frame_count == 1


class Talkative(nn.Module):
    def forward(self, image: Tensor, columns: Tensor) -> Tensor:
        torch._dynamo.graph_break()
        return image


def test_a_network_that_is_not_one_graph_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKEND", "eager")
    network = Compiled(Talkative(), 2)

    @compile_errors()
    def call() -> None:
        network(torch.ones(2, 1), torch.ones(2, 1))

    with pytest.raises(FusekitError, match=r"cannot compile this network: .*Leave training\.compile out"):
        call()


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(ZeroDivisionError), compile_errors():
        raise ZeroDivisionError


def test_without_a_compiler_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(OptionError, match=r"needs a C\+\+ compiler, and none was found\. Install g\+\+"):
        Compiled(nn.Linear(1, 1), 2)
    with pytest.raises(OptionError, match="needs a C"):
        require_compiler()
