"""The example plugin as a third party would use it: built, installed beside FuseKit, run from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

SOURCE = Path(__file__).parents[2] / "examples" / "fusekit-example-plugin"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages that holds the example plugin and nothing else."""
    folder = tmp_path_factory.mktemp("site")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*install, "--target", str(folder), str(SOURCE)], check=True)
    return folder


def fusekit(site: Path, cwd: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-m", "fusekit", *arguments],
        env={**os.environ, "PYTHONPATH": path, **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_shows_up_with_its_distribution(site: Path, tmp_path: Path) -> None:
    shown = fusekit(site, tmp_path, "plugins", COLUMNS="200").stdout
    assert "fusekit-example-plugin 0.1.0" in shown
    assert "clinical-gate" in fusekit(site, tmp_path, "list", "fusions").stdout


@pytest.fixture(scope="module")
def done(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which its task was run with its fusion: what was said, the cache, the run."""
    folder = tmp_path_factory.mktemp("done")
    arguments = ["run", "bright-spot", "--fusion", "clinical-gate", "--backbone", "test_resnet", "--out", "run"]
    said = fusekit(site, folder, *arguments, "-o", "injector.strength=0.5", FUSEKIT_CACHE=str(folder / "cache"))
    assert said.returncode == 0, said.stderr
    (folder / "said.txt").write_text(said.stdout)
    return folder


def test_it_runs_end_to_end(done: Path) -> None:
    said = (done / "said.txt").read_text()
    assert "Brier score" in said
    assert "SYNTHETIC" in said
    page = (done / "run" / "report.html").read_text()
    assert "clinical-gate" in page
    assert page.count("<svg") > 5  # drawn, and in the page itself
    manifest = json.loads((done / "run" / "manifest.json").read_text())
    assert {"name": "example", "distribution": "fusekit-example-plugin", "version": "0.1.0"} in manifest["plugins"]
    assert manifest["model"]["recipe"]["options"]["injector"]["strength"] == 0.5
    epochs = [json.loads(line) for line in (done / "run" / "epochs.jsonl").read_text().splitlines()]  # its epoch_ended
    assert [row["epoch"] for row in epochs] == [1, 2]


def test_it_predicts_what_the_run_predicted(site: Path, done: Path, tmp_path: Path) -> None:
    predictions = pd.read_csv(done / "run" / "predictions.csv")
    patient = predictions["subject"].iloc[0]
    cohort = next((done / "cache" / "synthetic").glob("bright-spot-*"))
    table = pd.read_csv(cohort / "patients.csv").query("patient == @patient")
    table.drop(columns=["image", "spot"]).to_csv(tmp_path / "one.csv", index=False)
    files = ["--image", str(cohort / f"{patient}.npy"), "--clinical", "one.csv"]
    again = fusekit(site, tmp_path, "predict", str(done / "run"), *files, "--format", "csv", "--level", "slice")
    assert again.returncode == 0, again.stderr
    (tmp_path / "again.csv").write_text(again.stdout)
    expected = predictions.loc[predictions["subject"] == patient, "p_1"]
    assert pd.read_csv(tmp_path / "again.csv")["p_spot"].tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_a_bundle_without_its_plugin_names_what_is_missing(site: Path, done: Path) -> None:
    said = fusekit(site, done, "predict", "run", "--image", "x.npy", FUSEKIT_DISABLE="example")
    assert said.returncode == 2
    assert "clinical-gate" in said.stderr
    assert "fusekit-example-plugin" in said.stderr  # the distribution that the bundle's provenance names
