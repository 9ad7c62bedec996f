"""``fusekit run`` as a person uses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from fusekit import Run
from fusekit.cli import program
from fusekit.cli.app import STOPPED
from fusekit.disk import SEAL
from fusekit.experiment.setup.settings import FIELDS
from fusekit.extension import catalog
from fusekit.training.guard.failures import within_memory
from tests.conftest import CommandLine

pytestmark = pytest.mark.usefixtures("unexplained")

runner, app = CliRunner(), program(catalog())

TOML = """
task = "adni-ad"
fusion = "concat"
backbone = "test_resnet"
epochs = 1
batch_size = 8
image_size = 32

[synthetic]
subjects = 24

[encoder]
activation = "none"
"""

OWN = """
table = "people.csv"
images = "{id}.png"
subject = "id"
label = "ill"
classes = ["no", "yes"]
columns = ["age"]
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
    assert "adni-ad · concat · test_resnet · SYNTHETIC cohort" in shown.stdout
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
def test_help_names_every_setting_of_a_run_in_its_group_with_its_default(option: str) -> None:
    shown = runner.invoke(app, ["run", option], env={"COLUMNS": "200"}).stdout
    groups = {text.split(" ─")[0]: text for text in shown.split("╭─ ")}
    for name, (_, about) in FIELDS.items():
        if name not in ("task", "options"):
            assert f"--{name.replace('_', '-')} " in groups[about.group.capitalize()]
    assert "--option" in groups["Model"]
    said = " ".join(shown.split())
    for default in ("256 with --data, 64 without", "(rbca)", "(auto)", "(5, and 1 for", "runs/TASK-FUSION-DATE-TIME"):
        assert default in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "adni-ad", "--fusion", "rcba"), "did you mean 'rbca'"),
        (("run", "adni-ad", "--backbone", "resnt18"), "did you mean 'resnet18'"),
        (("run", "adni-ad", "-o", "injector.reductoin=shared"), "did you mean 'reduction'"),
        (("run", "adni-ad", "-o", "training.emma=0.9"), "did you mean 'ema'"),
        (("run", "adni-ad", "--baseline", "logistik"), "did you mean 'logistic'"),
        (("run", "adni-ad", "--search", "injector.reductoin=shared,separate"), "did you mean 'reduction'"),
        (("run", "adni-ad", "--validation", "1.5"), "subjects below 1"),
        (("compare", "adni-ad", "--fusion", "concat,rbca", "-o", "rbca:head.token=32"), "the arm rbca: head has no"),
    ],
)
def test_a_mistyped_name_is_refused_without_importing_torch(arguments: tuple[str, ...], message: str) -> None:
    code = f"import sys; sys.argv = ['fusekit', *{arguments!r}]\nfrom fusekit.cli import main\n"
    code += "try: main()\nfinally: assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert message in " ".join(done.stderr.split())
    assert "AssertionError" not in done.stderr
    assert done.returncode == 2


def test_a_run_that_is_asked_to_stop_ends_after_its_batch_and_goes_on_to_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command_line: CommandLine
) -> None:
    draw = np.random.default_rng(0)
    for number in range(16):
        Image.fromarray(draw.integers(0, 255, (16, 16), dtype=np.uint8)).save(tmp_path / f"p{number:02}.png")
    rows = [f"p{number:02},{('no', 'yes')[number % 2]},{draw.integers(50, 90)}" for number in range(16)]
    (tmp_path / "people.csv").write_text("\n".join(["id,ill,age", *rows]) + "\n")
    (tmp_path / "own.toml").write_text(OWN)
    arguments = ["--fusion", "clinical-only", "--image-size", "32", "--batch-size", "4"]
    arguments += ["--epochs", "3", "--folds", "2", "--validation", "0.25", "--select", "auc"]
    run = ["run", str(tmp_path / "own.toml"), *arguments, "--out", "runs/mine"]
    batches: list[str] = []
    real = within_memory

    def counting(step: Any, batch: Any, where: str, **alone: Any) -> Any:
        batches.append(where)
        if len(batches) == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(step, batch, where, **alone)

    monkeypatch.setattr("fusekit.training.loop.within_memory", counting)
    found = {}
    for name, stop_at in (("whole", 0), ("stopped", 9)):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        batches.clear()
        code, said = command_line(*run)
        if stop_at:
            assert code == STOPPED == 75
            assert batches[-1] == "epoch 2, batch 1 of 2"  # of the second of three trainings, of three epochs each
            folder = tmp_path / "stopped" / "runs"
            assert f"What is done is kept in {folder / '.mine.unfinished'}; to resume: fusekit run --out" in said
            assert said.endswith("stopped: stopped by SIGTERM after epoch 2, batch 1 of 2.")
            assert [path.name for path in folder.iterdir()] == [".mine.unfinished"]
            code, said = command_line("run", "--out", "runs/mine", "--resume")
            assert "1 of 3 trainings are finished already and are kept" in said
        assert code == 0
        found[name] = (len(batches), untimed(Path("runs/mine")))
    assert found["stopped"] == found["whole"]  # to the byte, and no batch was done twice
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def untimed(folder: Path) -> dict[str, Any]:
    """Every file of a run, without durations, memory and its place."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SEAL):
        found[str(path.relative_to(folder))] = path.read_bytes()
    manifest = json.loads(found["manifest.json"])
    del manifest["config"]["out"]  # each run has its own folder to work in
    found["manifest.json"] = {k: v for k, v in manifest.items() if k not in ("seconds", "peak_memory_mib")}
    history = pd.read_csv(folder / "history.csv").drop(columns=["seconds", "images_per_second"])
    found["history.csv"] = history.to_csv()
    return found
