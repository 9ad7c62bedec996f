"""What benchmarks share: works timed in turns, so that a busy machine slows all of them alike, and a printed table."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

import torch


def interleaved(works: Mapping[str, Callable[[], object]], pairs: int, device: str = "cpu") -> dict[str, list[float]]:
    """Name -> seconds in each of ``pairs`` rounds; every round runs each work once, every other round backwards.

    A round before the first is not counted. Seconds are this process's CPU time, all its threads together (set
    ``torch.set_num_threads(1)`` for one), or with device "cuda" those between two events on the GPU.
    """
    names = list(works)
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(-1, pairs):
        for name in names if turn % 2 else reversed(names):
            spent = seconds(works[name], device)
            if turn >= 0:
                times[name].append(spent)
    return times


def seconds(work: Callable[[], object], device: str = "cpu") -> float:
    """One run: CPU time of the process, or the time between two CUDA events."""
    if device == "cpu":
        start = time.process_time()
        work()
        return time.process_time() - start
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    before.record()
    work()
    after.record()
    torch.cuda.synchronize()
    return float(before.elapsed_time(after)) / 1000


def ratio(times: Mapping[str, Sequence[float]], name: str, to: str) -> tuple[float, float, float]:
    """Median, least and greatest ratio of two works, round by round."""
    each = [mine / theirs for mine, theirs in zip(times[name], times[to], strict=True)]
    return median(each), min(each), max(each)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned: the first to the left, the others to the right."""
    lines = [heads, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    )
