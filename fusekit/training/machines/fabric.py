"""The devices that a training runs on, through Lightning Fabric: imported where one is opened, it takes two seconds."""

import logging

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy

from fusekit.errors import OptionError
from fusekit.launch_environment import surroundings
from fusekit.models.memory_format import torch_device
from fusekit.training.machines.precision import Precision, resolved


def fabric_for(device: str, precision: Precision, devices: int = 1, nodes: int = 1) -> Fabric:
    """Open a device, or one of several per node for this process (on the CPU they share its cores); or OptionError."""
    chosen, arithmetic = torch_device(device), resolved(precision, device)
    assert arithmetic != "auto"
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it names the precision in every training
    if devices * nodes <= 1:
        which = [chosen.index] if chosen.type == "cuda" and chosen.index is not None else 1
        # A training is one process: inside a job, or beside a Slurm, Fabric would look for others, and warn.
        return Fabric(accelerator=chosen.type, devices=which, precision=arithmetic, plugins=[LightningEnvironment()])
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
        precision=arithmetic,
        plugins=[started.get(surroundings().by, _Here)()],
    )


class _Here(LightningEnvironment):
    """Processes of one machine that FuseKit starts; Fabric itself starts none."""

    creates_processes_externally = True

    def local_rank(self) -> int:
        return surroundings().rank

    def node_rank(self) -> int:
        return 0
