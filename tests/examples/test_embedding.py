"""Fusion in networks and loops of others, as the examples show it."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "embedding"
EXAMPLE = FOLDER / "own_network.py"


def test_it_learns_in_under_forty_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) < 40
    names = runpy.run_path(str(EXAMPLE))
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", capsys.readouterr().out)]
    assert len(losses) == 15
    assert losses[0] > 0.5
    assert losses[-1] < 0.1
    assert names["backbone"].net is names["net"]  # the user's own network, not a copy


def said(name: str, folder: Path) -> str:
    """What an example prints, in a process of its own: trainers of others set seeds, and warn."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "plugins"), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, str(FOLDER / name)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loss(text: str) -> float:
    return float(re.findall(r"loss ([\d.]+)", text)[-1])


def test_a_network_of_torchvision(capsys: pytest.CaptureFixture[str]) -> None:
    names = runpy.run_path(str(FOLDER / "torchvision_network.py"))
    assert "8 sites" in capsys.readouterr().out
    assert {name.removeprefix("net.") for name in names["backbone"].state_dict()} == {*names["resnet18"]().state_dict()}
    assert all(weight.grad is not None for weight in names["encoder"].parameters())


def test_volumes_of_monai(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("monai", reason="MONAI is not installed: pip install 'fusekit[monai]'")
    names = runpy.run_path(str(FOLDER / "monai_volumes.py"))
    assert "3 sites" in capsys.readouterr().out
    assert all(weight.grad is not None for weight in names["path"].parameters())


@pytest.mark.slow  # plain DDP is what Lightning's Trainer runs too, and the loop's own tests train in two processes
def test_two_processes_have_the_same_weights(tmp_path: Path) -> None:
    assert "the same in 2 processes: True" in said("several_processes.py", tmp_path)


def test_lightning(tmp_path: Path) -> None:
    pytest.importorskip("pytorch_lightning", reason="Lightning is not installed: pip install pytorch-lightning")
    text = said("lightning_trainer.py", tmp_path)
    assert loss(text) < 0.69  # log 2: what knowing nothing costs
    assert "the same weights: True" in text


def test_the_trainer_of_hugging_face(tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="the Trainer is not installed: pip install transformers accelerate")
    pytest.importorskip("transformers", reason="the Trainer is not installed: pip install transformers accelerate")
    text = said("hugging_face_trainer.py", tmp_path)
    assert loss(text) < 0.69
    assert "logits of 16 patients" in text


def test_the_pages_show_every_example() -> None:
    pages = [ROOT / "docs" / "how-to" / "embed.md", *(ROOT / "docs" / "how-to" / "embedding").glob("*.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert [path.name for path in FOLDER.glob("*.py") if f"examples/embedding/{path.name}" not in text] == []
