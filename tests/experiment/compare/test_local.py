"""Trainings side by side: who gets which device, and what is noted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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


PARENT = """
import sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from fusekit.experiment.compare import local as jobs

if __name__ == "__main__":
    context = get_context("spawn")
    devices = context.SimpleQueue()
    devices.put("cpu")
    with ProcessPoolExecutor(1, context, jobs._begin, (devices, 1)) as pool:
        import os
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 600).result()
"""


def test_the_processes_of_a_comparison_end_with_the_one_that_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(PARENT)
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        os.kill(worker, 0)  # it is there
        parent.kill()
    assert parent.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and alive(worker):
        time.sleep(0.05)
    assert not alive(worker)


def alive(process: int) -> bool:
    """Whether it runs; one that has ended and whom nobody asks how does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
