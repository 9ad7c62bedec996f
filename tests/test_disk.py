"""What must be on the disk is handed to it, contents and names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fusekit.disk import all_onto_disk, onto_disk


def test_every_file_and_folder_is_handed_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x").write_text("1")
    (tmp_path / ".y").write_text("2")
    asked: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: asked.append(os.fstat(handle).st_ino))
    all_onto_disk(tmp_path)
    assert sorted(asked) == sorted(path.stat().st_ino for path in (tmp_path, *tmp_path.rglob("*")))
    assert asked[-1] == tmp_path.stat().st_ino  # after what is in it


def test_a_system_that_cannot_do_it_for_folders_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    onto_disk(tmp_path)
    (tmp_path / "x").write_text("1")
    with pytest.raises(OSError, match="Invalid argument"):  # of a file it is: the disk may be full
        all_onto_disk(tmp_path)
