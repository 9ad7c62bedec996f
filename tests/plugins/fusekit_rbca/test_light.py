"""rbca-light against its formula written out with product maps, in float64; where it starts, and what it costs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import fusekit
from fusekit import Column, FusekitError, Site
from fusekit.data import ClinicalEncoding, Pixels, SlicePolicy
from fusekit.explain.gates import gates_of
from fusekit.testing import check_injector
from fusekit_rbca import LightInjector

SITES = (Site("a", 2, 8), Site("b", 2, 8), Site("c", 3, 7))
CLINICAL = 5


def scrambled(seed: int = 1, **options: bool) -> LightInjector:
    """An injector whose weights are anything: as built, it changes nothing."""
    draw = torch.Generator().manual_seed(seed)
    injector = LightInjector(SITES, CLINICAL, **options).double()
    for weight in injector.parameters():
        weight.detach().copy_(torch.randn(weight.shape, generator=draw, dtype=torch.float64))
    return injector


def literal(injector: LightInjector, site: int, x: Tensor, clinical: Tensor) -> Tensor:
    """cat(a * c * sigmoid(GAP((w * a + b) * t)), o), map by map."""
    a, o = x[:, : x.shape[1] // 2], x[:, x.shape[1] // 2 :]
    state = {name: value.detach() for name, value in injector.state_dict().items()}
    space = (None,) * (x.ndim - 2)
    t = clinical @ state[f"projections.{a.shape[1]}.weight"].T + state[f"projections.{a.shape[1]}.bias"]
    t = t[(..., *space)].expand_as(a)
    scaled = a
    if f"gates.{site}.weight" in state:
        scaled = state[f"gates.{site}.weight"][(..., *space)] * a + state[f"gates.{site}.bias"][(..., *space)]
    pooled = (scaled * t).mean(dim=tuple(range(2, x.ndim)), keepdim=True)
    most: float = injector.gates[site].most  # type: ignore[assignment]  # a ModuleList of nothing but gates
    return torch.cat((a * most * torch.sigmoid(pooled), o), dim=1)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("amplify", [True, False])
@pytest.mark.parametrize("size", [(5, 3), (4, 3, 2)], ids=["2d", "3d"])
def test_outputs_and_gradients_are_the_literal_form_s(affine: bool, amplify: bool, size: tuple[int, ...]) -> None:
    injector = scrambled(affine=affine, amplify=amplify)
    draw = torch.Generator().manual_seed(2)
    clinical = torch.randn(4, CLINICAL, generator=draw, dtype=torch.float64)
    for site, place in enumerate(SITES):
        x = torch.randn(4, place.channels, *size, generator=draw, dtype=torch.float64)
        above = torch.randn(x.shape, generator=draw, dtype=torch.float64)
        results = []
        for form in (
            lambda x, c, i=site: injector(i, x, injector.prepare(c)),
            lambda x, c, i=site: literal(injector, i, x, c),
        ):
            leaves = [tensor.clone().requires_grad_() for tensor in (x, clinical)]
            out = form(*leaves)
            out.backward(above)
            results.append((out.detach(), *(leaf.grad for leaf in leaves)))
        for mine, theirs in zip(*results, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("size", [(6, 5), (4, 5, 3)], ids=["2d", "3d"])
def test_it_keeps_what_injectors_promise(size: tuple[int, ...]) -> None:
    check_injector(LightInjector(SITES, CLINICAL), SITES, CLINICAL, size=size)


@pytest.mark.parametrize(("amplify", "most"), [(True, 2.0), (False, 1.0)])
def test_gates_are_what_features_are_multiplied_with_and_reach_their_ends(amplify: bool, most: float) -> None:
    torch.manual_seed(0)
    injector = scrambled(amplify=amplify).requires_grad_(False)
    x = torch.rand(6, 8, 4, 3, dtype=torch.float64) + 0.5  # nowhere 0, so that a ratio is defined
    prepared = injector.prepare(200 * torch.randn(6, CLINICAL, dtype=torch.float64))
    gates = injector.gate_values(0, x, prepared)
    ratio = injector(0, x, prepared) / x
    torch.testing.assert_close(ratio[:, :4], gates[:, :, None, None].expand(6, 4, 4, 3))
    assert torch.equal(ratio[:, 4:], torch.ones_like(ratio[:, 4:]))
    assert 0 <= float(gates.min()) < 0.01 * most
    assert 0.99 * most < float(gates.max()) <= most


def test_it_starts_as_concat_and_leaves_that_start() -> None:
    torch.manual_seed(0)
    light = fusekit.build("rbca-light", backbone="resnet10t", columns=3, classes=2).eval()
    concat = fusekit.build("concat", backbone="resnet10t", columns=3, classes=2).eval()
    shared = {name: value for name, value in light.state_dict().items() if not name.startswith("injector.")}
    concat.load_state_dict(shared)  # strict: nothing but the injector sets the two apart
    image, columns = torch.randn(2, 1, 64, 64), torch.randn(2, 3)
    torch.testing.assert_close(light(image, columns), concat(image, columns))

    loss: Tensor = nn.functional.cross_entropy(light(image, columns), torch.tensor([0, 1]))
    torch.autograd.backward(loss)
    assert light.injector is not None
    for name, weight in light.injector.named_parameters():
        assert weight.grad is not None
        # weight and bias of a gate act through the condition, which is 0 at first
        assert bool((weight.grad != 0).any()) == name.startswith("projections."), name


def test_attention_without_amplification_starts_at_one_half() -> None:
    injector = LightInjector(SITES, CLINICAL, amplify=False)
    gates = injector.gate_values(0, torch.rand(2, 8, 3, 3), injector.prepare(torch.randn(2, CLINICAL)))
    assert torch.equal(gates, torch.full((2, 4), 0.5))


@pytest.mark.parametrize(("backbone", "size"), [("test_convnext", (32, 32)), ("mc3_18", (4, 16, 16))])
def test_other_backbones_take_it(backbone: str, size: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    model = fusekit.build("rbca-light", backbone=backbone, columns=3, classes=2).eval()
    assert model.injector is not None
    for weight in model.injector.parameters():
        nn.init.normal_(weight.detach())
    image, columns = torch.randn(2, 1, *size), torch.randn(2, 3)
    gates = {site: gate for site, gate in gates_of(model, image, columns).items() if isinstance(site, int)}
    assert model.backbone is not None
    sites = model.backbone.sites
    assert {sites[i].stage for i in gates} == {2, 3, 4}
    assert all(tuple(gate.shape) == (2, sites[i].channels // 2) for i, gate in gates.items())
    assert all(
        bool((gate >= 0).all()) and bool((gate <= 2).all()) and float(gate.std()) > 0.1 for gate in gates.values()
    )
    vectors: list[Tensor] = []
    model.head.register_forward_pre_hook(lambda _, args: vectors.append(args[0].vector))
    model(image, columns)
    model(image, columns + 5)
    assert not torch.equal(*vectors)  # exactly: a new ConvNeXt scales its branches by 1e-6


@pytest.mark.parametrize("options", [{}, {"affine": False, "amplify": False}], ids=["default", "plain"])
def test_a_bundle_brings_it_back(options: dict[str, bool], tmp_path: Path) -> None:
    table = pd.DataFrame({"AGE": [60.0, 70.0, 81.0], "TAU": [90.0, 130.0, 200.0]})
    encoding = ClinicalEncoding.fit(table, (Column("AGE"), Column("TAU")))
    given = {"injector": options}
    model = fusekit.build("rbca-light", backbone="resnet10t", columns=len(encoding.features), classes=2, options=given)
    assert model.injector is not None
    for weight in model.injector.parameters():
        nn.init.normal_(weight.detach())
    bundle = fusekit.Bundle(
        model.eval(), fusekit.Classes(("well", "ill")), encoding, SlicePolicy(), 64, Pixels((100.0,), (50.0,))
    )
    bundle.save(tmp_path / "bundle")
    again = fusekit.load(tmp_path / "bundle")
    assert again.model.description["recipe"]["options"]["injector"] == {"affine": True, "amplify": True} | options
    image, columns = torch.randn(3, 1, 64, 64), torch.from_numpy(again.encode(table))
    assert torch.equal(again(image, columns), bundle(image, columns))


def test_it_costs_what_concat_costs() -> None:
    """Of ResNet-50 at 256x256: projections of 1024 features to four widths, and nothing that grows with the image."""
    with torch.device("meta"):
        image, columns = torch.empty(1, 1, 256, 256), torch.empty(1, 237)
    found = {}
    for fusion in ("concat", "rbca-light"):
        model = fusekit.build(fusion, backbone="resnet50", columns=237, classes=2).to("meta").eval()
        with FlopCounterMode(display=False) as counter:
            model(image, columns)
        found[fusion] = counter.get_total_flops() // 2, sum(p.numel() for p in model.parameters())
    halves = (128, 256, 512, 1024)
    sites = (128, *[256] * 4, *[512] * 6, *[1024] * 2)  # half the channels that enter the 13 blocks of stages 2 to 4
    assert found["rbca-light"][0] - found["concat"][0] == 1024 * sum(halves)
    assert found["rbca-light"][1] - found["concat"][1] == 1025 * sum(halves) + 2 * sum(sites)


def test_a_site_of_one_channel_is_refused_with_the_way_out() -> None:
    with pytest.raises(FusekitError, match=r"'stem' in stage 1 has 1. Leave out its stage"):
        LightInjector([Site("stem", 1, 1)], CLINICAL)
