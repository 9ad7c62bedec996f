"""What every part owes, and the sentence of each debt."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from fusekit.models.probe import shaken
from fusekit.testing.modules import BATCH, check_module, random_inputs


class Linear(nn.Module):
    """A good part; what follows breaks one thing each."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.layer(x)
        return result


class Unused(Linear):
    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Parameter(torch.ones(3))


class Detached(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).detach()


class Infinite(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) / 0 if self.training else super().forward(x)


class SteepRoot(Linear):
    """The root has no slope at 0; its value has nothing to complain about."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.sqrt(self.layer.weight.sum() * 0)


class Random(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.rand(())


class Neighbourly(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(dim=0))


class Closure(nn.Module):
    """A deep copy gets its own layer and still calls the original's."""

    def __init__(self) -> None:
        super().__init__()
        layer = self.layer = nn.Linear(4, 3)
        self.compute: Callable[[Tensor], Tensor] = lambda x: layer(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.compute(x)


class Shares(Linear):
    """A deep copy's layer writes to what the original reads."""

    def __deepcopy__(self, memo: dict[int, object]) -> Shares:
        twin = Shares()
        twin.layer = self.layer
        return twin


class Hidden(Linear):
    """Learns something that is neither parameter nor buffer."""

    def forward(self, x: Tensor) -> Tensor:
        self.seen = getattr(self, "seen", float(self.layer.bias.detach().sum()))
        return super().forward(x) + self.seen


class SinglePrecision(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) @ torch.eye(3)


class Rounding(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).float()


class LeftBehind(Linear):
    """Its scale is a plain attribute, which ``to(device)`` does not move."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.ones(3)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.scale


class Returning(Linear):
    def forward(self, x: Tensor) -> Tensor:
        result = super().forward(x)
        return torch.zeros(result.shape, dtype=x.dtype) if result.is_meta else result


class Strict(Linear):
    """Takes its own precision alone."""

    def forward(self, x: Tensor) -> Tensor:
        result = super().forward(x)
        if result.dtype == torch.bfloat16:
            raise RuntimeError("expected float")
        return result


class Keeping(nn.Module):
    """Lays its input on itself, where a second call overwrites it before it is read again."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.given = torch.zeros(0)

    def forward(self, x: Tensor) -> Tensor:
        self.given = x
        result: Tensor = self.layer(x) + self.given
        return result


class ByKind(Linear):
    """Decides by the numbers in its batch, where there are numbers."""

    def forward(self, x: Tensor) -> Tensor:
        result = super().forward(x)
        shown = result.is_meta or bool((x < 100).all())
        return result if shown else 2 * result


def check(module: nn.Module) -> None:
    check_module(module, random_inputs((4,)), lambda part, given: (part(*given),))


def test_a_good_part_passes_and_is_left_as_it_was() -> None:
    module = nn.Sequential(Linear(), nn.BatchNorm1d(3), nn.Dropout(0.5)).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    check(module)
    assert module.training
    assert all(parameter.grad is None for parameter in module.parameters())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Unused, "no gradient reaches 'spare'"),
        (Detached, r"no gradient reaches 'layer\.weight'"),
        (Infinite, "the result of ordinary numbers is not finite"),
        (SteepRoot, r"the gradient of 'layer\.weight' is not finite"),
        (Random, "the same batch gives another result the second time"),
        (Neighbourly, "a sample's result depends on the others in its batch"),
        (Closure, "changing a deep copy's weights changes nothing"),
        (Shares, "changing a deep copy's weights changes the original"),
        (Hidden, r"loading state_dict\(\) does not bring the result back"),
        (SinglePrecision, "it does not run in float64"),
        (Rounding, r"in float64, the result is torch\.float32"),
        (LeftBehind, "it does not run on another device"),
        (Returning, "moved to another device, its result is on cpu"),
        (Strict, "it does not run in mixed precision, --precision bf16-mixed"),
        (Keeping, "a call feels another one that runs meanwhile in a second thread"),
        (ByKind, "torch.export cannot trace it"),
    ],
)
def test_a_broken_part_is_told_what_it_breaks(broken: type[nn.Module], said: str) -> None:
    torch.manual_seed(0)
    with pytest.raises(AssertionError, match=said):
        check(broken())


def test_inputs_are_the_same_every_time() -> None:
    first, second = random_inputs((4,), (2, 3)), random_inputs((4,), (2, 3))
    assert [value.shape for value in first] == [(BATCH, 4), (BATCH, 2, 3)]
    assert all(map(torch.equal, first, second))


def test_shaking_moves_every_weight_of_a_copy() -> None:
    module = nn.Linear(4, 3)
    nn.init.zeros_(module.weight)
    moved = shaken(module)
    assert not bool(module.weight.any())
    assert bool(moved.get_parameter("weight").all())
