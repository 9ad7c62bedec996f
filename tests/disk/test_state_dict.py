"""Weights of others: what is read, what is refused, and that nothing in a file is run."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from fusekit.disk.state_dict import read_state_dict
from fusekit.errors import DataError

WEIGHTS = {"conv.weight": torch.arange(6.0).reshape(2, 3), "conv.bias": torch.tensor([1.5, -2.0])}


def test_both_kinds_of_file_give_the_same(tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "w.pth")
    save_file(WEIGHTS, tmp_path / "w.safetensors")
    for path in (tmp_path / "w.pth", tmp_path / "w.safetensors"):
        found = read_state_dict(path)
        assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert sorted(found.tensors) == sorted(WEIGHTS)
        assert all(torch.equal(found.tensors[name], value) for name, value in WEIGHTS.items())


def test_of_a_checkpoint_the_weights_are_taken(tmp_path: Path) -> None:
    optimizer = {"state": {0: {"exp_avg": torch.ones(2)}}, "lr": 0.1}
    ema = {name: value + 1 for name, value in WEIGHTS.items()}
    torch.save({"epoch": 3, "optimizer": optimizer, "state_dict": WEIGHTS, "ema": ema}, tmp_path / "c.pth")
    assert torch.equal(read_state_dict(tmp_path / "c.pth").tensors["conv.bias"], WEIGHTS["conv.bias"])


class Harmful:
    """Runs a command where it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    torch.save({"conv.weight": torch.ones(2), "more": Harmful(tmp_path / "made")}, tmp_path / "bad.pth")
    with pytest.raises(DataError, match="holds more than tensors"):
        read_state_dict(tmp_path / "bad.pth")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.safetensors", b"nonsense", "no safetensors file"),
        ("a.pth", b"nonsense", "cannot be read as weights"),
        ("a.pth", b"", "cannot be read as weights"),
        ("a.pth", None, "the weights cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_state_dict(tmp_path / name)


@pytest.mark.parametrize("content", [[torch.ones(2)], {"epoch": 3}, {}])
def test_a_file_without_named_tensors_is_refused(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(DataError, match="holds no weights"):
        read_state_dict(tmp_path / "a.pth")
