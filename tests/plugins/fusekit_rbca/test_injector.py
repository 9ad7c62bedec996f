"""RBCA injected into timm's ResNet-50 against the whole literal network, in float64; its sizes and costs."""

from __future__ import annotations

from functools import cache
from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import fusekit
from fusekit import FusekitError, FusionModel, Site
from fusekit.testing import check_injector
from fusekit_rbca import RBCAInjector
from tests.plugins.fusekit_rbca.literal import ATTENDED, HALVES, LiteralRBCA, literal_names, scramble

COLUMNS = 5


def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Three images of 64x64, their columns and labels."""
    draw = torch.Generator().manual_seed(3)
    image = torch.randn(3, 1, 64, 64, generator=draw, dtype=torch.float64)
    return image, torch.randn(3, COLUMNS, generator=draw, dtype=torch.float64), torch.tensor([0, 1, 1])


@cache
def pair(activation: str) -> tuple[FusionModel, LiteralRBCA]:
    """Ours and the literal network, with the same weights; used once in either mode."""
    torch.manual_seed(0)
    options = {"encoder": {"activation": activation}}
    ours = fusekit.build("rbca", backbone="resnet50", columns=COLUMNS, classes=2, options=options).double()
    scramble(ours, 1)
    literal = LiteralRBCA(COLUMNS, 2, activation=activation == "relu").double()
    literal.load_state_dict(literal_names(ours.state_dict()))  # strict: every name on either side is used
    return ours, literal


@pytest.mark.parametrize(
    ("training", "activation"), [(True, "relu"), (False, "none")], ids=["train-relu", "eval-as-published"]
)
def test_the_network_is_the_literal_one_in_outputs_and_gradients(training: bool, activation: str) -> None:
    models: tuple[nn.Module, ...] = tuple(model.train(training) for model in pair(activation))
    image, columns, labels = batch()
    outputs = []
    for model in models:
        logits = model(image, columns)
        loss: Tensor = nn.functional.cross_entropy(logits, labels)
        torch.autograd.backward(loss)
        outputs.append(logits.detach())
    torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-8, atol=1e-10)
    assert float(outputs[0].std()) > 1e-3  # the comparison is of something

    mine = literal_names({name: p.grad for name, p in models[0].named_parameters() if p.grad is not None})
    theirs = {name: p.grad for name, p in models[1].named_parameters()}
    assert mine.keys() == theirs.keys()
    for name, gradient in theirs.items():
        assert gradient is not None
        # a bias before a batch norm in training has no gradient but rounding
        no_gradient = training and name.startswith("conditions.") and name.endswith("fc.bias")
        assert no_gradient or float(gradient.abs().max()) > 1e-6, name
        torch.testing.assert_close(mine[name], gradient, rtol=1e-6, atol=1e-12, msg=name)
    after = literal_names(models[0].state_dict())
    for name, value in models[1].state_dict().items():
        torch.testing.assert_close(after[name], value, rtol=1e-8, atol=1e-10)


def test_it_sits_where_the_paper_says() -> None:
    with torch.device("meta"):
        literal = LiteralRBCA(COLUMNS, 2)
    attended = [name for name, part in literal.named_modules() if getattr(part, "attention", None) is not None]
    ours = fusekit.build("rbca", backbone="resnet50", columns=COLUMNS, classes=2)
    assert ours.backbone is not None
    assert [ours.backbone.sites[i].name for i in ours.injected] == attended == ATTENDED
    assert len(attended) == 13
    assert isinstance(ours.injector, RBCAInjector)
    assert sorted(map(int, ours.injector.projections)) == list(HALVES)  # one projection a width


#: 42,349,634 without the first clinical layer, whose inputs are the columns: 29 in the paper's third experiment.
RBCA_WITHOUT_COLUMNS = 42_349_634
IMAGE_ONLY = 23_505_858


@pytest.mark.parametrize("columns", [29, 237])
def test_parameters_are_counted(columns: int) -> None:
    with torch.device("meta"):
        literal, image = LiteralRBCA(columns, 2), LiteralRBCA(0, 2)
    ours = fusekit.build("rbca", backbone="resnet50", columns=columns, classes=2)
    plain = fusekit.build("image-only", backbone="resnet50", columns=0, classes=2)
    assert parameters(ours) == parameters(literal) == RBCA_WITHOUT_COLUMNS + 1024 * columns
    assert parameters(plain) == parameters(image) == IMAGE_ONLY


def test_multiply_adds_are_counted() -> None:
    ours = fusekit.build("rbca", backbone="resnet50", columns=237, classes=2).to("meta").eval()
    plain = fusekit.build("image-only", backbone="resnet50", columns=0, classes=2).to("meta").eval()
    with torch.device("meta"):
        literal = LiteralRBCA(237, 2).eval()
        image, columns = torch.empty(1, 1, 256, 256), torch.empty(1, 237)
    assert multiply_adds(ours, image, columns) == multiply_adds(literal, image, columns) == 8_728_464_384
    assert multiply_adds(plain, image) == 5_235_539_968 + 2 * 2048


def test_a_shared_reduction_halves_what_attention_adds() -> None:
    sites = [Site("a", 2, 8), Site("b", 2, 16), Site("c", 3, 16)]
    separate, shared = RBCAInjector(sites, 6), RBCAInjector(sites, 6, reduction="shared")
    assert parameters(separate.attentions) == sum(c * c + 2 * c for c in (8, 16, 16))
    assert parameters(shared.attentions) == parameters(separate.attentions) / 2
    assert parameters(shared.projections) == parameters(separate.projections) == sum(h * 6 + 3 * h for h in (4, 8))


SITES = (Site("a", 1, 8), Site("b", 1, 8), Site("c", 2, 12))


@pytest.mark.parametrize("reduction", ["separate", "shared"])
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_it_keeps_what_injectors_promise(reduction: Literal["separate", "shared"], spatial_dims: int) -> None:
    injector = RBCAInjector(SITES, 10, reduction=reduction, spatial_dims=spatial_dims)
    check_injector(injector, SITES, 10, size=(4, 5, 3)[:spatial_dims])


def test_conditions_are_shared_by_width_and_never_negative() -> None:
    prepared = RBCAInjector(SITES, 10).prepare(torch.randn(3, 10))
    assert {width: tuple(t.shape) for width, t in prepared.of_half.items()} == {4: (3, 4), 6: (3, 6)}
    assert all(bool((t >= 0).all()) and bool((t > 0).any()) for t in prepared.of_half.values())


def test_an_odd_site_is_refused_with_the_way_out() -> None:
    with pytest.raises(FusekitError, match=r"'stages.1' in stage 2 has 9, which is odd. Leave out its stage"):
        RBCAInjector([Site("stem", 1, 8), Site("stages.1", 2, 9)], 6)


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def multiply_adds(model: nn.Module, *inputs: Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        model(*inputs)
    return int(counter.get_total_flops()) // 2
