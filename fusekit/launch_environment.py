"""Who started this process, and how many others with it: torchrun, Slurm's srun, FuseKit itself, or no one."""

from __future__ import annotations

import os
import socket
from typing import NamedTuple

from fusekit.errors import OptionError

#: What FuseKit gives a process that it starts: its rank, and how many there are.
RANK, SIZE = "FUSEKIT_RANK", "FUSEKIT_SIZE"
ADDRESS, PORT = "MASTER_ADDR", "MASTER_PORT"


class Surroundings(NamedTuple):
    """How this process was started."""

    by: str = ""  # torchrun, srun or fusekit; empty if it was started alone
    rank: int = 0  # among all that train together
    devices: int = 1  # processes per node
    nodes: int = 1


def surroundings() -> Surroundings:
    """Read how this process was started from its environment."""
    given = os.environ
    if RANK in given:
        return Surroundings("fusekit", int(given[RANK]), int(given[SIZE]))
    if "TORCHELASTIC_RUN_ID" in given:
        devices = int(given["LOCAL_WORLD_SIZE"])
        return Surroundings("torchrun", int(given["RANK"]), devices, int(given["WORLD_SIZE"]) // devices)
    # A step is what srun starts. A batch script, and a shell within a job, have the job's numbers, and are one process.
    tasks = int(given.get("SLURM_STEP_NUM_TASKS", 1)) if "SLURM_STEP_ID" in given else 1
    if tasks > 1:
        nodes = int(given.get("SLURM_STEP_NUM_NODES", 1))
        if tasks % nodes:
            raise OptionError(f"srun started {tasks} processes on {nodes} nodes; use --ntasks-per-node.")
        return Surroundings("srun", int(given["SLURM_PROCID"]), tasks // nodes, nodes)
    return Surroundings()


def settled(devices: int | None, nodes: int | None) -> tuple[int, int]:
    """Devices per node and number of nodes, from what was asked for and what there is; refuses what does not fit."""
    there = surroundings()
    for name, number in (("devices", devices), ("nodes", nodes)):
        if number is not None and number < 1:
            raise OptionError(f"--{name} takes 1 or more, not {number}.")
    if there.by and (devices or there.devices, nodes or there.nodes) != (there.devices, there.nodes):
        raise OptionError(
            f"{there.by} started {there.devices} processes on each of {there.nodes} nodes, which is not --devices "
            f"{devices or there.devices} --nodes {nodes or there.nodes}. Leave both out: they are detected."
        )
    if not there.by and (nodes or 1) > 1:
        raise OptionError(
            f"--nodes {nodes}: start the same command on every node, e.g. with\n"
            f"    srun --nodes={nodes} --ntasks-per-node={devices or 1} fusekit run ...\n"
            f"    torchrun --nnodes={nodes} --nproc-per-node={devices or 1} --rdzv-backend=c10d "
            "--rdzv-endpoint=HOST:29500 -m fusekit run ..."
        )
    return (there.devices, there.nodes) if there.by else (devices or 1, 1)


def free_port() -> int:
    """A port of this machine that is free at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
