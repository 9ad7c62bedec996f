"""A file of tensors is the new one or the old one, never half of one, and never a damaged one."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from fusekit.disk import read_tensors, write_tensors


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


def test_each_flipped_bit_of_a_file_of_tensors_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    tensors = {"a": torch.arange(3.0), "b": torch.tensor(True), "c": torch.ones(2, 2, dtype=torch.bfloat16)}
    write_tensors(path, tensors, {"said": "something"})
    back, said = read_tensors(path)
    assert said == {"said": "something"}
    assert all(torch.equal(back[name], value) for name, value in tensors.items())
    for place in range(path.stat().st_size):
        _flip(path, place)
        try:
            same, told = read_tensors(path)
        except (OSError, ValueError):
            pass
        else:  # white space, or the order of what has names
            assert told == said
            assert all(torch.equal(same[name], value) for name, value in tensors.items())
        _flip(path, place)


def _flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << place % 8
    path.write_bytes(content)
