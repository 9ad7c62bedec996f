"""What is written is whole or not there, has reached the disk, and is known again."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from fusekit.disk import (
    SEAL,
    all_onto_disk,
    checksum,
    checksum_of,
    onto_disk,
    read_json,
    read_tensors,
    refuse_damaged,
    seal,
    whole,
    write_bytes,
    write_json,
    write_tensors,
)
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


def test_tensors_come_back_whatever_they_share_and_however_they_lie(tmp_path: Path) -> None:
    base = torch.arange(24.0).reshape(2, 3, 4)
    tensors = {"base": base, "part": base[1], "turned": base.transpose(0, 2), "same": base, "empty": torch.zeros(0)}
    write_tensors(tmp_path / "x.safetensors", tensors)
    back = load_file(tmp_path / "x.safetensors")
    assert set(back) == set(tensors)
    assert all(torch.equal(back[name], value) for name, value in tensors.items())


@pytest.mark.parametrize("part", ["save_file", "fsync", "replace"])
def test_a_full_disk_leaves_the_file_before_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": torch.ones(3)})
    before = path.read_bytes()

    def full(*given: Any) -> None:
        if part == "save_file":
            Path(given[1]).write_bytes(b"half")
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    place: Any = {"save_file": "safetensors.torch.save_file", "fsync": "os.fsync", "replace": "pathlib.Path.replace"}
    monkeypatch.setattr(place[part], full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_tensors(path, {"a": torch.zeros(3)})
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["x.safetensors"]


def test_an_error_that_is_not_the_disks_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise SafetensorError("duplicate key")

    monkeypatch.setattr("safetensors.torch.save_file", refuse)
    with pytest.raises(SafetensorError, match="duplicate key"):
        write_tensors(tmp_path / "x.safetensors", {})


def flip(path: Path, place: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)


def test_a_checksum_is_what_b2sum_prints(tmp_path: Path) -> None:
    """The digest of nothing and of "abc" are those of ``b2sum -l 128``."""
    assert checksum(b"") == "cae66941d9efbd404e4d88758ea67670"
    (tmp_path / "x").write_bytes(b"abc")
    assert checksum(b"a", b"bc") == checksum_of(tmp_path / "x") == hashlib.blake2b(b"abc", digest_size=16).hexdigest()


def test_each_flipped_bit_of_a_file_of_tensors_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    tensors = {"a": torch.arange(3.0), "b": torch.tensor(True), "c": torch.ones(2, 2, dtype=torch.bfloat16)}
    write_tensors(path, tensors, {"said": "something"})
    back, said = read_tensors(path)
    assert said == {"said": "something"}
    assert all(torch.equal(back[name], value) for name, value in tensors.items())
    for place in range(path.stat().st_size):
        flip(path, place, place % 8)
        try:
            same, told = read_tensors(path)
        except (OSError, ValueError):
            pass
        else:  # white space, or the order of what has names
            assert told == said
            assert all(torch.equal(same[name], value) for name, value in tensors.items())
        flip(path, place, place % 8)


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
    assert read_json(tmp_path / "x.json") == {"a": 1}
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
    with pytest.raises(DataError, match=r"x\.json is damaged: it is not JSON"):
        read_json(tmp_path / "x.json")


def test_damage_to_a_sealed_folder_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "fold-0"
    (folder / "deep").mkdir(parents=True)
    (folder / "p.csv").write_text("a,b\n")
    (folder / "deep" / "q").write_text("")
    seal(folder, "fold-0")
    refuse_damaged(folder, "Do it again.")
    (folder / "further").write_text("of the user")
    refuse_damaged(folder, "Do it again.")
    for place in range(4):
        flip(folder / "p.csv", place)
        with pytest.raises(
            DataError, match=r"fold-0/p\.csv was changed or damaged after it was written\. Do it again\."
        ):
            refuse_damaged(folder, "Do it again.")
        flip(folder / "p.csv", place)
    for place in range((folder / SEAL).stat().st_size):
        flip(folder / SEAL, place)
        known = None
        try:
            known = json.loads((folder / SEAL).read_bytes())
            refuse_damaged(folder, "Do it again.")
        except (DataError, ValueError):
            pass
        else:
            flip(folder / SEAL, place)
            assert known == json.loads((folder / SEAL).read_bytes())  # white space
            flip(folder / SEAL, place)
        flip(folder / SEAL, place)
    (folder / "p.csv").rename(tmp_path / "p.csv")
    with pytest.raises(DataError, match=r"p\.csv is missing\. Do it again\."):
        refuse_damaged(folder, "Do it again.")
    (tmp_path / "p.csv").rename(folder / "p.csv")
    folder.rename(tmp_path / "fold-1")
    with pytest.raises(DataError, match=r"fold-1 is another folder's content: fold-0 was written there"):
        refuse_damaged(tmp_path / "fold-1", "Do it again.")
    (tmp_path / "fold-1" / SEAL).unlink()
    with pytest.raises(DataError, match=r"checksums\.json is missing"):
        refuse_damaged(tmp_path / "fold-1", "Do it again.")
