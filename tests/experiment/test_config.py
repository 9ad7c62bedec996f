"""Configurations: layers, files, and what is refused before anything is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fusekit.errors import DataError, OptionError, UnknownName
from fusekit.experiment.setup.given import merge, parse_options, parse_search, read_config
from fusekit.experiment.setup.parts import open_task
from fusekit.experiment.setup.settings import Settings
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
        "crop": "none", "largest": 0, "window": (), "depth": "uint8",
    }  # fmt: skip

    synthetic = Settings.of({"task": "adni-ad"})
    assert synthetic.backbone == "resnet50"
    assert synthetic.epochs < 100
    assert synthetic.image_size < 256


def test_later_layers_win_and_options_merge_one_by_one() -> None:
    file = {"task": "adni-ad", "epochs": 3, "options": {"encoder": {"activation": "none"}, "slices": {"start": 100.0}}}
    line = {"epochs": 5, "seed": None, "options": {"slices": {"stop": "120"}}}
    config = Settings.of(merge(file, line))
    assert (config.epochs, config.seed) == (5, 0)
    assert config.options == {"encoder": {"activation": "none"}, "slices": {"start": 100.0, "stop": "120"}}
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
        ({"task": "adni-ad", "epochs": "many"}, OptionError, "epochs takes a whole number, not 'many'"),
        ({"task": "adni-ad", "epochs": 2.5}, OptionError, "epochs takes a whole number, not 2.5"),
        ({"task": "adni-ad", "precision": "16"}, OptionError, "precision takes one of 32-true, bf16-mixed, 16-mixed"),
        ({"task": "adni-ad", "lr": 0.0}, OptionError, "--lr takes a number above 0"),
        ({"task": "adni-ad", "lr": float("nan")}, OptionError, "--lr takes a number above 0"),
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
            "does not reach into baselines",
        ),
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
    found = config.candidates()
    assert [(c.lr, c.options["training"]["weight_decay"]) for _, c in found] == [
        (1e-3, "0"),
        (1e-3, "0.01"),
        (1e-4, "0"),
        (1e-4, "0.01"),
    ]
    assert found[1][0] == {"lr": "1e-3", "training.weight_decay": "0.01"}
    assert all(c.options["training"]["patience"] == 3 and not c.search for _, c in found)
    toml = tmp_path / "search.toml"
    toml.write_text('task = "adni-ad"\n[search]\nlr = [1e-3, 1e-4]\n', "utf-8")
    assert Settings.of(read_config(toml)).search == {"lr": ("0.001", "0.0001")}
    assert Settings.of(json.loads(json.dumps(config.as_json()))) == config
    for wrong in ("lr", "lr=", "=1", "lr=,"):
        with pytest.raises(OptionError, match="--search takes name=value,value"):
            parse_search([wrong])
    with pytest.raises(OptionError, match="names lr twice"):
        parse_search(["lr=1", "lr=2"])


def test_a_config_survives_json() -> None:
    config = Settings.of({"task": "adni-ad", "out": Path("x"), "options": {"head": {}}})
    assert isinstance(config, Settings)
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
    assert (config.epochs, config.batch_size) == (7, 16)
    task = open_task(config.task, {})
    assert config.slice_policy(task).plane == "sagittal"
    assert Settings.of({"task": "mine.toml", "data": Path("elsewhere"), "epochs": 2}).epochs == 2
    assert Settings.of({"task": "mine.toml", "data": Path("elsewhere")}).data == Path("elsewhere")
    monkeypatch.chdir("/")
    assert Settings.of(json.loads(json.dumps(config.as_json()))) == config
    assert Settings.of({"task": "adni-ad"}).task_name == "adni-ad"
    with pytest.raises(DataError, match="there is no such file; did you mean"):
        Settings.of({"task": str(tmp_path / "min.toml")})
