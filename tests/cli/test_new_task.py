"""``fusekit new-task``, as a person runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import CommandLine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "cohort"
    home.mkdir()
    rows = "".join(f"p{k},{k % 2},{40 + k}.5,2020-01-{k + 1:02}\n" for k in range(12))
    (home / "table.csv").write_text(f"patient,outcome,age,when\n{rows}", "utf-8")
    for k in range(12):
        (home / f"p{k}.nii").write_bytes(b"no volume")
    return home


def test_it_says_what_it_found_and_writes_it_down(
    folder: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    code, said = command_line("new-task", "cohort")
    assert code == 0
    for part in (
        "images 12 NIfTI",
        "first image the first image cannot be read",
        "table table.csv, 12 rows",
        "joined by {patient}.nii, one image for 12 of 12 rows",
        "subject patient",
        "label outcome: 0 (6), 1 (6); a guess",
        "inputs age",
        "left out when: a date",
        "Written to cohort.toml",
    ):
        assert part in said
    assert 'data = "cohort"' in Path("cohort.toml").read_text("utf-8")
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_an_existing_file_is_not_touched(folder: Path, tmp_path: Path, command_line: CommandLine) -> None:
    out = tmp_path / "mine.toml"
    out.write_text("mine", "utf-8")
    code, said = command_line("new-task", str(folder), "--out", str(out))
    assert (code, out.read_text("utf-8")) == (2, "mine")
    assert "exists; choose another name" in said


def test_what_it_cannot_do_ends_with_a_sentence(folder: Path, tmp_path: Path, command_line: CommandLine) -> None:
    code, said = command_line("new-task", str(folder), "--out", str(tmp_path / "nowhere" / "x.toml"))
    assert code == 2
    assert "x.toml cannot be written: No such file or directory" in said
    code, said = command_line("new-task", str(tmp_path / "cohrt"), "--out", str(tmp_path / "x.toml"))
    assert code == 2
    assert "there is no such folder" in said
    assert not (tmp_path / "x.toml").exists()
