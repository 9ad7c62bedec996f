"""The devices that a training runs on, through Lightning Fabric."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy

from fusekit.errors import OptionError
from fusekit.launch_environment import surroundings
from fusekit.models.memory_format import torch_device

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


def fabric_for(device: str, precision: Precision, devices: int = 1, nodes: int = 1) -> Fabric:
    """Open a device, or one of several per node for this process (on the CPU they share its cores); or OptionError."""
    chosen = torch_device(device)
    if devices * nodes <= 1:
        which = [chosen.index] if chosen.type == "cuda" and chosen.index is not None else 1
        # A training is one process: inside a job, or beside a Slurm, Fabric would look for others, and warn.
        return Fabric(accelerator=chosen.type, devices=which, precision=precision, plugins=[LightningEnvironment()])
    if chosen.type == "mps" or chosen.index is not None:
        raise OptionError(f"--devices {devices} takes --device cuda or cpu, not {chosen}.")
    if chosen.type == "cuda" and devices > torch.cuda.device_count():
        raise OptionError(f"--devices {devices}: this machine has {torch.cuda.device_count()} cuda devices.")
    started = {"torchrun": TorchElasticEnvironment, "srun": SLURMEnvironment}
    return Fabric(
        accelerator=chosen.type,
        devices=devices,
        num_nodes=nodes,
        strategy=DDPStrategy(gradient_as_bucket_view=True),
        precision=precision,
        plugins=[started.get(surroundings().by, _Here)()],
    )


class _Here(LightningEnvironment):
    """Processes of one machine that FuseKit starts; Fabric itself starts none."""

    creates_processes_externally = True

    def local_rank(self) -> int:
        return surroundings().rank

    def node_rank(self) -> int:
        return 0


@contextmanager
def repeatable() -> Iterator[None]:
    """Give the same numbers each time on one machine; an operation of CUDA that cannot warns. Settings are put back."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts; without it, cuBLAS warns
    cudnn, memory = torch.backends.cudnn, cast(Any, torch.utils.deterministic)  # whose setting torch does not type
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, filled = cudnn.benchmark, memory.fill_uninitialized_memory
    try:
        torch.use_deterministic_algorithms(True, warn_only=True)
        cudnn.benchmark = False
        memory.fill_uninitialized_memory = False  # which finds bugs, and takes time
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
        cudnn.benchmark, memory.fill_uninitialized_memory = benchmark, filled
