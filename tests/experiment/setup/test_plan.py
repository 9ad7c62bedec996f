"""Everything wrong with a configuration is said before any data is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from fusekit.errors import OptionError, UnknownName
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.training import TrainingOptions


def plan(**given: Any) -> Any:
    return make_plan(Settings.of({"task": "adni-ad", "backbone": "test_resnet", "device": "cpu", **given}))


def test_a_plan_holds_what_the_names_stand_for() -> None:
    made = plan(data=Path("there"), options={"task": {"visits": "baseline"}, "slices": {"step": "2"}})
    assert made.task.visits == "baseline"
    assert made.slices.step == 2
    assert not made.augment  # as in the paper
    assert made.training == TrainingOptions()
    assert plan(options={"augment": {"rotate": "10"}}).augment.rotate == 10
    assert list(made.metrics) == ["accuracy", "sensitivity", "specificity", "ppv", "npv", "auc"]
    assert not made.synthetic
    assert plan().synthetic
    model = made.build_model(columns=7, channels=1)
    assert model(torch.zeros(2, 1, 32, 32), torch.zeros(2, 7)).shape == (2, 2)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"fusion": "rcba"}, UnknownName, "did you mean 'rbca'"),
        ({"backbone": "resnet10"}, UnknownName, "did you mean"),
        ({"backbone": "coat_tiny"}, OptionError, "cannot be used"),
        ({"fusion": "image-only", "options": {"encoder": {"activation": "none"}}}, OptionError, "has no encoder"),
        ({"fusion": "concat", "options": {"sites": {"stages": "2"}}}, OptionError, "has no sites"),
        ({"options": {"sites": {"stages": "7"}}}, OptionError, "names stage 7"),
        ({"options": {"synthetic": {"subject": 5}}}, OptionError, "did you mean 'subjects'"),
        ({"options": {"synthetic": {"subjects": "many"}}}, OptionError, "takes a whole number"),
        ({"options": {"task": {"visits": "first"}}}, OptionError, "one of all, baseline"),
        ({"options": {"training": {"weight_decay": "x"}}}, OptionError, "takes a number"),
        ({"options": {"training": {"ema": "1"}}}, OptionError, r"training\.ema takes a decay"),
        (
            {"options": {"objective": {"gamma": "-1"}}},
            OptionError,
            r"objective\.gamma takes a finite number, 0 or more",
        ),
        (
            {"fusion": "clinical-only", "options": {"objective": {"image": "0.3"}}},
            OptionError,
            "asks what 'image' alone says, and this fusion reads the table alone",
        ),
        (
            {"options": {"training": {"sampler": "balanced"}, "objective": {"class_weights": "balanced"}}},
            OptionError,
            "a rare class would count for more than a frequent one",
        ),
        ({"options": {"augment": {"flop": "1"}}}, OptionError, "did you mean 'flip'"),
        ({"options": {"augment": {"flip": "2"}}}, OptionError, "takes 0 to 1"),
        (
            {"options": {"augment": {"flip": "0.5"}, "slices": {"plane": "sagittal"}}},
            OptionError,
            "a sagittal slice shows front and back",
        ),
        (
            {"preset": "paper", "epochs": 2, "options": {"training": {"warmup": "2"}}},
            OptionError,
            "leaves none of 2 epochs",
        ),
        ({"device": "cuda:99"}, OptionError, "this machine has"),
        (
            {"backbone": "inception_v3", "image_size": 32},
            OptionError,
            r"'inception_v3' does not take images of 32 x 32(?s:.)*It takes 299 x 299 \(--image-size 299\)",
        ),
        (
            {"backbone": "test_coatnet", "image_size": 100},
            OptionError,
            r"'test_coatnet' has a fixed image size(?s:.)*Its own is 160 x 160 \(--image-size 160\)",
        ),
        (
            {"options": {"slices": {"plane": "volume"}}},
            OptionError,
            r"'test_resnet' reads slices\. .*--backbone r3d_18",
        ),
        ({"backbone": "r3d_18"}, OptionError, r"'r3d_18' reads whole volumes, and slices\.plane=coronal gives slices"),
    ],
)
def test_what_is_wrong_is_said_at_once(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        plan(**given)


def test_a_network_of_a_fixed_size_is_made_for_the_images() -> None:
    model = plan(backbone="vit_tiny_patch16_224", image_size=48).build_model(columns=7, channels=1)
    assert model.description["image_size"] == 48
    assert model.eval()(torch.zeros(2, 1, 48, 48), torch.zeros(2, 7)).shape == (2, 2)


def test_a_fusion_without_an_image_takes_any_plane() -> None:
    assert plan(fusion="clinical-only", options={"slices": {"plane": "volume"}}).slices.plane == "volume"


def test_planning_allocates_no_weights_but_of_encoder_and_head(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[torch.Tensor] = []
    create = torch.nn.Parameter.__new__

    def note(cls: Any, data: torch.Tensor | None = None, requires_grad: bool = True) -> Any:
        if data is not None:
            made.append(data)
        return create(cls, data, requires_grad)

    monkeypatch.setattr(torch.nn.Parameter, "__new__", note)
    plan()
    assert {data.device.type for data in made if data.ndim == 4} == {"meta"}
    assert sum(data.numel() for data in made if data.device.type == "cpu") < 3_000_000
