"""Who started this process is told by what it was given."""

from __future__ import annotations

import os
import re

import pytest

from fusekit.errors import OptionError
from fusekit.launch_environment import Surroundings, settled, surroundings

TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "RANK": "5", "LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}
BATCH_SCRIPT = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_NNODES": "2"}
STEP = {**BATCH_SCRIPT, "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NUM_NODES": "2"}


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("SLURM_", "TORCHELASTIC_", "FUSEKIT_RANK", "FUSEKIT_SIZE")):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Surroundings()),
        ({"FUSEKIT_RANK": "1", "FUSEKIT_SIZE": "3"}, Surroundings("fusekit", 1, 3)),
        (TORCHRUN, Surroundings("torchrun", 5, 4, 2)),
        (BATCH_SCRIPT, Surroundings()),  # one process, which may start others
        (STEP | {"SLURM_PROCID": "3"}, Surroundings("srun", 3, 2, 2)),
        (STEP | {"SLURM_STEP_NUM_TASKS": "1", "SLURM_STEP_NUM_NODES": "1"}, Surroundings()),  # a shell, or a job's fold
    ],
)
def test_processes_know_who_started_them(
    given: dict[str, str], expected: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert surroundings() == expected
    assert settled(None, None) == (expected.devices, expected.nodes)
    assert settled(expected.devices, expected.nodes) == (expected.devices, expected.nodes)


@pytest.mark.parametrize(
    ("given", "asked", "message"),
    [
        ({}, (0, None), "--devices takes 1 or more, not 0"),
        ({}, (None, 0), "--nodes takes 1 or more, not 0"),
        ({}, (4, 2), "srun --nodes=2 --ntasks-per-node=4 fusekit run ..."),
        (TORCHRUN, (2, None), "torchrun started 4 processes on each of 2 nodes, which is not --devices 2 --nodes 2"),
        (STEP, (1, None), "srun started 2 processes on each of 2 nodes, which is not --devices 1 --nodes 2"),
        (STEP | {"SLURM_STEP_NUM_TASKS": "3"}, (None, None), "3 processes on 2 nodes; use --ntasks-per-node"),
    ],
)
def test_what_does_not_go_together_is_refused_with_what_to_type(
    given: dict[str, str], asked: tuple[int | None, int | None], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(OptionError, match=re.escape(message)):
        settled(*asked)


def test_alone_several_devices_are_started_here() -> None:
    assert settled(4, None) == (4, 1)
