"""The training loop, on Lightning Fabric: a loop that reads as a loop."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn.functional import cross_entropy

from fusekit.errors import FusekitError, OptionError
from fusekit.models import channels_last
from fusekit.progress import Progress
from fusekit.training.augment import Augment, AugmentOptions
from fusekit.training.best_epoch import BestEpoch
from fusekit.training.compiled import compile_errors
from fusekit.training.descent import Descent
from fusekit.training.loader import EpochSampler, SliceDataset, batch_sizes, loader_for
from fusekit.training.options import TrainingOptions
from fusekit.training.prefetch import Prefetch

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


def fabric_for(device: str, precision: Precision) -> Fabric:
    """Open a device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        OptionError: this machine has no such device.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, number = device.partition(":")
    present = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if kind not in present or (number and not number.isdigit()):
        raise OptionError(f"--device takes auto, cpu, cuda, cuda:N or mps, not {device!r}.")
    if int(number or 0) >= present[kind]:
        raise OptionError(
            f"--device {device}: this machine has {present[kind]} {kind} devices; --device cpu works here."
        )
    devices = [int(number)] if number and kind == "cuda" else 1
    with warnings.catch_warnings():  # on every machine that has Slurm: one process needs no srun
        warnings.filterwarnings("ignore", "The `srun` command is available")
        return Fabric(accelerator=kind, devices=devices, precision=precision)


@contextmanager
def repeatable() -> Iterator[None]:
    """Give the same numbers each time on one machine, on CUDA too, where kernels may add in whatever order is fastest.

    An operation that has no such kernel warns. torch's own settings are put back afterwards.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts; without it, cuBLAS warns
    cudnn, memory = torch.backends.cudnn, cast(Any, torch.utils.deterministic)  # whose setting torch does not type
    enabled, warn_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    benchmark, filled = cudnn.benchmark, memory.fill_uninitialized_memory
    try:
        torch.use_deterministic_algorithms(True, warn_only=True)
        cudnn.benchmark = False
        memory.fill_uninitialized_memory = False  # which finds bugs, and takes time
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
        cudnn.benchmark, memory.fill_uninitialized_memory = benchmark, filled


@compile_errors()
def train(
    fabric: Fabric,
    model: nn.Module,
    dataset: SliceDataset,
    *,
    epochs: int,
    batch_size: int,
    lr: float,
    seed: int,
    options: TrainingOptions,
    augment: AugmentOptions | None = None,
    progress: Progress,
    epoch_ended: Callable[[int, dict[str, float]], None],
    validate: Callable[[], float] | None = None,
) -> int:
    """Fit a fusion model with Adam and cross-entropy; the model is changed in place.

    Args:
        fabric: device and precision.
        model: (image, clinical) -> (B, K) logits.
        dataset: of the training subjects.
        epochs: passes over it.
        batch_size: slices a step.
        lr: Adam's learning rate.
        seed: with the epoch's number, it gives the order of the slices.
        options: the rest.
        augment: how the images are changed at random; None leaves them as they are.
        progress: shows batches.
        epoch_ended: called with the epoch, counted from 1, and its scores: loss and accuracy over the training
            slices as they were seen, learning rate, seconds, images per second, and what ``validate`` found.
        validate: scores the model, in evaluation mode and with its averaged weights if it has any, on subjects set
            aside, the higher the better. The model ends as it was after its best epoch, the first of equals. None keeps
            the last epoch.

    Returns:
        The epoch that was kept.

    Raises:
        FusekitError: the loss is not finite, with the epoch; or the network cannot be compiled.
    """
    sizes = batch_sizes(len(dataset), batch_size)
    descent = Descent(fabric, model, options, lr=lr, epochs=epochs, sizes=sizes)
    sampler = EpochSampler(len(dataset), seed)
    loader = loader_for(dataset, sampler, batch_size, options.workers, pin=fabric.device.type == "cuda")
    batches = Prefetch(loader, fabric.device)
    varied = Augment(augment or AugmentOptions(), seed)
    best = BestEpoch(options.patience)
    for epoch in range(1, epochs + 1):
        descent.network.train()
        sampler.start_epoch(epoch)
        loss_sum = torch.zeros((), device=fabric.device)
        hits = torch.zeros((), device=fabric.device)
        seen, start = 0, time.perf_counter()
        for number, batch in enumerate(progress.track(batches, f"epoch {epoch}/{epochs}", len(sizes), "batches")):
            image = dataset.pixels.standardise(varied(batch.image, epoch, number))
            logits = descent.network(channels_last(image), batch.clinical)
            loss = cross_entropy(logits, batch.label)
            descent.take(loss, number)
            loss_sum += loss.detach() * len(batch.label)
            hits += (logits.detach().argmax(dim=1) == batch.label).sum()
            seen += len(batch.label)
        _refuse_nonfinite(loss_sum, epoch)  # once an epoch: a look at the loss waits for the device
        seconds = time.perf_counter() - start
        scores = {
            "loss": float(loss_sum) / seen,
            "accuracy": float(hits) / seen,
            "lr": descent.lr,
            "seconds": seconds,
            "images_per_second": seen / seconds,
        }
        if validate:
            model.eval()
            with descent.averaged():
                scores["validation_auc"] = validate()
                best.see(epoch, scores["validation_auc"], model)
        epoch_ended(epoch, scores)
        if best.waited_enough(epoch):
            break
    descent.end()
    best.restore(model)
    model.eval()
    return best.epoch or epochs


def _refuse_nonfinite(loss: torch.Tensor, epoch: int) -> None:
    if not torch.isfinite(loss):
        raise FusekitError(
            f"the training loss is not finite in epoch {epoch}. "
            "Lower the learning rate (--lr), or train in full precision (--precision 32-true)."
        )
