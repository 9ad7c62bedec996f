"""What is written is whole or not there, and has reached the disk, contents and names."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from fusekit.disk import all_onto_disk, onto_disk, read_json, regular, whole, write_bytes, write_json, write_tensors
from fusekit.errors import DataError


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


def test_a_file_is_never_written_through_a_link_and_follows_the_umask(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    for name in (".x.json.partial", ".x.json.new", f".x.json.{os.getpid()}.partial", "x.json"):
        (tmp_path / name).symlink_to(tmp_path / "mine")
    before = os.umask(0o027)
    try:
        write_json(tmp_path / "x.json", {"a": 1})
        write_tensors(tmp_path / "x.safetensors", {"a": torch.ones(2)})
    finally:
        os.umask(before)
    assert (tmp_path / "mine").read_text() == "precious"
    assert not (tmp_path / "x.json").is_symlink()
    assert read_json(tmp_path / "x.json", dict[str, int]) == {"a": 1}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "x.json", tmp_path / "x.safetensors")} == {0o640}


def test_an_error_while_writing_leaves_the_file_before(tmp_path: Path) -> None:
    write_bytes(tmp_path / "x", b"old")
    with suppress(ZeroDivisionError), whole(tmp_path / "x") as new:
        new.write_bytes(b"ha")
        raise ZeroDivisionError
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"x": b"old"}


@pytest.mark.parametrize("content", ["{", "\0", "[" * 100_000, "\xff"])
def test_json_that_is_damaged_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content, encoding="latin-1")
    with pytest.raises(DataError, match=r"x\.json: this is not JSON"):
        read_json(tmp_path / "x.json", dict[str, int])


def test_what_is_no_file_is_refused_before_it_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path / "pipe.csv")
    (tmp_path / "x.csv").write_text("a")
    assert regular(tmp_path / "x.csv") == tmp_path / "x.csv"
    for path in (tmp_path / "pipe.csv", tmp_path / "link.csv", Path("/dev/zero")):
        with pytest.raises(DataError, match=r"is a (named pipe|device), and only files are read"):
            regular(path)
    with pytest.raises(DataError, match="is no path that a system takes: File name too long"):
        regular(tmp_path / ("n" * 300))
    with pytest.raises(FileNotFoundError):
        regular(tmp_path / "gone.csv")
