import inspect
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from fusekit.errors import OptionError
from fusekit.progress import Quiet
from fusekit_hmi.synthetic.command import synthesize_hmi
from fusekit_hmi.task import HmiTask


def test_it_writes_what_was_asked_and_reports_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(HmiTask, "synthesize", lambda self, folder, progress, **options: calls.append(options))
    program = typer.Typer()
    program.command()(synthesize_hmi)
    out = str(tmp_path / "cohort")
    asked = ("--subjects", "12", "--seed", "3", "--table-effect", "0", "--interaction", "0.5")
    result = CliRunner().invoke(program, [out, *asked])
    assert result.exit_code == 0, result.output
    assert calls == [{"seed": 3, "subjects": 12, "image_effect": 1.0, "table_effect": 0.0, "interaction": 0.5}]
    assert "SYNTHETIC cohort of 12 patients" in result.output
    assert f"fusekit run hmi --data {out}" in result.output.replace("\n", " ")


def test_the_strength_of_the_table_is_limited(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="table_effect takes a number from 0 to 2, not 3"):
        HmiTask().synthesize(tmp_path, Quiet(), table_effect=3)


def test_the_defaults_are_those_of_the_task() -> None:
    command, task = inspect.signature(synthesize_hmi).parameters, inspect.signature(HmiTask.synthesize).parameters
    for name in ("seed", "subjects", "image_effect", "table_effect", "interaction"):
        assert command[name].default == task[name].default
