from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from fusekit.errors import OptionError
from fusekit_adni.synthetic import download, followup
from fusekit_adni.synthetic.command import synthesize_adni


def _invoke(*arguments: str) -> Result:
    program = typer.Typer()
    program.command()(synthesize_adni)
    return CliRunner().invoke(program, list(arguments))


def _everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def _fake(calls: list[dict[str, Any]], error: Exception | None = None) -> Callable[..., None]:
    def write_download(folder: Path, progress: object, **options: Any) -> None:
        (folder / "ADNI").mkdir()
        calls.append(options)
        if error:
            raise error

    return write_download


def test_it_writes_where_it_is_told_and_says_what_it_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(download, "write_download", _fake(calls))
    out = tmp_path / "deep" / "cohort"
    result = _invoke(str(out), "--subjects", "12", "--seed", "3", "--table-effect", "0", "--interaction", "0.5")
    assert result.exit_code == 0, result.output
    assert _everything(out) == ["ADNI"]
    assert _everything(tmp_path) == ["deep", "deep/cohort", "deep/cohort/ADNI"]
    assert calls == [{"seed": 3, "subjects": 12, "image_effect": 1.0, "table_effect": 0.0, "interaction": 0.5}]
    assert "SYNTHETIC cohort of 12 subjects" in result.output
    assert f"fusekit run adni-ad --data {out}" in result.output.replace("\n", " ")


def test_the_other_cohort_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(followup, "write_followup", _fake(calls))
    result = _invoke(str(tmp_path / "cohort"), "--task", "mci-converter", "--subjects", "40")
    assert result.exit_code == 0, result.output
    assert calls == [{"seed": 0, "subjects": 40, "image_effect": 1.0, "table_effect": 1.0, "interaction": 1.0}]
    assert "fusekit run mci-converter --data" in result.output.replace("\n", " ")
    assert _invoke(str(tmp_path / "other"), "--task", "mci").exit_code == 2


def test_an_empty_folder_may_be_there_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "write_download", _fake([]))
    (tmp_path / "cohort").mkdir()
    assert _invoke(str(tmp_path / "cohort")).exit_code == 0
    assert _everything(tmp_path) == ["cohort", "cohort/ADNI"]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(download, "write_download", _fake(calls))
    (tmp_path / "thesis.txt").write_text("mine")
    result = _invoke(str(tmp_path))
    assert isinstance(result.exception, OptionError)
    assert "is not empty" in str(result.exception)
    assert _everything(tmp_path) == ["thesis.txt"]
    assert calls == []


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(download, "write_download", _fake([], error))
    assert _invoke(str(tmp_path / "deep" / "cohort")).exit_code != 0
    assert _everything(tmp_path) == []


def test_the_defaults_are_those_of_the_task() -> None:
    import inspect

    from fusekit_adni.converter_task import MciConverterTask
    from fusekit_adni.task import AdniAdTask

    command = inspect.signature(synthesize_adni).parameters
    for task, write in ((AdniAdTask, download.write_download), (MciConverterTask, followup.write_followup)):
        options = inspect.signature(task.synthesize).parameters
        python = inspect.signature(write).parameters
        for name in ("seed", "subjects", "image_effect", "table_effect", "interaction"):
            assert command[name].default == options[name].default == python[name].default
