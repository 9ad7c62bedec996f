"""Which settings hold where none are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusekit.experiment.setup.parts import open_task
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.presets import TUNED
from fusekit.experiment.setup.settings import Settings
from fusekit.training import AugmentOptions, TrainingOptions

PUBLISHED = ("adni-ad", "mci-converter", "hmi")


@pytest.mark.parametrize("task", PUBLISHED)
def test_real_data_of_a_published_task_are_trained_on_as_published(task: str) -> None:
    settings = Settings.of({"task": task, "data": Path("somewhere")})
    assert settings.preset == "paper"
    assert (settings.backbone, settings.epochs, settings.lr) == ("resnet50", 100, 1e-4)
    assert settings.of_part(open_task(task, {}), "training") == {}


@pytest.mark.parametrize("task", PUBLISHED)
def test_synthetic_data_are_trained_on_by_what_learns(task: str) -> None:
    settings = Settings.of({"task": task})
    assert settings.preset == "tuned"
    assert (settings.backbone, settings.epochs, settings.batch_size, settings.lr) == (
        TUNED.backbone,
        None,
        TUNED.batch_size,
        TUNED.lr,
    )
    assert settings.of_part(open_task(task, {}), "training") == TUNED.options["training"]


def test_slices_are_those_of_the_data_whatever_the_preset() -> None:
    task = open_task("adni-ad", {})
    for name in ("paper", "tuned"):
        assert Settings.of({"task": "adni-ad", "preset": name}).slice_policy(task) == task.synthetic.slices
        real = Settings.of({"task": "adni-ad", "preset": name, "data": "somewhere"})
        assert (real.slice_policy(task), real.image_size) == (task.paper.slices, 256)


def test_what_is_given_wins_and_the_presets_own_value_is_no_change() -> None:
    own = {"training": {"ema": "0.99", "clip": "0.1"}, "augment": {"flip": "0"}}
    settings = Settings.of({"task": "adni-ad", "options": own, "epochs": 3})
    assert settings.options == {"training": {"clip": 0.1}, "augment": {"flip": 0.0}}
    plan = make_plan(settings)
    assert (plan.training.ema, plan.training.clip, plan.augment.flip) == (0.99, 0.1, 0.0)
    assert plan.augment.rotate == TUNED.options["augment"]["rotate"]
    assert Settings.of(settings.as_json()) == settings
    plain = Settings.of({"task": "adni-ad", "preset": "paper", "options": {"training": {"ema": 0.99}}})
    assert plain.options == {"training": {"ema": 0.99}}


def test_slices_that_show_front_and_back_are_not_mirrored() -> None:
    settings = Settings.of({"task": "adni-ad", "options": {"slices": {"plane": "sagittal"}}})
    assert make_plan(settings).augment.flip == 0


def test_what_a_task_sets_itself_wins_over_every_preset(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        'title = "Ill?"\ntable = "t.csv"\nimages = { column = "image" }\nsubject = "id"\nlabel = "ill"\n'
        'classes = { well = "0", ill = "1" }\ncolumns = ["age"]\n[training]\nepochs = 7\n'
    )
    settings = Settings.of({"task": str(tmp_path / "own.toml")})
    assert (settings.preset, settings.epochs, settings.backbone) == ("tuned", 7, TUNED.backbone)


@pytest.mark.parametrize(
    ("batches", "epochs"),
    [(25, 24), (6, 100), (5, 100), (300, 10), (60, 10), (40, 15)],  # 600 steps; never more than 100, or less than 10
)
def test_epochs_follow_from_steps(batches: int, epochs: int) -> None:
    assert TrainingOptions().epochs(batches) == epochs


def test_a_manifest_of_a_time_without_presets_is_as_published(tmp_path: Path) -> None:
    from fusekit.experiment.setup.given import read_config

    (tmp_path / "manifest.json").write_text('{"config": {"task": "adni-ad", "epochs": 4, "fusion": "rbca"}}')
    assert read_config(tmp_path / "manifest.json")["preset"] == "paper"


def test_an_encoder_that_a_fusion_leaves_open_is_the_presets() -> None:
    encoders = {
        fusion: make_plan(Settings.of({"task": "adni-ad", "fusion": fusion})).build_model(9, 1).description["recipe"]
        for fusion in ("clinical-only", "table-first", "concat")
    }
    widths = {fusion: recipe["options"]["encoder"].get("width") for fusion, recipe in encoders.items()}
    assert widths == {"clinical-only": 64, "table-first": 16, "concat": None}  # the paper's path has a width of its own
    assert encoders["clinical-only"]["options"]["encoder"]["weight_decay"] == 10
    assert encoders["table-first"]["options"]["encoder"]["weight_decay"] is None


def test_of_a_frozen_network_the_preset_varies_no_images() -> None:
    def augment(fusion: str, **options: dict[str, object]) -> AugmentOptions:
        return make_plan(Settings.of({"task": "adni-ad", "fusion": fusion, "options": options})).augment

    frozen: dict[str, object] = {"freeze": "all"}
    assert augment("concat").rotate == TUNED.options["augment"]["rotate"]
    assert augment("concat", backbone={"freeze": "3"}).rotate == TUNED.options["augment"]["rotate"]
    assert augment("concat", backbone=frozen) == AugmentOptions()
    assert augment("concat", backbone=frozen, augment={"flip": 0.5}) == AugmentOptions(flip=0.5)
    assert augment("rbca", backbone=frozen).rotate == TUNED.options["augment"]["rotate"]  # an injector changes features
