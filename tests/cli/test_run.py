"""``fusekit run`` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fusekit.cli import program
from fusekit.experiment import Run
from fusekit.extension import catalog

runner, app = CliRunner(), program(catalog())

TOML = """
task = "adni-ad"
fusion = "concat"
backbone = "resnet10t"
epochs = 1
batch_size = 8
image_size = 32

[synthetic]
subjects = 24

[encoder]
activation = "none"
"""


def test_a_file_gives_the_settings_and_the_line_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ablation.toml").write_text(TOML, "utf-8")
    shown = runner.invoke(
        app,
        ["run", "--config", "ablation.toml", "--seed", "3", "--epochs", "2", "-o", "encoder.activation=relu"],
        catch_exceptions=False,
    )
    assert shown.exit_code == 0
    assert "adni-ad · concat · resnet10t · SYNTHETIC cohort" in shown.stdout
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("adni-ad-concat-")
    assert f"Everything lies in runs/{folder.name}" in shown.stdout
    run = Run(folder)
    config = run.manifest["config"]
    assert (config["seed"], config["epochs"], config["image_size"]) == (3, 2, 32)
    assert run.manifest["model"]["recipe"]["options"]["encoder"]["activation"] == "relu"
    assert len(run.history) == 2


def test_the_synthetic_cohort_is_announced_before_anything_else(small_run: Run, tmp_path: Path) -> None:
    arguments = ["run", "--config", str(small_run.folder / "manifest.json"), "--out", str(tmp_path / "run")]
    shown = runner.invoke(app, arguments, catch_exceptions=False)
    assert shown.exit_code == 0
    assert shown.stderr.startswith("SYNTHETIC cohort: no --data was given, so invented patients are used")
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["synthetic"] is True


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_setting_of_a_run(option: str) -> None:
    shown = runner.invoke(app, ["run", option], env={"COLUMNS": "200"}).stdout
    names = "fusion backbone data epochs batch-size lr image-size seed folds device precision out option config"
    for name in names.split():
        assert f"--{name}" in shown
