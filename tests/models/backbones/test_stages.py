"""Stages: numbered as timm groups them, frozen from the front, and untouched by training."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from timm.models._manipulate import group_with_matcher
from torch import nn

from fusekit.errors import OptionError
from fusekit.models import TimmBackbone
from fusekit.models.backbones.stages import freeze, stage_numbers
from fusekit.models.backbones.torchvision import VideoBackbone


def test_what_lies_between_and_behind_stages_is_counted() -> None:
    net = nn.ModuleDict({
        "stem": nn.Linear(1, 1),
        "body": nn.ModuleDict({"a": nn.Linear(1, 1), "between": nn.Linear(1, 1), "b": nn.Linear(1, 1)}),
        "norm": nn.Linear(1, 1),
    })  # fmt: skip
    assert stage_numbers(net, {1: ("body.a",), 2: ("body.b",)}) == {
        "": 0, "stem": 0, "body": 0, "body.a": 1, "body.between": 1, "body.b": 2, "norm": 3,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto", "regnety_002"])
def test_heights_are_timm_s_groups_from_the_other_end(name: str) -> None:
    backbone = TimmBackbone(name, 1)
    net = backbone.net
    groups = group_with_matcher(net.named_parameters(), net.group_matcher(coarse=True), reverse=True)
    order = sorted(set(groups.values()))
    assert order[0] == groups[next(iter(groups))]
    for one, height in backbone.heights.items():
        number = order.index(groups[one.removeprefix("net.")])
        expected = 0 if 5 - number < 1 else 5 - number
        assert height == expected, one


def modules(backbone: Any) -> set[str]:
    return {name.partition(".")[0] for name, weight in backbone.net.named_parameters() if not weight.requires_grad}


@pytest.mark.parametrize(
    ("until", "frozen"),
    [
        ("none", set()),
        ("stem", {"conv1", "bn1"}),
        (2, {"conv1", "bn1", "layer1", "layer2"}),
        ("all", {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4"}),
    ],
)
def test_training_leaves_what_is_frozen_as_it_was(until: Any, frozen: set[str]) -> None:
    torch.manual_seed(0)
    backbone = TimmBackbone("resnet10t", 1, freeze=until)
    assert modules(backbone) == frozen
    assert backbone.fixed == (until == "all")
    before = {name: value.clone() for name, value in backbone.net.state_dict().items()}
    head = nn.Linear(backbone.width, 1)
    optimizer = torch.optim.SGD([*backbone.parameters(), *head.parameters()], lr=0.5)
    backbone.eval().train()
    head(backbone(torch.randn(4, 1, 32, 32)).vector).square().sum().backward()
    optimizer.step()
    changed = {
        name.partition(".")[0] for name, value in backbone.net.state_dict().items() if not value.equal(before[name])
    }
    assert changed == {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4"} - frozen


def test_dropout_of_the_network_itself_stays_where_only_the_front_is_frozen() -> None:
    backbone = TimmBackbone("resnet10t", 1, freeze="stem").train()
    assert backbone.net.training
    assert not backbone.net.bn1.training
    assert not TimmBackbone("resnet10t", 1, freeze="all").train().net.training


def test_volumes_freeze_alike() -> None:
    backbone = VideoBackbone("mc3_18", 1, freeze=1)
    assert modules(backbone) == {"stem", "layer1"}


def test_a_stage_that_is_not_there_is_refused() -> None:
    with pytest.raises(OptionError, match="the backbone 'resnet10t' has 1, 2, 3, 4, not 5"):
        TimmBackbone("resnet10t", 1, freeze=5)
    net = timm.create_model("resnet10t")
    assert freeze(net, {1: ("layer1",)}, "none", "own") == ()
