"""The command line from outside: exit codes, names, and what plugins may add."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from fusekit.cli import main, program
from fusekit.cli.commands import COMMANDS, Command
from fusekit.errors import NameTaken
from fusekit.extension import Catalog, Plugin, PluginHost, catalog, hookimpl
from tests.conftest import CommandLine


def fusekit(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own."""
    return subprocess.run([sys.executable, "-m", "fusekit", *arguments], capture_output=True, text=True, check=False)


def test_help_lists_every_command_and_version_prints_one() -> None:
    shown = fusekit("--help")
    assert shown.returncode == 0
    for command in ("run", "predict", "list", "plugins", "synthesize-adni"):
        assert command in shown.stdout
    groups = re.findall(r"╭─ (.+?) ─", shown.stdout)
    assert groups == ["Options", "Train and compare", "Use a trained model", "Your data", "What is installed"]
    assert fusekit("--version").stdout.strip() == "0.1.0"
    refused = fusekit("list", "fusion")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: nothing is called 'fusion' here")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_shows_examples_whole_and_they_are_commands(command: Command, command_line: CommandLine) -> None:
    _, said = command_line(command.name, "--help")
    parser: Any = typer.main.get_command(program(catalog())).commands[command.name]  # type: ignore[attr-defined]
    for example in command.examples:
        assert f"fusekit {command.name} {example}".rstrip() in said
        parser.make_context(command.name, shlex.split(example), resilient_parsing=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "adni-da"), "no task is called 'adni-da'; did you mean 'adni-ad'?"),
        (("run", "adni-ad", "--fusion", "rcba"), "no fusion is called 'rcba'; did you mean 'rbca'?"),
        (("run", "adni-ad", "--backbone", "resnet5O"), "did you mean 'resnet50'"),
        (("run", "adni-ad", "-o", "injectr.activation=none"), "no part is called 'injectr'; did you mean 'injector'?"),
        (("run", "adni-ad", "-o", "encoder.activatoin=none"), "encoder has no option 'activatoin'"),
        (("run", "adni-ad", "-o", "encoder.activation=gelatine"), "encoder.activation takes one of"),
        (("run", "adni-ad", "-o", "slices.start=150"), "slices.stop must be above slices.start"),
        (("run", "adni-ad", "-o", "nonsense"), "-o takes part.option=value, not 'nonsense'"),
        (("run", "adni-ad", "--epochs", "0"), "--epochs takes 1 or more"),
        (("run", "adni-ad", "--device", "tpu"), "--device takes auto, cpu"),
        (("run",), "the configuration names no task"),
        (("run", "adni-ad", "--data", "nowhere"), "nowhere"),
        (("predict", "nowhere", "--image", "x.nii"), "nowhere is not a bundle"),
        (("list", "fusion"), "did you mean 'fusions'"),
    ],
)
def test_what_a_person_can_put_right_is_said_in_words_and_exits_with_2(
    arguments: tuple[str, ...], message: str, command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = command_line(*arguments)
    assert code == 2
    assert message in said
    assert list(tmp_path.iterdir()) == []  # nothing half-written


def test_a_plugin_cannot_take_the_name_of_a_command() -> None:
    class Greedy:
        @hookimpl
        def register_commands(self, cli: typer.Typer) -> None:
            @cli.command()
            def predict() -> None:
                """Not the real one."""

    host = PluginHost()
    host.add(Greedy(), Plugin("greedy", "fusekit-greedy", "1.0", "greedy"))
    with pytest.raises(
        NameTaken, match=r"'predict' of plugin 'greedy' .*already a command of 'fusekit'[\s\S]*FUSEKIT_DISABLE=greedy"
    ):
        program(Catalog(host))


#: More letters than a name may have.
LONG = "x" * 300


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_an_output_that_is_full_is_said_in_words() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "fusekit", "--version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        ["error: the output cannot be written: No space left on device."],
    )


def test_an_output_that_is_closed_ends_nothing() -> None:
    command = f"exec {shlex.quote(sys.executable)} -m fusekit --version >&-"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments", [("predict", LONG, "--image", "x.nii"), ("new-task", ".", "--out", LONG), ("report", LONG)]
)
def test_a_name_that_is_too_long_is_refused_in_words(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fusekit", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert re.search("^error: .*xxxxx.* (longer than a name may be|no path that a system takes)", said)
