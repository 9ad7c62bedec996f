"""A fusion model under DistributedDataParallel: two processes, here on a CPU with gloo.

On GPUs: the backend ``nccl``, ``model.to(rank)``, and ``SyncBatchNorm`` of torch.
"""

import os
import tempfile
from pathlib import Path

import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

import fusekit

PROCESSES = 2


def train(rank: int, meeting: str) -> None:
    """Take a share of each batch; gradients are averaged over the processes."""
    distributed.init_process_group(
        "gloo", init_method=meeting, rank=rank, world_size=PROCESSES
    )
    torch.manual_seed(0)
    model = fusekit.build("rbca", backbone="resnet10t", columns=29, classes=2)
    parallel = DistributedDataParallel(model)
    optimizer = torch.optim.Adam(parallel.parameters(), lr=1e-3)

    image, columns, label = (
        torch.randn(16, 1, 64, 64),
        torch.randn(16, 29),
        torch.arange(16) % 2,
    )
    mine = slice(rank, None, PROCESSES)
    for _ in range(3):
        optimizer.zero_grad()
        cross_entropy(parallel(image[mine], columns[mine]), label[mine]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    total = torch.stack(
        [weight.detach().double().sum() for weight in model.parameters()]
    ).sum()
    sums = [torch.zeros_like(total) for _ in range(PROCESSES)]
    distributed.all_gather(sums, total)
    if rank == 0:
        same = all(torch.equal(sums[0], one) for one in sums)
        print(f"weights are the same in {PROCESSES} processes: {same}")
    distributed.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    meeting = (Path(tempfile.mkdtemp()) / "meeting").as_uri()
    spawn(train, args=(meeting,), nprocs=PROCESSES)  # type: ignore[no-untyped-call]
