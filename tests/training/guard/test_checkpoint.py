"""A training whose process dies at any moment goes on, and ends with the same bits."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fusekit.errors import DataError, FusekitError
from fusekit.training.guard.checkpoint import Checkpoint, Place, RandomState

#: Trains in a folder until a moment, and gives the exit code.
Live = Callable[[Path, str], int]

KILLED, STOPPED, DONE = -9, 75, 0


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    """``killed.py``, which imports torch once for all lives."""
    command = [sys.executable, str(Path(__file__).with_name("killed.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:

        def one(folder: Path, moment: str) -> int:
            assert program.stdin is not None
            assert program.stdout is not None
            folder.mkdir(exist_ok=True)
            program.stdin.write(f"{folder}\t{moment}\n")
            program.stdin.flush()
            return int(program.stdout.readline())

        yield one


@pytest.fixture(scope="module")
def unbroken(live: Live, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a training ends with that nobody kills: the epoch kept, a digest of its weights, the history."""
    folder = tmp_path_factory.mktemp("unbroken")
    assert live(folder, "no") == DONE
    return told(folder)


def told(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "told.json").read_text())
    return content


def moments() -> list[str]:
    """Random ones: of 20 batches in 4 epochs, and of the parts of writing a checkpoint after each."""
    draw = random.Random(20261128)
    batches = [f"{kind} {n}" for kind in ("batch", "term") for n in draw.sample(range(1, 21), 5)]
    writing = [f"{kind} {n}" for kind in ("fsync", "replace", "written", "ended") for n in draw.sample(range(1, 5), 2)]
    return batches + writing


@pytest.mark.parametrize("moment", moments())
def test_a_training_that_ends_at_any_moment_goes_on_to_the_same_bits(
    moment: str, live: Live, unbroken: dict[str, Any], tmp_path: Path
) -> None:
    assert live(tmp_path, moment) == (STOPPED if moment.startswith("term") else KILLED)
    assert not (tmp_path / "told.json").exists()
    assert live(tmp_path, "no") == DONE
    assert told(tmp_path) == unbroken


def test_a_training_that_is_killed_again_and_again_goes_on_to_the_same_bits(
    live: Live, unbroken: dict[str, Any], tmp_path: Path
) -> None:
    """The state of an epoch's middle is gone on with, too, and replaced by another of its middle."""
    codes = [live(tmp_path, moment) for moment in ("term 2", "term 1", "replace 1", "term 8", "fsync 2", "term 4")]
    assert codes == [STOPPED, STOPPED, KILLED, STOPPED, KILLED, STOPPED]
    assert live(tmp_path, "no") == DONE
    assert told(tmp_path) == unbroken


def test_a_training_that_is_done_is_not_done_again(live: Live, unbroken: dict[str, Any], tmp_path: Path) -> None:
    assert live(tmp_path, "no") == DONE
    (tmp_path / "told.json").unlink()
    assert live(tmp_path, "batch 1") == DONE  # no batch is seen
    assert told(tmp_path) == unbroken
    assert {path.name for path in tmp_path.iterdir()} == {"training.safetensors", "told.json"}


class Held:
    """An object with any state."""

    def __init__(self, state: Any):
        self.state = state

    def state_dict(self) -> Any:
        return self.state

    def load_state_dict(self, state: Any) -> None:
        self.state = state


def there_and_back(path: Path, state: Any) -> Any:
    first, second = Checkpoint(path), Checkpoint(path)
    first.keep(held=Held(state))
    first.save(Place(3, 2))
    held = Held(None)
    second.keep(held=held)
    assert second.load() == Place(3, 2)
    return held.state


def test_plain_values_come_back_as_they_were(tmp_path: Path) -> None:
    state: dict[str, Any] = {
        "numbers": [0.1 + 0.2, 1e-310, -float("inf"), 2**70, True, None],
        "by number": {0: "zero", 7: {"betas": (0.9, 0.999)}},
        "empty": [{}, [], ()],
    }
    back = there_and_back(tmp_path / "x.safetensors", state)
    assert back == state
    assert [type(value) for value in back["empty"]] == [dict, list, tuple]
    assert isinstance(back["numbers"][4], bool)


