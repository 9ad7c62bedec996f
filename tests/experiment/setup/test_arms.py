"""Arms of a comparison: which options each has, and how a refusal names it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fusekit.errors import FusekitError, OptionError, UnknownName
from fusekit.experiment.setup.arms import arms_of, check_arms
from fusekit.experiment.setup.given import parse_options, read_config
from fusekit.experiment.setup.settings import Settings

ARMS = ("image-only", "rbca", "rbca-light")


def options_of(*pairs: str, arms: tuple[str, ...] = ARMS, baselines: tuple[str, ...] = ()) -> dict[str, Any]:
    asked = check_arms({}, {"task": "adni-ad", "options": parse_options(pairs)}, arms, baselines)
    return {name: own["options"] for name, own in asked.items()}


def test_an_option_of_a_part_is_for_every_arm_that_has_the_part() -> None:
    found = options_of("encoder.activation=none", "training.ema=0.9", baselines=("logistic",))
    training = {"training": {"ema": "0.9"}}
    with_encoder = {**training, "encoder": {"activation": "none"}}
    assert found == {"image-only": training, "rbca": with_encoder, "rbca-light": with_encoder, "logistic": training}


def test_an_option_of_one_arm_is_for_it_alone_and_wins_there() -> None:
    found = options_of(
        "rbca:injector.reduction=shared", "rbca-light:encoder.activation=relu", "encoder.activation=none"
    )
    assert found["rbca"] == {"injector": {"reduction": "shared"}, "encoder": {"activation": "none"}}
    assert found["rbca-light"] == {"encoder": {"activation": "relu"}}
    assert found["image-only"] == {}
    found = options_of("rbca:training.ema=0.9", "training.ema=0.8", "gbdt:baseline.trees=3", baselines=("gbdt",))
    assert [chosen["training"]["ema"] for chosen in found.values()] == ["0.8", "0.9", "0.8", "0.8"]
    assert found["gbdt"]["baseline"] == {"trees": "3"}


@pytest.mark.parametrize(
    ("pair", "error", "message"),
    [
        (
            "injector.reduction=shared",
            OptionError,
            "the arm rbca-light: injector has no option 'reduction', which rbca has. "
            "For one arm: -o rbca:injector.reduction=shared",
        ),
        ("rbac:injector.reduction=shared", OptionError, "no arm is called 'rbac'; did you mean 'rbca'?"),
        ("image-only:injector.reduction=shared", OptionError, "the arm image-only: the fusion 'image-only' has no inj"),
        ("rbca:injector.reductoin=shared", OptionError, "the arm rbca: injector has no option 'reductoin'; did you m"),
        ("injector.reductoin=shared", OptionError, "the arm rbca: injector has no option 'reductoin'; did you mean"),
        ("rbca:slices.start=3", OptionError, "options of one arm are those of training, objective, augment, sites"),
        ("baseline.C=3", OptionError, "none of the arms has the part 'baseline'"),
        ("decoder.x=3", OptionError, "no part is called 'decoder'"),
        ("training.emma=3", OptionError, "training has no option 'emma'; did you mean 'ema'?"),
    ],
)
def test_what_does_not_fit_names_the_arm(pair: str, error: type[FusekitError], message: str) -> None:
    with pytest.raises(error) as refused:
        options_of(pair)
    assert message in str(refused.value)


def test_an_arm_is_named_where_a_value_does_not_fit_and_where_it_is_unknown() -> None:
    given = {"task": "adni-ad", "options": {"rbca:injector": {"reduction": "half"}}}
    with pytest.raises(OptionError, match=r"the arm rbca: injector\.reduction takes one of separate, shared"):
        arms_of({}, given, ARMS, ())
    with pytest.raises(UnknownName, match="the arm concta: no fusion is called 'concta'; did you mean 'concat'"):
        arms_of({}, given, ("rbca", "concta"), ())


def test_arms_are_listed_as_the_command_line_lists_them_or_one_by_one() -> None:
    given = {"task": "adni-ad"}
    assert list(check_arms({}, given, "concat, rbca,", "logistic")) == ["concat", "rbca", "logistic"]
    assert check_arms({}, given, "concat,rbca", ()) == check_arms({}, given, ["concat", "rbca"], ())
    for wrong in (5, [1, 2], Path("concat")):
        with pytest.raises(OptionError, match=r"^fusions takes texts separated by commas, not "):
            check_arms({}, given, wrong, ())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "written",
    [
        {"fusion": "rbca", "options": {"injector": {"reduction": "shared"}, "encoder": {"activation": "none"}}},
        {"fusion": "image-only", "devices": 1, "search": {"lr": [1e-3, 1e-4]}},
        {"baseline": "logistic", "options": {"synthetic": {"subjects": 24}}},
    ],
)
def test_the_manifest_of_any_run_is_a_file_for_a_comparison(written: dict[str, Any], tmp_path: Path) -> None:
    config = Settings.of({"task": "adni-ad", "epochs": 2, **written})
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"config": {**config.as_json(), "devices": 2}}))
    arms = arms_of(read_config(manifest), {}, ("image-only", "rbca-light", "rbca"), ("prevalence",))
    assert [arm.arm for arm in arms.values()] == ["image-only", "rbca-light", "rbca", "prevalence"]
    assert all((arm.epochs, arm.devices) == (2, 1) for arm in arms.values())
    assert arms["rbca"].options == {part: own for part, own in config.options.items() if part != "baseline"}
    assert not arms["image-only"].options.get("injector")
    assert not arms["rbca-light"].options.get("injector")
    assert (arms["rbca"].search, arms["prevalence"].search) == (config.search, {})


def test_spelling_makes_no_other_arm() -> None:
    one, other = (
        arms_of({}, {"task": "adni-ad", "options": {"training": own}}, ("rbca", "image-only"), ())
        for own in ({"ema": "0.990", "clip": "0"}, {"ema": 0.99})
    )
    assert one == other
