"""Accumulation, clipping and states, against the same written by hand."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from fusekit.errors import OptionError
from fusekit.models import Backbone, MLPEncoder, TimmBackbone, build
from fusekit.training import TrainingOptions
from fusekit.training.machines.fabric import fabric_for
from fusekit.training.step.descent import Descent, schedule_for, weight_groups

#: Samples of an epoch's batches: two groups of two and a last one that is incomplete, with a smaller batch.
SIZES = (3, 3, 3, 3, 2)


def network() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)).double()


def samples() -> list[tuple[Tensor, Tensor]]:
    draw = torch.Generator().manual_seed(2)
    return [(5 * torch.randn(n, 4, generator=draw).double(), torch.arange(n) % 2) for n in SIZES]


def descend(model: nn.Module, epochs: int = 2, **options: Any) -> Descent:
    descent = Descent(
        fabric_for("cpu", "32-true"),
        model,
        TrainingOptions(**options),
        lr=0.01,
        epochs=epochs,
        sizes=SIZES,
    )
    for _ in range(epochs):
        epoch(descent)
    return descent


def epoch(descent: Descent, start: int = 0, stop: int = len(SIZES)) -> None:
    for number, (values, labels) in list(enumerate(samples()))[start:stop]:
        descent.take(cross_entropy(descent.network(values).outputs, labels), number)


def groups(size: int) -> list[tuple[Tensor, Tensor]]:
    """The batches of each group as one."""
    batches = samples()
    parts = [batches[i : i + size] for i in range(0, len(batches), size)]
    return [(torch.cat([x for x, _ in part]), torch.cat([y for _, y in part])) for part in parts]


def gradient_norm(parameters: list[nn.Parameter]) -> Tensor:
    return torch.stack([(p.grad**2).sum() for p in parameters if p.grad is not None]).sum().sqrt()


@pytest.mark.parametrize("accumulate", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("clip", [0.0, 0.05])
def test_accumulated_batches_are_one_large_batch(accumulate: int, clip: float) -> None:
    model = network()
    expected = copy.deepcopy(model)
    descend(model, accumulate=accumulate, clip=clip, weight_decay=0.1)

    optimizer = torch.optim.AdamW(expected.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(2):
        for values, labels in groups(accumulate):
            optimizer.zero_grad()
            torch.autograd.backward(cross_entropy(expected(values), labels))
            norm = gradient_norm(list(expected.parameters()))
            for parameter in expected.parameters():
                if clip and norm > clip and parameter.grad is not None:
                    parameter.grad *= clip / norm
            optimizer.step()
    for mine, theirs in zip(model.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-6)


class TwoParts(nn.Module):
    """A model with an encoder, as a fusion model has."""

    def __init__(self, decay: float | None):
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.head = MLPEncoder(4, width=3, depth=1, weight_decay=decay).double(), nn.Linear(3, 2).double()

    def forward(self, values: Tensor) -> Tensor:
        logits: Tensor = self.head(self.encoder(values))
        return logits


def weight_of(part: nn.Module) -> Tensor:
    return next(part.parameters()).detach()


def test_an_encoder_s_own_weight_decay_is_that_of_its_weights_alone() -> None:
    def moved(decay: float | None, weight_decay: float) -> tuple[Tensor, Tensor]:
        model = TwoParts(decay)
        descend(model, epochs=1, weight_decay=weight_decay, accumulate=5)  # one step
        return weight_of(model.encoder), weight_of(model.head)

    begun = TwoParts(None)
    free, own, all_alike = moved(None, 0.0), moved(3.0, 0.5), moved(None, 0.5)
    for now, before, without, decay in ((own[0], begun.encoder, free[0], 3.0), (own[1], begun.head, free[1], 0.5)):
        decayed = 0.01 * decay * weight_of(before)  # decoupled: learning rate, decay, weight
        torch.testing.assert_close(without - now, decayed)
    torch.testing.assert_close(free[0] - all_alike[0], 0.01 * 0.5 * weight_of(begun.encoder))
    assert len(descend(TwoParts(None), epochs=0).optimizer.param_groups) == 1  # as checkpoints without it hold


def test_clipping_changes_the_weights_where_the_gradient_is_long() -> None:
    models = [network(), network(), network()]
    for model, clip in zip(models, (0.0, 0.05, 1e6), strict=True):
        descend(model, clip=clip)
    free, clipped, wide = (next(model.parameters()) for model in models)
    assert not torch.allclose(free, clipped, atol=1e-4)
    torch.testing.assert_close(free, wide)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_losses_that_were_scaled_up_are_scaled_back_before_clipping(accumulate: int) -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**14)
    precision = MixedPrecision("16-mixed", "cpu", scaler=scaler)
    fabric = Fabric(accelerator="cpu", plugins=[precision, LightningEnvironment()])
    model = network().float()
    descent = Descent(
        fabric,
        model,
        TrainingOptions(clip=0.05, accumulate=accumulate, schedule="cosine"),
        lr=0.01,
        epochs=1,
        sizes=SIZES,
    )
    norms: list[float] = []
    descent.optimizer.optimizer.register_step_pre_hook(
        lambda *_: norms.append(float(gradient_norm(list(model.parameters()))))
    )
    for number, (values, labels) in enumerate(samples()):
        descent.take(cross_entropy(descent.network(values.float()).outputs, labels), number)
    assert norms == pytest.approx([0.05] * -(-len(SIZES) // accumulate), rel=1e-3)


@pytest.mark.parametrize("batch", [0, 2])
def test_a_descent_goes_on_from_its_state(batch: int) -> None:
    options: dict[str, Any] = {"accumulate": 2, "clip": 0.05, "ema": 0.9, "schedule": "cosine", "warmup": 0.5}
    straight = network()
    whole = descend(straight, epochs=4, **options)

    def begin(model: nn.Module) -> Descent:
        return Descent(fabric_for("cpu", "32-true"), model, TrainingOptions(**options), lr=0.01, epochs=4, sizes=SIZES)

    first = network()
    part = begin(first)
    for _ in range(2):
        epoch(part)
    epoch(part, stop=batch)
    second = network()
    second.load_state_dict(first.state_dict())
    rest = begin(second)
    rest.load_state_dict(copy.deepcopy(part.state_dict()))
    assert rest.lr == part.lr  # which the history of an epoch tells, even if no batch of it is left
    epoch(rest, start=batch)
    epoch(rest)
    assert rest.lr == whole.lr
    for mine, theirs in zip(second.parameters(), straight.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    for descent in (rest, whole):
        descent.end()
    for mine, theirs in zip(second.parameters(), straight.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_the_rate_told_is_that_of_the_last_step() -> None:
    descent = descend(network(), epochs=1, warmup=0.4, accumulate=2)  # one step of three
    assert descent.lr == pytest.approx(0.01)
    assert descend(network(), epochs=1, schedule="cosine").lr == pytest.approx(0.01 * 0.0954915, rel=1e-5)


def optimizer(lr: float = 0.1) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def rates(options: TrainingOptions, epochs: int, steps: int) -> list[float]:
    """Rate in force at each step."""
    descent = optimizer()
    schedule = schedule_for(descent, options, epochs, steps)
    assert schedule is not None
    return walk(descent, schedule, epochs * steps)


def walk(descent: torch.optim.Optimizer, schedule: LRScheduler, steps: int) -> list[float]:
    seen = []
    for _ in range(steps):
        seen.append(descent.param_groups[0]["lr"])
        descent.step()
        schedule.step()
    return seen


def test_without_warmup_the_cosine_is_torchs() -> None:
    other = optimizer()
    expected = walk(other, CosineAnnealingLR(other, T_max=12), 12)
    assert rates(TrainingOptions(schedule="cosine"), 3, 4) == pytest.approx(expected, rel=1e-9)


def test_warmup_is_a_line_and_half_a_cosine_follows() -> None:
    found = rates(TrainingOptions(schedule="cosine", warmup=1.5), epochs=4, steps=4)
    line = [0.1 * (t + 1) / 6 for t in range(6)]
    curve = [0.1 * (1 + math.cos(math.pi * (t - 6) / 10)) / 2 for t in range(6, 16)]
    assert found == pytest.approx(line + curve, rel=1e-12)
    assert found[6] == 0.1  # the full rate, once the warm-up is over
    assert 0 < found[-1] < 0.003


def test_one_cycle_rises_over_three_tenths_and_falls_as_a_cosine() -> None:
    found = rates(TrainingOptions(schedule="one-cycle"), epochs=5, steps=4)
    assert found == pytest.approx(rates(TrainingOptions(schedule="cosine", warmup=1.5), epochs=5, steps=4), rel=1e-12)


def test_the_weight_of_a_prior_learns_faster_and_does_not_decay() -> None:
    model = build("clinical-only+logistic", backbone="", columns=3, classes=2)
    options = TrainingOptions(weight_decay=0.5, schedule="cosine", warmup=1)
    descent = Descent(fabric_for("cpu", "32-true"), model, options, lr=0.01, epochs=2, sizes=[4, 4])
    network, prior = descent.optimizer.param_groups
    assert model.prior is not None
    assert [id(weight) for weight in prior["params"]] == [id(model.prior.weight)]
    assert (prior["lr"], network["lr"]) == pytest.approx((0.05, 0.005))  # half, in the first of two steps of warm-up
    assert (prior["weight_decay"], network["weight_decay"]) == (0.0, 0.5)
    assert len(network["params"]) + 1 == len(list(model.parameters()))


def test_warmup_alone_ends_in_the_full_rate() -> None:
    assert rates(TrainingOptions(warmup=1), epochs=2, steps=2) == pytest.approx([0.05, 0.1, 0.1, 0.1])


def test_a_constant_rate_needs_no_schedule() -> None:
    assert schedule_for(optimizer(), TrainingOptions(), 3, 4) is None


def test_a_schedule_goes_on_from_its_state() -> None:
    options = TrainingOptions(schedule="cosine", warmup=1)
    straight = rates(options, 3, 4)
    first = optimizer()
    schedule = schedule_for(first, options, 3, 4)
    assert schedule is not None
    walk(first, schedule, 5)
    second = optimizer()
    again = schedule_for(second, options, 3, 4)
    assert again is not None
    second.load_state_dict(first.state_dict())
    again.load_state_dict(schedule.state_dict())
    assert walk(second, again, 7) == straight[5:]


def rates_of(model: nn.Module, **options: Any) -> dict[str, float]:
    """Name of each weight -> its learning rate, where that of the others is 1; each weight has one."""
    groups = weight_groups(model, 1.0, TrainingOptions(**options))
    of = {id(weight): group.get("lr", 1.0) for group in groups for weight in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(of)
    return {name: of[id(weight)] for name, weight in model.named_parameters()}


def test_rates_of_a_backbone_fall_from_stage_to_stage() -> None:
    model = build("concat", backbone="resnet10t", columns=3, classes=2)
    assert set(rates_of(model).values()) == {1.0}
    assert len(weight_groups(model, 1.0, TrainingOptions())) == 1
    found = rates_of(model, lr_backbone=0.5, layer_decay=0.8)
    by_hand = {"conv1": 0.8**5, "bn1": 0.8**5, **{f"layer{stage}": 0.8 ** (5 - stage) for stage in (1, 2, 3, 4)}}
    for name, rate in found.items():
        part, _, rest = name.partition(".net.")
        expected = 0.5 * by_hand[rest.partition(".")[0]] if part == "backbone" else 1.0
        assert rate == pytest.approx(expected), name


def test_layer_decay_needs_a_backbone_that_says_its_stages() -> None:
    class Plain(Backbone):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(1, 1)

        def forward(self, image: Tensor, inject: Any = None) -> Any:
            raise NotImplementedError

    assert rates_of(Plain(), lr_backbone=0.5) == {"layer.weight": 0.5, "layer.bias": 0.5}
    with pytest.raises(OptionError, match="Plain does not say them"):
        rates_of(Plain(), layer_decay=0.5)


def test_a_backbone_at_a_rate_of_its_own_moves_by_adam_s_first_step() -> None:
    torch.manual_seed(0)
    backbone = TimmBackbone("test_resnet", 1)
    before = {name: weight.detach().clone() for name, weight in backbone.named_parameters()}
    options = TrainingOptions(lr_backbone=0.1, layer_decay=0.5)
    descent = Descent(fabric_for("cpu", "32-true"), backbone, options, lr=0.01, epochs=1, sizes=(2,))
    descent.take(descent.network(torch.randn(2, 1, 32, 32)).outputs.vector.square().sum(), 0)
    # Adam's first step is the rate itself, wherever the gradient is no rounding error.
    moved = {name: float((w.detach() - before[name]).abs().max()) for name, w in backbone.named_parameters()}
    assert moved["net.layer4.0.conv1.weight"] == pytest.approx(0.01 * 0.1 * 0.5, rel=1e-3)
    assert moved["net.layer2.0.conv1.weight"] == pytest.approx(0.01 * 0.1 * 0.5**3, rel=1e-3)
