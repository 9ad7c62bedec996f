"""``fusekit look`` as a person uses it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fusekit.cli.look import _thumbnail
from fusekit.report.drawing.contact_sheet import Strip
from fusekit.terminal import Terminal
from fusekit.testing import write_cohort
from tests.conftest import CommandLine


def test_a_contact_sheet_is_written_and_its_scans_are_listed(
    tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = command_line("look", str(write_cohort(tmp_path)), "--count", "4", "--image-size", "32")
    assert code == 0
    assert said.count("scan p") == 4
    assert "The contact sheet lies in look-own.png" in said
    assert "SYNTHETIC" not in said
    with Image.open(tmp_path / "look-own.png") as sheet:
        assert sheet.width > 500
    code, said = command_line("look", str(tmp_path / "own.toml"), "--subject", "q")
    assert code == 2
    assert "no subject of the cohort with an image is called 'q'" in said


def test_a_picture_in_the_terminal_has_the_grey_levels_of_the_middle_slice() -> None:
    image = np.zeros((3, 1, 36, 36), dtype=np.uint8)
    image[1, 0, :18] = 200
    drawn = _thumbnail(Strip("p1", "scan", "ill", [0, 1, 2], image))
    console = Terminal(width=40, force_terminal=True, color_system="truecolor", legacy_windows=False)
    with console.capture() as captured:
        console.print(drawn)
    lines = captured.get().splitlines()
    assert len(lines) == 2 + 9
    assert all("200;200;200" in line for line in lines[2:6])
    assert not any("200;200;200" in line for line in lines[7:])
