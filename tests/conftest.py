"""What tests share: one thread a worker, a cache of their own, and one small run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, settings

import fusekit
from fusekit import Run
from fusekit.cli import main
from fusekit.data import Cohort
from fusekit.evaluation import Rule
from fusekit.experiment.setup.cohort import synthetic_cohort
from fusekit.progress import Quiet
from fusekit.testing.undrawn import undrawn
from tests.shared import made_once

#: No test depends on the clock: a busy machine is slow, and not wrong.
# The same examples each time, so that a change is judged by what it changes; `make fuzz` draws others.
SAME = "FUSEKIT_FUZZ" not in os.environ
UNHURRIED = [HealthCheck.too_slow]
settings.register_profile("timeless", deadline=None, max_examples=50, derandomize=SAME, suppress_health_check=UNHURRIED)
settings.load_profile("timeless")

#: A run that takes seconds: the real task, its synthetic cohort of a few subjects, a tiny network.
SMALL_OPTIONS = {"synthetic": {"subjects": 24}}


@pytest.fixture(scope="session", autouse=True)
def _surroundings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the user's cache out, and torch to its share of the cores: workers of pytest-xdist run side by side."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if "OMP_NUM_THREADS" not in os.environ:  # on a busy machine, threads of one small operation wait for each other
        torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // workers))
    os.environ["FUSEKIT_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session", autouse=True)
def _without_report(_surroundings: None) -> Iterator[None]:
    """Drawing takes longer than a small training: what writes reports has tests of its own, and those of examples."""
    with pytest.MonkeyPatch.context() as patched:
        for module, name, substitute in undrawn():
            patched.setattr(module, name, substitute)
        yield


@pytest.fixture
def unexplained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what a fold's model looks at, which takes longer than a small training and has tests of its own."""

    def nothing_taken_away(fold: Any, predictions: pd.DataFrame, *_: Any, **__: Any) -> pd.DataFrame:
        subjects = Rule().subjects(predictions).assign(condition="as-is")
        chances = [name for name in map(str, subjects) if name.startswith("p_")]
        return subjects[["fold", "condition", "subject", "label", *chances]]

    monkeypatch.setattr("fusekit.experiment.run.fit.explained.explain_fold", nothing_taken_away)


#: Arguments -> exit code, and everything said, with line breaks taken out.
CommandLine = Callable[..., tuple[int, str]]


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The program as a person runs it, in this process: torch is imported once for all tests."""

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["fusekit", *arguments])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, " ".join((said.out + said.err).split())

    return call


@pytest.fixture(scope="session")
def small_run(_without_report: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """``fusekit run adni-ad --fusion rbca``, small."""

    def make(folder: Path) -> None:
        fusekit.run(
            "adni-ad",
            backbone="test_resnet",
            epochs=1,
            image_size=32,
            batch_size=8,
            options=SMALL_OPTIONS,
            out=folder / "small",
            progress=Quiet(),
        )

    return Run(made_once(tmp_path_factory, "runs", make) / "small")


@pytest.fixture(scope="session")
def small_folder(_surroundings: None) -> Path:
    """Where the cohort of ``small_run`` lies."""
    from fusekit_adni.task import AdniAdTask

    return synthetic_cohort("adni-ad", AdniAdTask(), SMALL_OPTIONS, Quiet())


@pytest.fixture(scope="session")
def small_cohort(small_folder: Path) -> Cohort:
    """The cohort of ``small_run``, as its task reads it."""
    from fusekit_adni.task import AdniAdTask

    return AdniAdTask().scan(small_folder, Quiet())
