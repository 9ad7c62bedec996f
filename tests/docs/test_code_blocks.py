"""Every Python block of the documentation runs; every command line it shows exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from fusekit import Run
from fusekit.cli import program
from fusekit.experiment.setup.given import parse_options
from fusekit.extension import catalog
from fusekit.extension.fusion import registered

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
)
OF_EXAMPLES = {"clinical-gate", "gated-sum"}  # fusions that a reader installs first
GENERATED = {"cli.md", "components.md", "notebook.md"}  # the notebook has a test of its own


def blocks(page: Path, language: str) -> Iterator[str]:
    yield from re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )


@pytest.mark.parametrize("page", [p for p in PAGES if p.name not in GENERATED], ids=lambda p: str(p.relative_to(ROOT)))
def test_python_blocks_run(page: Path, small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "first").symlink_to(small_run.folder)  # the run that the pages speak of
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page, "python"):
        if block.startswith("def ") and block.count("\n") == 1:
            continue  # a signature alone
        exec(compile(block, str(page), "exec"), namespace)


def commands(page: Path) -> Iterator[list[str]]:
    for block in blocks(page, "console"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ fusekit"):
                yield shlex.split(line.removeprefix("$ "), comments=True)[1:]


@pytest.fixture(scope="module")
def parsers() -> Any:
    """The whole command line as a group of parsers; typer does not publish their type."""
    return typer.main.get_command(program(catalog()))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_command_lines_exist(page: Path, parsers: Any) -> None:
    for arguments in commands(page):
        if arguments[0].startswith("-"):
            continue
        command = parsers.commands[arguments[0]]
        while hasattr(command, "commands"):  # fusekit cache list
            command, arguments = command.commands[arguments[1]], arguments[1:]
        context = command.make_context(arguments[0], arguments[1:], resilient_parsing=False)
        for part, options in parse_options(list(context.params.get("option") or [])).items():
            assert options, part
        fusion = context.params.get("fusion")
        for name in {*(fusion or "rbca").split(",")} - OF_EXAMPLES:
            registered(name)  # refuses what is none
        baseline = context.params.get("baseline")
        assert set((baseline or "logistic").split(",")) <= set(catalog().baselines.names())


def test_there_are_blocks_to_run() -> None:
    assert sum(1 for page in PAGES for _ in blocks(page, "python")) >= 5
    assert sum(1 for page in PAGES for _ in commands(page)) >= 10
