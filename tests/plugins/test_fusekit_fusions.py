"""All fusions of the literature: volumes, priors, other targets, auxiliary heads, absence, compiling.

``tests/integration/test_registered_parts.py`` runs each through the checks of plugins.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from fusekit import build
from fusekit.extension import catalog
from fusekit.models import FusionModel
from fusekit.models.build import can_do_without_table
from fusekit.testing.modules import check_compiled
from fusekit.training.feed.loader import Batch
from fusekit.training.objectives.classes import CrossEntropy
from fusekit.training.objectives.objective import total

FUSIONS = sorted(name for name, entry in catalog().fusions.entries.items() if entry.plugin.name == "fusions")
BOTH = ("image", "table")


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def small(fusion: str, *, classes: int = 2, absent: tuple[str, ...] = ()) -> FusionModel:
    return build(fusion, backbone="test_resnet", columns=5, classes=classes, absent=absent)


def given(model: FusionModel, count: int = 4) -> tuple[Tensor, Tensor]:
    return torch.randn(count, 1, 32, 32), torch.randn(count, model.inputs)


def untrained(model: FusionModel) -> Iterator[str]:
    return (name for name, weight in model.named_parameters() if weight.grad is None)


def test_every_method_is_a_part_and_a_fusion_of_the_same_name() -> None:
    known = catalog()
    assert len(FUSIONS) == 11
    for name in FUSIONS:
        recipe = known.fusions.make(name)
        assert name in (recipe.head, recipe.injector)
        assert recipe.absence
        assert recipe.encoder == ("tokens" if name == "cross-attention" else "mlp")
        assert not recipe.options
        assert can_do_without_table(recipe) == (recipe.injector is not None)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_whole_volumes_reach_every_weight(fusion: str) -> None:
    model = build(fusion, backbone="mc3_18", columns=5, classes=3).train()
    outputs = model(torch.randn(2, 1, 4, 16, 16), torch.randn(2, 5))
    assert outputs.shape == (2, 3)
    torch.autograd.backward(outputs.square().mean())
    assert list(untrained(model)) == []


@pytest.mark.parametrize("fusion", FUSIONS)
def test_with_a_prior_they_start_as_it_and_both_image_and_table_learn(fusion: str) -> None:
    model = small(f"{fusion}+gbdt").train()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    image, columns = given(model, 8)
    torch.testing.assert_close(model(image, columns), columns[:, -2:])
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    for _ in range(3):
        optimiser.zero_grad()
        torch.autograd.backward(torch.nn.functional.cross_entropy(model(image, columns), torch.arange(8) % 2))
        optimiser.step()
    for part in ("backbone.", "encoder.", "head."):
        moved = [n for n, w in model.named_parameters() if n.startswith(part) and not torch.equal(w, before[n])]
        assert moved, part


@pytest.mark.parametrize("classes", [1, 6], ids=["a number", "intervals of time"])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_they_give_any_number_of_outputs(fusion: str, classes: int) -> None:
    model = small(fusion, classes=classes).eval()
    with torch.no_grad():
        assert model(*given(model)).shape == (4, classes)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_auxiliary_heads_and_dropped_modalities_are_options_of_each(fusion: str) -> None:
    """``objective.image=0.3``, ``objective.table=0.3``, ``training.drop_image`` and ``training.drop_table``."""
    model = small(fusion, absent=BOTH).train()
    model.add_auxiliary(BOTH, 2)
    image, columns = given(model)
    present = torch.tensor([[True, True], [False, True], [True, False], [True, True]])
    output = model.output(image, columns, present)
    assert set(output.parts) == set(BOTH)
    labels = torch.tensor([0, 1, 1, 0])
    objective = CrossEntropy(image=0.3, table=0.3)
    terms = objective(output, Batch(image, columns, labels, torch.arange(4), present))
    assert set(terms) == {"outputs", *BOTH}
    torch.autograd.backward(total(terms))
    assert list(untrained(model)) == []
    alone = torch.nn.functional.cross_entropy(output.parts["image"][present[:, 0]], labels[present[:, 0]])
    torch.testing.assert_close(terms["image"], 0.3 * alone)  # of those who have it
    model.drop_auxiliary()
    assert set(model.output(image, columns).parts) == set(model.head.part_names)  # late fusion's terms are its own


@pytest.mark.parametrize("fusion", FUSIONS)
def test_torch_compile_takes_each_as_one_graph(fusion: str) -> None:
    model = small(fusion)

    def call(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        assert isinstance(module, FusionModel)
        found = module.output(*inputs)
        return (found.outputs, *found.gates.values())

    check_compiled(model, given(model), call)


@pytest.mark.parametrize("fusion", ["film", "daft"])
def test_branches_of_a_new_network_with_layer_scale_are_open(fusion: str) -> None:
    """In ConvNeXt, timm starts them at 1e-6 of themselves: nothing that is injected would have an effect."""
    model = build(fusion, backbone="test_convnext", columns=3, classes=2).eval()
    image, columns = torch.randn(2, 1, 32, 32), torch.randn(2, 3)
    with torch.no_grad():
        first, second = (model.output(image, columns + by).image for by in (0, 5))
    assert first is not None
    assert second is not None
    assert float((first.vector - second.vector).norm() / first.vector.norm()) > 1e-3
