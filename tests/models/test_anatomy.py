"""Parameters and multiply-adds against formulas, torch's own count and what was recorded; shapes against the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import fusekit
from fusekit import Fusion, build
from fusekit.errors import OptionError, UnknownName
from fusekit.extension import catalog
from fusekit.models.anatomy import Anatomy, describe

SMALL: dict[str, Any] = {"backbone": "test_resnet", "size": 32, "columns": 7, "classes": 3}
RECORDED = json.loads((Path(__file__).parents[2] / "docs/reference/fusion-cost.json").read_text(encoding="utf-8"))


def of_part(anatomy: Anatomy, part: str) -> tuple[int, int]:
    (found,) = (one for one in anatomy.parts if one.part == part)
    return found.parameters, found.multiply_adds


def test_linear_layers_are_counted_by_their_formula() -> None:
    made = fusekit.describe(Fusion(head="concat", encoder="mlp"), **SMALL, options={"encoder": {"width": 10}})
    (backbone,) = (part for part in made.parts if part.part == "backbone")
    image = int(backbone.shapes.rpartition(" ")[2])
    assert of_part(made, "encoder") == (7 * 10 + 10 + 10 * 10 + 10, 7 * 10 + 10 * 10)
    assert of_part(made, "head") == ((image + 10) * 3 + 3, (image + 10) * 3)


@pytest.mark.parametrize("name", catalog().fusions.names())
def test_every_fusion_has_as_many_weights_as_its_model_and_as_many_operations_as_torch_counts(name: str) -> None:
    made = describe(name, **SMALL)
    # Of attention, torch counts what other devices than the CPU compute.
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        model = build(name, backbone="test_resnet", columns=7, classes=3).eval()
        before = counter.get_total_flops()
        image, table = torch.zeros(1, 1, 32, 32), torch.zeros(1, model.inputs)
        model(image if model.reads_image else None, table if model.reads_clinical else None)
    assert made.parameters == sum(weight.numel() for weight in model.parameters())
    assert 2 * made.multiply_adds == counter.get_total_flops() - before
    assert made.columns == (7 if model.reads_clinical else 0)


@pytest.mark.parametrize("name", ["rbca", "film"])
def test_costs_are_those_that_were_recorded(name: str) -> None:
    asked = {key: RECORDED[key] for key in ("backbone", "columns", "size")}
    made = describe(name, **asked)
    assert made.parameters == RECORDED["found"][name]["parameters"]
    assert made.multiply_adds == RECORDED["found"][name]["multiply_adds"]


def test_what_an_injector_prepares_and_injects_is_its_own_and_not_the_backbones() -> None:
    plain, film = describe("image-only", **SMALL), describe("film", **SMALL)
    assert of_part(plain, "backbone") == of_part(film, "backbone")
    channels = sum(site.shape[0] for site in film.sites)
    assert of_part(film, "injector")[1] == 1024 * 2 * channels  # a linear map to gain and shift of each channel


def test_shapes_at_sites_are_those_that_pass_there() -> None:
    recipe = Fusion(head="image", encoder="mlp", injector="film", sites="stage", stages=(2, 4))
    made, seen = describe(recipe, **SMALL), []
    model = build(recipe, backbone="test_resnet", columns=7, classes=3).eval()
    model.output(torch.zeros(1, 1, 32, 32), torch.zeros(1, 7), look=lambda _, x, __: seen.append(tuple(x.shape[1:])))
    assert [site.shape for site in made.sites] == seen
    assert [site.stage for site in made.sites if site.injected] == [2, 4]
    assert not any(site.injected for site in describe("concat", **SMALL).sites)


def test_a_volume_has_three_axes_and_a_pool_is_a_part() -> None:
    assert describe("image-only", backbone="r3d_18", size=16).image == (1, 16, 16, 16)
    assert of_part(describe("concat+attention", **SMALL), "pool")[0] > 0


def test_what_is_stacked_on_a_network_is_said() -> None:
    made = describe("gbdt-network", **SMALL)
    assert made.parts[-1].part == "stack"
    assert (made.parts[-1].name, made.parts[-1].shapes) == ("gbdt", "network's log odds, table -> 3")
    assert made.parameters == describe("image-only", **SMALL).parameters
    assert ">stack</text>" in made.svg()
    assert "stack" not in {part.part for part in describe("concat", **SMALL).parts}


def test_one_class_is_a_number() -> None:
    assert describe("concat", **{**SMALL, "classes": 1}).title.endswith("7 columns, one output, as of a number")
    assert describe("concat", **SMALL).title.endswith("3 classes")


def test_json_has_everything() -> None:
    found = json.loads(json.dumps(describe("rbca", **SMALL).as_json()))
    assert sum(part["multiply_adds"] for part in found["parts"]) == found["multiply_adds"]
    assert {part["part"] for part in found["parts"]} == {"backbone", "encoder", "injector", "head"}


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"size": 0}, OptionError, "--size takes a whole number from 1 on, not 0"),
        ({"columns": 2.5}, OptionError, "--columns takes a whole number"),
        ({"backbone": "resnt18"}, UnknownName, "did you mean 'resnet18'"),
        ({"options": {"injector": {"reductoin": 3}}}, OptionError, "did you mean 'reduction'"),
    ],
)
def test_what_cannot_be_described_is_refused(asked: dict[str, object], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        describe("rbca", **{**SMALL, **asked})
