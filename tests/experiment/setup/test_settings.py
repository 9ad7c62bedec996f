"""Settings: layers, files, spellings, and what is refused before anything is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any, Unpack, get_args, get_type_hints

import hypothesis
import pytest
from hypothesis import strategies as st

from fusekit import run
from fusekit.data import Preset
from fusekit.errors import DataError, FusekitError, OptionError, UnknownName
from fusekit.evaluation.aggregation import AGGREGATIONS
from fusekit.experiment.setup.candidates import candidates
from fusekit.experiment.setup.given import Given, merge, parse_options, parse_search, read_config
from fusekit.experiment.setup.parts import PARTS, open_task
from fusekit.experiment.setup.settings import FIELDS, Settings, plain_values
from fusekit.extension.options import option_parameters
from fusekit.extension.signatures import option_names
from fusekit.training.machines.fabric import fabric_for
from fusekit_adni.task import AdniAdTask


def test_paper_defaults_apply_with_data_and_the_smaller_preset_without() -> None:
    paper = Settings.of({"task": "adni-ad", "data": Path("somewhere")})
    assert (paper.fusion, paper.backbone, paper.epochs, paper.lr, paper.image_size) == (
        "rbca",
        "resnet50",
        100,
        1e-4,
        256,
    )
    assert paper.slice_policy(AdniAdTask()).as_json() | {"fit": ""} == {
        "plane": "coronal", "space": "voxel", "start": 130, "stop": 140, "step": 1, "fit": "",
        "crop": "none", "largest": 0, "window": (), "depth": "uint8", "colour": "auto", "mask": "choose", "margin": 10,
    }  # fmt: skip

    assert Settings.of({"task": "adni-ad"}).image_size < 256


def test_later_layers_win_and_options_merge_one_by_one() -> None:
    file = {"task": "adni-ad", "epochs": 3, "options": {"encoder": {"activation": "none"}, "slices": {"start": 100.0}}}
    line = {"epochs": 5, "seed": None, "options": {"slices": {"stop": "120"}}}
    config = Settings.of(merge(file, line))
    assert (config.epochs, config.seed) == (5, 0)
    assert config.options == {"encoder": {"activation": "none"}, "slices": {"start": 100.0, "stop": 120.0}}
    policy = config.slice_policy(AdniAdTask())
    assert (policy.start, policy.stop) == (100.0, 120.0)


def test_a_toml_file_and_a_manifest_say_the_same(tmp_path: Path) -> None:
    toml = tmp_path / "ablation.toml"
    toml.write_text(
        'task = "adni-ad"\nfusion = "concat"\nepochs = 4\nlr = 1e-3\n\n[encoder]\nactivation = "none"\n', "utf-8"
    )
    config = Settings.of(read_config(toml))
    assert (config.fusion, config.epochs, config.lr) == ("concat", 4, 1e-3)
    assert config.options == {"encoder": {"activation": "none"}}

    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"config": config.as_json()}), "utf-8")
    assert Settings.of(read_config(manifest)) == config


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({}, OptionError, "names no task"),
        ({"task": "adni-da"}, UnknownName, "did you mean 'adni-ad'"),
        ({"task": "adni-ad", "epoch": 3}, OptionError, "no entry 'epoch'; did you mean 'epochs'"),
        ({"task": "adni-ad", "epochs": "many"}, OptionError, "epochs takes a whole number or none, not 'many'"),
        ({"task": "adni-ad", "epochs": 2.5}, OptionError, "epochs takes a whole number or none, not 2.5"),
        ({"task": "adni-ad", "precision": "16"}, OptionError, "precision takes one of 32-true, bf16-mixed, 16-mixed"),
        ({"task": "adni-ad", "lr": 0.0}, OptionError, "--lr takes a number above 0"),
        ({"task": "adni-ad", "lr": float("nan")}, OptionError, "lr takes a number, not nan"),
        ({"task": "adni-ad", "batch_size": 1}, OptionError, "--batch-size takes 2 or more"),
        ({"task": "adni-ad", "folds": 0}, OptionError, "--folds takes 1 or more"),
        ({"task": "adni-ad", "validation": 1.0}, OptionError, "--validation takes a share"),
        ({"task": "adni-ad", "select": "auc", "validation": 0}, OptionError, "--validation 0 sets none aside"),
        ({"task": "adni-ad", "select": "loss"}, OptionError, "select takes one of none, auc"),
        ({"task": "adni-ad", "fusion": "rbca", "baseline": "logistic"}, OptionError, "one arm: --fusion or --baseline"),
        ({"task": "adni-ad", "search": {"slices.start": ["1"]}}, OptionError, "--search takes lr, epochs"),
        (
            {"task": "adni-ad", "baseline": "gbdt", "search": {"lr": ["1"]}},
            OptionError,
            "does not apply to baselines",
        ),
        ({"task": "adni-ad", "search": {"lr": []}}, OptionError, "--search names no candidate for lr"),
        ({"task": "adni-ad", "search": {"epochs": 2.5}}, OptionError, "epochs takes a whole number or none, not 2.5"),
        ({"task": "adni-ad", "search": {"training.ema": ["x"]}}, OptionError, r"training\.ema takes a number, not 'x'"),
        ({"task": "adni-ad", "seed": -1}, OptionError, "--seed takes 0 or more"),
        (
            {"task": "adni-ad", "options": {"decoder": {}}},
            OptionError,
            "no part is called 'decoder'; did you mean 'encoder'",
        ),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Settings.of(given)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("epochs = = 3", "line 1, column 10"),
        ("", "names no task"),
        ('tusk = "adni-ad"', "no entry 'tusk'; did you mean 'task'"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(OptionError, match=message):
        Settings.of(read_config(path))
    with pytest.raises(OptionError, match=r"missing\.toml cannot be read"):
        read_config(tmp_path / "missing.toml")


def test_pairs_from_the_command_line() -> None:
    assert parse_options(["a.b=c", "a.d-e=f=g", "h.i="]) == {"a": {"b": "c", "d_e": "f=g"}, "h": {"i": ""}}
    for wrong in ("a.b", "a=b", ".b=c", "a.=c"):
        with pytest.raises(OptionError, match=r"part\.option=value"):
            parse_options([wrong])


def test_folds_are_tested_in_turn_or_a_fifth_is_held_out() -> None:
    held_out, crossed = Settings.of({"task": "adni-ad"}), Settings.of({"task": "adni-ad", "data": Path("somewhere")})
    assert (held_out.folds, held_out.dealt, list(held_out.tested)) == (1, 5, [0])
    assert (crossed.folds, crossed.dealt, list(crossed.tested)) == (5, 5, [0, 1, 2, 3, 4])


@pytest.mark.parametrize(
    ("given", "share"),
    [({}, 0.0), ({"select": "auc"}, 0.2), ({"threshold": "youden"}, 0.2), ({"search": {"lr": ["1e-3"]}}, 0.2),
     ({"select": "auc", "validation": 0.1}, 0.1)],
)  # fmt: skip
def test_subjects_are_set_aside_where_something_is_fitted_on_them(given: dict[str, Any], share: float) -> None:
    assert Settings.of({"task": "adni-ad", **given}).validation == share


def test_a_search_is_every_combination_of_its_candidates(tmp_path: Path) -> None:
    search = parse_search(["lr=1e-3,1e-4", "training.weight-decay=0,0.01,"])
    assert search == {"lr": ("1e-3", "1e-4"), "training.weight_decay": ("0", "0.01")}
    config = Settings.of({"task": "adni-ad", "search": search, "options": {"training": {"patience": 3}}})
    found = candidates(config)
    assert [(c.lr, c.options["training"].get("weight_decay", 0.0)) for _, c in found] == [
        (1e-3, 0.0),
        (1e-3, 0.01),
        (1e-4, 0.0),
        (1e-4, 0.01),
    ]
    assert found[1][0] == {"lr": 1e-3, "training.weight_decay": 0.01}
    assert all(c.options["training"]["patience"] == 3 and not c.search for _, c in found)
    toml = tmp_path / "search.toml"
    toml.write_text('task = "adni-ad"\n[search]\nlr = [1e-3, 1e-4]\n', "utf-8")
    assert Settings.of(read_config(toml)).search == {"lr": (1e-3, 1e-4)}
    assert Settings.of(json.loads(json.dumps(config.as_json()))) == config
    for wrong in ("lr", "lr=", "=1", "lr=,"):
        with pytest.raises(OptionError, match="--search takes name=value,value"):
            parse_search([wrong])
    with pytest.raises(OptionError, match="names lr twice"):
        parse_search(["lr=1", "lr=2"])


def test_a_config_survives_json() -> None:
    config = Settings.of({"task": "adni-ad", "out": Path("x"), "options": {"head": {}, "sites": {"stages": "3,4"}}})
    assert Settings.of(json.loads(json.dumps(config.as_json()))) == config


def test_a_task_may_be_a_toml_whose_path_and_folder_are_kept_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.toml").write_text(
        'table = "t.csv"\nimages = "{id}.nii"\nsubject = "id"\nlabel = "y"\nclasses = ["a", "b"]\n'
        '[training]\nepochs = 7\n[slices]\nplane = "sagittal"\n',
        "utf-8",
    )
    monkeypatch.chdir(tmp_path)
    config = Settings.of({"task": "mine.toml"})
    assert (config.task, config.data, config.task_name) == (str(tmp_path / "mine.toml"), tmp_path, "mine")
    assert (config.epochs, config.batch_size) == (7, 32)
    task = open_task(config.task, {})
    assert config.slice_policy(task).plane == "sagittal"
    assert Settings.of({"task": "mine.toml", "data": Path("elsewhere"), "epochs": 2}).epochs == 2
    assert Settings.of({"task": "mine.toml", "data": Path("elsewhere")}).data == tmp_path / "elsewhere"
    monkeypatch.chdir("/")
    assert Settings.of(json.loads(json.dumps(config.as_json()))) == config
    assert Settings.of({"task": "adni-ad"}).task_name == "adni-ad"
    with pytest.raises(DataError, match="there is no such file; did you mean"):
        Settings.of({"task": str(tmp_path / "min.toml")})


#: One setting or option -> spellings of one value, and another value.
SPELLED: dict[str, tuple[list[Any], Any]] = {
    "lr": (["1e-3", "0.001", 0.001, 1e-3, "1.0E-03"], 2e-3),
    "epochs": (["3", 3, "03"], 4),
    "validation": (["0.25", 0.25, ".250"], 0.5),
    "data": (["here", Path("here"), Path("here").absolute(), "./here"], "there"),
    "allow": ([["b", "a"], ["a", "b", "a"], "a,b", ("a", "b")], "a"),
    "aggregate": (["mean", None], "max"),
    "training.ema": (["0.99", 0.99, ".990"], 0.9),
    "training.clip": ([None, 0, "0", "0.0", 0.0], 1),
    "training.compile": ([None, "false", False], True),
    "slices.window": (["400,40", [400, 40], (400.0, "40.0")], [80, 40]),
    "slices.plane": ([None, "coronal"], "axial"),
    "injector.reduction": ([None, "separate"], "shared"),
    "sites.stages": ([None, "2,3,4", [2, 3, 4]], "3,4"),
    "sites.kind": ([None, "branch"], "block"),
    "backbone.pretrained": ([None, "false", False], "true"),
    "encoder.activation": ([None, "relu"], "none"),
    "task.visits": ([None, "all"], "baseline"),
    "synthetic.subjects": ([None, 480, "480"], 24),
    "search": ([{"lr": ["1e-3", "0.001", 1e-4]}, {"lr": (0.001, 0.0001)}], {"lr": [1e-4, 1e-3]}),
}


def _given(drawn: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {"task": "adni-ad", "data": "here", "options": {}}
    for name, value in drawn.items():
        part, dot, option = name.partition(".")
        if not dot:
            given[name] = value
        elif value is not None:
            given["options"].setdefault(part, {})[option] = value
    return given


@hypothesis.given(st.data())
@hypothesis.settings(max_examples=60)
def test_a_run_is_the_same_however_its_settings_are_spelled(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(SPELLED)), unique=True, min_size=1))
    one, other = ({name: data.draw(st.sampled_from(SPELLED[name][0])) for name in names} for _ in range(2))
    made = Settings.of(_given(one))
    assert made == Settings.of(_given(other))
    assert made.identity() == Settings.of(_given(other)).identity()
    assert Settings.of(json.loads(json.dumps(made.as_json()))) == made
    changed = data.draw(st.sampled_from(names))
    assert Settings.of(_given({**one, changed: SPELLED[changed][1]})).identity() != made.identity()


def test_a_recipe_s_own_options_are_what_a_fusion_does_by_default() -> None:
    assert Settings.of(_given({"sites.kind": "block"})).options == {"sites": {"kind": "block"}}


def test_what_changes_no_result_is_no_part_of_a_run_s_identity() -> None:
    plain = Settings.of({"task": "adni-ad"})
    others = Settings.of({"task": "adni-ad", "out": "runs/elsewhere", "track": "tensorboard"})
    assert others.identity() == plain.identity()
    without = Settings.of({"task": "adni-ad", "learning_curve": False})
    assert "learning_curve" not in without.identity()  # so that what was begun before there was one can be resumed
    assert Settings.of({"task": "adni-ad", "learning_curve": "true"}).identity()["learning_curve"] is True
    assert "seed" not in plain.identity("seed")


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_setting_is_an_option_an_argument_and_an_entry_of_a_file(name: str, tmp_path: Path) -> None:
    """``--help`` is checked beside the command line."""
    assert name == "task" or name in Given.__annotations__
    assert get_type_hints(run)["settings"] == Unpack[Given]
    values = {"task": '"adni-ad"', "data": '"x"', "recipe": '"x"', "allow": '["a"]', "options": "{}", "search": "{}",
              "seed": "1", "image_size": "32", "fusion": '"concat"', "baseline": '"gbdt"', "backbone": '"resnet18"',
              "preset": '"paper"',
              "epochs": "1", "batch_size": "2", "lr": "0.1", "device": '"cpu"', "devices": "1", "nodes": "1",
              "precision": '"32-true"', "folds": "2", "validation": "0.5", "select": '"none"', "track": '"mlflow"',
              "conformal": "0.9", "threshold": '"argmax"', "aggregate": '"max"', "explain": '"none"', "out": '"x"',
              "trials": "3", "objective": '"cross-entropy"', "ship": '"none"',
              "learning_curve": "true"}  # fmt: skip
    file = tmp_path / "run.toml"
    file.write_text(f"{name} = {values[name]}\n" if name != "options" else "[encoder]\n")
    assert plain_values({"task": "adni-ad", **read_config(file)})["task"] == "adni-ad"


def test_the_types_of_a_keyword_are_those_of_its_setting() -> None:
    assert set(Given.__annotations__) | {"task"} == set(FIELDS)
    assert get_type_hints(fabric_for)["precision"] == FIELDS["precision"][0]
    assert set(get_args(FIELDS["aggregate"][0])) == set(AGGREGATIONS)
    assert {name for name, (_, about) in FIELDS.items() if about.preset} == {f.name for f in fields(Preset)} - {
        "slices"
    }


@pytest.mark.parametrize("part", [part for part, place in PARTS.items() if place])
def test_the_options_of_a_part_are_declared_where_they_are_looked_for(part: str) -> None:
    module, _, name = PARTS[part].partition(":")
    factory = getattr(import_module(module), name)
    assert option_names(PARTS[part]) == frozenset(option_parameters(factory))


@pytest.mark.parametrize(
    ("content", "suffix"),
    [("[" * 50_000, "toml"), ("[1]", "json"), ('{"config": []}', "json"), ('{"config": null}', "json"),
     ('{"a": ' * 50_000, "json"), ("\x00", "toml")],
)  # fmt: skip
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, content: str, suffix: str) -> None:
    path = tmp_path / f"file.{suffix}"
    path.write_text(content)
    with pytest.raises(FusekitError, match=f"--config .*file.{suffix}"):
        read_config(path)


@pytest.mark.parametrize("options", [3, "a.b=c", {"training": 3}, {"training": "ema=1"}, ["training"]])
def test_options_of_another_shape_are_refused(options: Any) -> None:
    with pytest.raises(OptionError, match="takes names with values"):
        Settings.of({"task": "adni-ad", "options": options})


@pytest.mark.parametrize("number", ["1_0", "\u0663", "nan", "1e400000", True, []])
def test_a_number_is_a_number(number: Any) -> None:
    for name in ("epochs", "lr"):
        with pytest.raises(OptionError, match=name):
            Settings.of({"task": "adni-ad", name: number})


def test_one_arm_s_options_are_not_for_a_run() -> None:
    with pytest.raises(OptionError, match="are for `fusekit compare`"):
        Settings.of({"task": "adni-ad", "options": {"rbca:injector": {"reduction": "shared"}}})


def test_smoothing_of_older_settings_is_the_objective_s(tmp_path: Path) -> None:
    today = Settings.of({"task": "adni-ad", "options": {"objective": {"smoothing": "0.1"}}})
    manifest = tmp_path / "manifest.json"
    config = {**today.as_json(), "options": {"training": {"smoothing": 0.1, "clip": 1.0}}}
    manifest.write_text(json.dumps({"config": config}), "utf-8")
    found = Settings.of(read_config(manifest))
    assert found.options == {"training": {"clip": 1.0}, "objective": {"smoothing": 0.1}}
    assert today.options == {"objective": {"smoothing": 0.1}}
    both = {"training": {"smoothing": 0.2}, "objective": {"smoothing": 0.1}}
    assert Settings.of({"task": "adni-ad", "options": both}) == today  # what is said in today's words


def test_the_default_objective_is_one_however_it_is_spelled() -> None:
    plain = Settings.of({"task": "adni-ad"})
    assert Settings.of({"task": "adni-ad", "objective": "cross-entropy"}) == plain
    assert "objective" not in plain.as_json()
    with pytest.raises(UnknownName, match="no objective is called 'cross-entropie'; did you mean 'cross-entropy'"):
        Settings.of({"task": "adni-ad", "objective": "cross-entropie"})
    with pytest.raises(OptionError, match="objective has no option 'gama'; did you mean 'gamma'"):
        Settings.of({"task": "adni-ad", "options": {"objective": {"gama": "2"}}})
