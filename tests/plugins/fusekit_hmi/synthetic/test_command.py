from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from fusekit.errors import OptionError
from fusekit_hmi.synthetic import cohort
from fusekit_hmi.synthetic.command import synthesize_hmi


def _invoke(*arguments: str) -> Result:
    program = typer.Typer()
    program.command()(synthesize_hmi)
    return CliRunner().invoke(program, list(arguments))


def _everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def _fake(calls: list[dict[str, Any]], error: Exception | None = None) -> Callable[..., None]:
    def write_cohort(folder: Path, progress: object, **options: Any) -> None:
        (folder / "images").mkdir()
        calls.append(options)
        if error:
            raise error

    return write_cohort


def test_it_writes_where_it_is_told_and_says_what_it_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(cohort, "write_cohort", _fake(calls))
    out = tmp_path / "deep" / "cohort"
    result = _invoke(str(out), "--subjects", "12", "--seed", "3", "--table-effect", "0", "--interaction", "0.5")
    assert result.exit_code == 0, result.output
    assert _everything(out) == ["images"]
    assert _everything(tmp_path) == ["deep", "deep/cohort", "deep/cohort/images"]
    assert calls == [{"seed": 3, "subjects": 12, "image_effect": 1.0, "table_effect": 0.0, "interaction": 0.5}]
    assert "SYNTHETIC cohort of 12 patients" in result.output
    assert f"fusekit run hmi --data {out}" in result.output.replace("\n", " ")


def test_an_empty_folder_may_be_there_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort, "write_cohort", _fake([]))
    (tmp_path / "cohort").mkdir()
    assert _invoke(str(tmp_path / "cohort")).exit_code == 0
    assert _everything(tmp_path) == ["cohort", "cohort/images"]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(cohort, "write_cohort", _fake(calls))
    (tmp_path / "thesis.txt").write_text("mine")
    result = _invoke(str(tmp_path))
    assert isinstance(result.exception, OptionError)
    assert "is not empty" in str(result.exception)
    assert _everything(tmp_path) == ["thesis.txt"]
    assert calls == []


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(cohort, "write_cohort", _fake([], error))
    assert _invoke(str(tmp_path / "deep" / "cohort")).exit_code != 0
    assert _everything(tmp_path) == []


def test_the_defaults_are_those_of_the_task() -> None:
    import inspect

    from fusekit_hmi.task import HmiTask

    command = inspect.signature(synthesize_hmi).parameters
    task = inspect.signature(HmiTask.synthesize).parameters
    python = inspect.signature(cohort.write_cohort).parameters
    for name in ("seed", "subjects", "image_effect", "table_effect", "interaction"):
        assert command[name].default == task[name].default == python[name].default
