"""``fusekit report`` as a person runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import CommandLine
from tests.fake_runs import fake_runs


def test_one_run_gets_its_report_inside(command_line: CommandLine, tmp_path: Path) -> None:
    (run,) = fake_runs(tmp_path, arms=["gbdt"], subjects=40, ablations=False)
    code, said = command_line("report", str(run))
    assert code == 0
    assert "SYNTHETIC cohort" in said
    assert str(run / "report.html") in said
    assert (run / "report.html").exists()
    assert (run / "figures" / "roc.svg").exists()


def test_several_runs_are_joined_in_a_folder_of_their_own(
    command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = fake_runs(tmp_path / "c", arms=["logistic", "gbdt"], subjects=40, ablations=False)
    monkeypatch.chdir(tmp_path)
    assert command_line("report", *map(str, runs))[0] == 0
    assert "gbdt" in (tmp_path / "report" / "report.html").read_text()


def test_what_is_no_run_is_refused(command_line: CommandLine, tmp_path: Path) -> None:
    code, said = command_line("report", str(tmp_path))
    assert code == 2
    assert "neither a finished run (manifest.json) nor a comparison" in said
