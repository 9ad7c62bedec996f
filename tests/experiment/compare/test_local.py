"""Trainings side by side: who gets which device, and what is noted."""

from __future__ import annotations

import pytest

from fusekit.experiment.compare.local import device_of


@pytest.mark.parametrize(
    ("device", "gpus", "taken"),
    [
        ("cuda", 2, ["cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:0"]),
        ("auto", 3, ["cuda:0", "cuda:1", "cuda:2", "cuda:0", "cuda:1"]),
        ("cuda", 1, ["cuda:0"] * 5),  # several share one
        ("cuda:1", 4, ["cuda:1"] * 5),  # somebody asked for this one
        ("auto", 0, ["auto"] * 5),
        ("cpu", 4, ["cpu"] * 5),
        ("mps", 0, ["mps"] * 5),
    ],
)
def test_processes_take_the_gpus_in_turn(device: str, gpus: int, taken: list[str]) -> None:
    assert [device_of(device, number, gpus) for number in range(5)] == taken