def test_tensors_come_back_as_they_lay_in_memory(tmp_path: Path) -> None:
    base = torch.randn(2, 3, 4, 5)
    shared = torch.arange(6.0)
    state = {
        "last": base.contiguous(memory_format=torch.channels_last),
        "first": base,
        "turned": torch.randn(3, 4).T,
        "half": torch.randn(3).bfloat16(),
        "bytes": torch.get_rng_state(),
        "scalar": torch.tensor(3),
        "none": torch.zeros(0, 4),
        "a": shared,
        "b": shared[2:4],
    }
    back = there_and_back(tmp_path / "x.safetensors", state)
    for name, value in state.items():
        assert torch.equal(back[name], value)
        assert back[name].dtype == value.dtype
        assert back[name].stride() == value.stride() or value.numel() <= 1
    assert back["last"].is_contiguous(memory_format=torch.channels_last)


def test_random_numbers_go_on_where_they_were() -> None:
    state = torch.get_rng_state()
    try:
        random_state = RandomState(torch.device("cpu"))
        kept = random_state.state_dict()
        expected = torch.rand(3)
        random_state.load_state_dict(kept)
        torch.rand(1)
        random_state.again()
        assert torch.equal(torch.rand(3), expected)
    finally:
        torch.set_rng_state(state)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"config": {"lr": 0.1, "seed": 0}, "versions": {"torch": "2"}}, r"config\.lr was 0\.01 and is 0\.1"),
        ({"config": {"lr": 0.01, "seed": 0}, "versions": {"torch": "3"}}, r'versions\.torch was "2" and is "3"'),
        ({"config": {"lr": 0.01}, "versions": {"torch": "2"}}, r"config\.seed was 0 and is null"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused_by_name(tmp_path: Path, other: dict[str, Any], message: str) -> None:
    path = tmp_path / "x.safetensors"
    network = nn.Linear(1, 1)
    first = Checkpoint(path, {"config": {"lr": 0.01, "seed": 0}, "versions": {"torch": "2"}})
    first.keep(network=network)
    first.save(Place())
    second = Checkpoint(path, other)
    before = network.weight.detach().clone()
    second.keep(network=network)
    with pytest.raises(DataError, match=message):
        second.load()
    assert torch.equal(network.weight, before)


@pytest.mark.parametrize("content", [b"", b"\x08\0\0\0\0\0\0\0{}      ", b"half of a check"])
def test_a_damaged_checkpoint_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is no checkpoint, or a damaged one .* Delete it"):
        Checkpoint(path).load()


def test_a_flipped_bit_of_a_checkpoint_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    network = nn.Linear(3, 2)
    kept = Checkpoint(path, {"config": {"lr": 0.01}})
    kept.keep(network=network)
    kept.save(Place(2))
    whole = path.read_bytes()
    for place in (*range(len(whole) - 32, len(whole)), whole.index(b"0.01"), whole.index(b"network")):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        again = Checkpoint(path, {"config": {"lr": 0.01}})
        again.keep(network=network)
        with pytest.raises(DataError, match=r"x\.safetensors is no checkpoint, or a damaged one .* Delete it"):
            again.load()


def test_a_state_that_cannot_be_kept_is_named(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "x.safetensors")
    checkpoint.keep(schedule=Held({"steps": [1, object()]}))
    with pytest.raises(FusekitError, match=r"the state schedule/steps/1 is of the type object"):
        checkpoint.save(Place())
    assert list(tmp_path.iterdir()) == []


def test_a_state_that_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    Checkpoint(path).save(Place())
    later = Checkpoint(path)
    later.keep(average=Held(0))
    with pytest.raises(DataError, match="has no state of average"):
        later.load()


def test_without_a_file_nothing_is_kept() -> None:
    checkpoint = Checkpoint()
    checkpoint.keep(held=Held(Tensor([1.0])))
    checkpoint.save(Place(2))
    assert checkpoint.load() == Place(1, 0)
