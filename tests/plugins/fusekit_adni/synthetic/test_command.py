import inspect
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from fusekit.errors import OptionError
from fusekit.progress import Quiet
from fusekit_adni.converter_task import MciConverterTask
from fusekit_adni.synthetic.command import synthesize_adni
from fusekit_adni.task import AdniAdTask, AdniTask


@pytest.mark.parametrize(("name", "task"), [("adni-ad", AdniAdTask), ("mci-converter", MciConverterTask)])
def test_it_writes_what_was_asked_and_reports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, task: type[AdniTask]
) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(task, "synthesize", lambda self, folder, progress, **options: calls.append(options))
    program = typer.Typer()
    program.command()(synthesize_adni)
    out = str(tmp_path / "cohort")
    asked = ("--subjects", "12", "--seed", "3", "--table-effect", "0", "--interaction", "0.5")
    result = CliRunner().invoke(program, [out, "--task", name, *asked])
    assert result.exit_code == 0, result.output
    assert calls == [
        {"seed": 3, "subjects": 12, "image_effect": 1.0, "table_effect": 0.0, "interaction": 0.5, "era": "2024"}
    ]
    assert "SYNTHETIC cohort of 12 subjects" in result.output
    assert f"fusekit run {name} --data {out}" in result.output.replace("\n", " ")
    assert CliRunner().invoke(program, [str(tmp_path / "other"), "--task", "mci"]).exit_code == 2


@pytest.mark.parametrize("task", [AdniAdTask, MciConverterTask])
def test_the_strength_of_the_table_is_limited(tmp_path: Path, task: type[AdniTask]) -> None:
    with pytest.raises(OptionError, match="table_effect takes a number from 0 to 3, not 4"):
        task().synthesize(tmp_path, Quiet(), table_effect=4)


def test_the_defaults_are_those_of_the_tasks() -> None:
    command = inspect.signature(synthesize_adni).parameters
    for task in (AdniAdTask, MciConverterTask):
        options = inspect.signature(task.synthesize).parameters
        for name in ("seed", "subjects", "image_effect", "table_effect", "interaction", "era"):
            assert command[name].default == options[name].default
