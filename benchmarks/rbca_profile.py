"""Where RBCA's time goes beyond the products that it adds: torch's own profiler, operation by operation.

    python -m benchmarks.rbca_profile --json profile.json

A training step is forward and backward; networks take turns, and each operation's time is the median of the rounds. The
profiler itself takes time, more of it where operations are many and small: take ratios from benchmarks.rbca.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from statistics import median

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.profiler import ProfilerActivity, profile

from benchmarks.rbca import CLASSES, COLUMNS, NETWORKS, PLAIN, processor
from benchmarks.timing import table
from fusekit.models import channels_last, weights_channels_last

PRODUCTS, OURS = "+ 13 matrix products", "RBCA of FuseKit"


def operations(model: nn.Module, image: torch.Tensor, columns: torch.Tensor, device: str) -> dict[str, float]:
    """Operation -> milliseconds of its own in a training step; on CUDA those of its kernels."""
    with profile(activities=[ProfilerActivity.CUDA if device == "cuda" else ProfilerActivity.CPU]) as profiler:
        model.zero_grad()
        cross_entropy(model(image, columns), torch.arange(len(image), device=device) % CLASSES).backward()
        if device == "cuda":
            torch.cuda.synchronize()
    found: dict[str, float] = defaultdict(float)
    for event in profiler.key_averages():
        spent = event.self_device_time_total if device == "cuda" else event.self_cpu_time_total
        found[str(event.key)] += spent / 1000
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--rows", type=int, default=10, help="operations that are shown")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    image = channels_last(torch.randn(options.batch, 1, options.size, options.size, device=options.device))
    columns = torch.randn(options.batch, COLUMNS, device=options.device)
    names = [PLAIN, PRODUCTS, "RBCA as published", OURS]
    networks = {name: weights_channels_last(NETWORKS[name]().to(options.device)) for name in names}
    spent: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in names}
    for number in range(options.rounds + 1):
        for name, network in networks.items():
            for operation, time in operations(network, image, columns, options.device).items():
                if number:  # the first warms up
                    spent[name][operation].append(time)
    every = {operation for found in spent.values() for operation in found}
    times = {
        name: {operation: median(found[operation]) if operation in found else 0.0 for operation in every}
        for name, found in spent.items()
    }
    gap = {operation: times[OURS][operation] - times[PRODUCTS][operation] for operation in every}
    shown = sorted(every, key=lambda operation: -abs(gap[operation]))[: options.rows]
    rows = [[name, *(f"{times[one][name]:.1f}" for one in names), f"{gap[name]:+.1f}"] for name in shown]
    whole = {name: sum(found.values()) for name, found in times.items()}
    rows.append(["all operations", *(f"{whole[name]:.1f}" for name in names), f"{whole[OURS] - whole[PRODUCTS]:+.1f}"])
    machine = torch.cuda.get_device_name() if options.device == "cuda" else f"{processor()}; one thread"
    print(f"{machine}; batch {options.batch} of {options.size} x {options.size}, fp32; ms per training step\n")
    print(table(["", *names, "FuseKit - products"], rows))
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "milliseconds": times}, indent=2) + "\n")


if __name__ == "__main__":
    main()
