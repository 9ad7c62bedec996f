"""Two processes on the CPU come to what one comes to with twice the batch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusekit.errors import FusekitError
from fusekit.launch_environment import ADDRESS, PORT, RANK, SIZE, free_port
from fusekit.training import ALONE, Processes
from fusekit.training.machines.processes import ProcessLostError, others_watched

PROGRAM = Path(__file__).with_name("together.py")
Found = dict[str, dict[str, Any]]


def started(folder: Path, **own: str) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    surrounding = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error::FutureWarning", **own}
    command = [sys.executable, str(PROGRAM), str(folder)]
    return subprocess.Popen(command, env=surrounding, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Found, Found, Found]:
    """Of one process, and of each of two."""
    folder = tmp_path_factory.mktemp("together")
    place = {ADDRESS: "127.0.0.1", PORT: str(free_port()), SIZE: "2"}
    processes = [started(folder / "two", **place, **{RANK: rank}) for rank in "01"]
    said = [process.communicate(timeout=300)[1] for process in [*processes, started(folder / "one")]]
    assert all(process.returncode == 0 for process in processes), said
    one, first, second = (
        json.loads((folder / name).read_text()) for name in ("one/0.json", "two/0.json", "two/1.json")
    )
    return one, first, second


def test_what_they_tell_each_other(found: tuple[Found, Found, Found]) -> None:
    for told in (found[1]["told"], found[2]["told"]):
        assert told == {
            "gather": [{"rank": 0}, {"rank": 1}],
            "from_first": "made by 0",
            "any": [True, False],
            "sum": [2.0, 1.0],
            "copy": [1.0],
        }


def test_normalisation_is_that_of_all_features_at_once(found: tuple[Found, Found, Found]) -> None:
    one, two = found[0]["norms"], found[1]["norms"]
    assert list(one) == list(two)
    for name in one:
        assert two[name]["kind"] == one[name]["kind"]  # plain again
        for what in ("out", "gradient"):
            joined = [row for part in two[name][what] for row in part]
            assert [len(part) for part in two[name][what]] == [3, 4]
            assert flat(joined) == pytest.approx(flat(one[name][what]), rel=1e-9, abs=1e-12)
        for what in ("weights", "statistics", "evaluated"):
            assert flat(two[name][what]) == pytest.approx(flat(one[name][what]), rel=1e-9, abs=1e-12), (name, what)
    assert found[2]["norms"] == two


@pytest.mark.parametrize("case", ["plain", "options", "best epoch"])
def test_losses_and_weights_are_those_of_one_process_with_twice_the_batch(
    case: str, found: tuple[Found, Found, Found]
) -> None:
    one, first, second = (each[case] for each in found)
    assert first == second
    assert first["losses"] == pytest.approx(one["losses"], rel=1e-7)  # 1e-4 is asked for
    assert first["weights"] == pytest.approx(one["weights"], rel=1e-6)
    assert first["kinds"] == one["kinds"]
    assert first["kept"] == (1 if case == "best epoch" else 2)


def test_in_single_precision_too_as_long_as_rounding_does_not_grow(found: tuple[Found, Found, Found]) -> None:
    one, first, _ = (each["single precision"] for each in found)
    assert first["losses"] == pytest.approx(one["losses"], abs=1e-4)


def test_augmentation_differs_between_processes_and_is_repeated(found: tuple[Found, Found, Found]) -> None:
    one, first, second = (each["augmented"] for each in found)
    assert first == second
    assert first["losses"] != one["losses"]


def test_without_synchronisation_all_still_end_with_the_same_model(found: tuple[Found, Found, Found]) -> None:
    one, first, second = (each["own statistics"] for each in found)
    assert first["bits"] == second["bits"]
    assert first["losses"] != pytest.approx(one["losses"], rel=1e-3)  # other statistics, another training


def test_a_signal_to_one_ends_both_and_going_on_gives_the_same_weights(found: tuple[Found, Found, Found]) -> None:
    for each in found:
        assert each["stopped"]["said"] == "stopped by SIGTERM after epoch 2, batch 2 of 4."
        assert each["stopped"]["rest"]["bits"] == each["stopped"]["whole"]["bits"]
        assert each["stopped"]["rest"]["losses"][-1] == each["stopped"]["whole"]["losses"][-1]


def test_what_one_finds_not_finite_all_raise_with_its_rows(found: tuple[Found, Found, Found]) -> None:
    one, first, second = (each["not finite"] for each in found)
    assert first == second
    assert first["error"] == one["error"]
    assert 5 in first["rows"]
    assert first["rows"] == one["rows"]  # the statistics of a batch are those of all
    one, first, second = (each["not finite, own statistics"] for each in found)
    assert first == second
    assert 5 in first["rows"]
    assert set(first["rows"]) < set(one["rows"])  # the half that the slice was in


def test_weights_that_do_nothing_are_named(found: tuple[Found, Found, Found]) -> None:
    assert "error" not in found[0]["unused"]
    for each in found[1:]:
        assert "2 weights of this model take no part in its loss (" in each["unused"]["error"]
        assert "unused.weight" in each["unused"]["error"]


def test_other_data_are_noticed(found: tuple[Found, Found, Found]) -> None:
    for each in found[1:]:
        assert "process 1 of this training has other data than the first: 1, not 0" in each["other data"]["error"]
        assert "other settings than the first: {'lr': 1}, not {'lr': 0}." in each["other settings"]["error"]


@given(count=st.integers(0, 50), size=st.integers(1, 9))
def test_shares_leave_nothing_out_and_differ_by_one_at_most(count: int, size: int) -> None:
    parts = [list(range(count))[Processes(rank, size).part(count)] for rank in range(size)]
    assert [item for part in parts for item in part] == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_alone_every_answer_is_ones_own() -> None:
    assert ALONE.gather(3) == [3]
    assert ALONE.from_first(lambda: "made") == "made"
    assert ALONE.any(True)
    assert ALONE.sum([1.5, 2]) == [1.5, 2]
    ALONE.same("data", object())
    assert Processes.of_launched().size == 1


def test_a_lost_process_is_said_in_words_and_other_errors_stay() -> None:
    gloo = RuntimeError("[../third_party/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by peer")
    with pytest.raises(ProcessLostError, match="another process of this training has ended"), others_watched():
        raise gloo
    with pytest.raises(RuntimeError, match="shape"), others_watched():
        raise RuntimeError("shape")
    assert issubclass(ProcessLostError, FusekitError)


def flat(nested: Any) -> list[float]:
    """All numbers of nested lists."""
    return [number for one in nested for number in flat(one)] if isinstance(nested, list) else [float(nested)]
