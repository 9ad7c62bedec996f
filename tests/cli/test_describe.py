"""``fusekit describe``, as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

from fusekit import describe
from tests.conftest import CommandLine

SMALL = ("--backbone", "test_resnet", "--size", "32")


def test_parts_and_sites_are_printed_and_drawn(command_line: CommandLine, tmp_path: Path) -> None:
    code, said = command_line("describe", "film", *SMALL, "-o", "encoder.width=8", "--svg", str(tmp_path / "film.svg"))
    assert code == 0
    made = describe("film", backbone="test_resnet", size=32, options={"encoder": {"width": 8}})
    for part in made.parts:
        assert f"{part.part} {part.name} {part.shapes} {part.parameters:,} {part.multiply_adds:,}" in said
    assert f"all {made.parameters:,} {made.multiply_adds:,}" in said
    assert all(site.name in said for site in made.sites)
    assert (tmp_path / "film.svg").read_text() == made.svg()


def test_json_is_what_python_gives(command_line: CommandLine) -> None:
    code, said = command_line("describe", "concat", *SMALL, "--json")
    assert code == 0
    made = describe("concat", backbone="test_resnet", size=32)
    assert json.loads(said) == json.loads(json.dumps(made.as_json()))


def test_a_mistyped_name_is_answered_with_the_nearest(command_line: CommandLine) -> None:
    assert command_line("describe", "rcba")[0] == 2
    assert "did you mean 'rbca'" in command_line("describe", "rcba")[1]
