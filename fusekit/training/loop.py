"""The training loop, on Lightning Fabric: a loop that reads as a loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fusekit.errors import Interrupted, OptionError
from fusekit.models import channels_last
from fusekit.progress import Progress
from fusekit.training.augment import Augment, AugmentOptions
from fusekit.training.best_epoch import BestEpoch
from fusekit.training.checkpoint import Checkpoint, Place, RandomState, Stateful
from fusekit.training.compiled import compile_errors
from fusekit.training.descent import Descent
from fusekit.training.failures import readers_watched, within_memory
from fusekit.training.finite import FiniteLosses
from fusekit.training.loader import Batch, EpochSampler, SliceDataset, batch_sizes, loader_for
from fusekit.training.options import TrainingOptions
from fusekit.training.prefetch import Prefetch
from fusekit.training.running import Running
from fusekit.training.stop import asked, postponed

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
    # A training is one process: inside a job, or beside a Slurm, Fabric would look for others, and warn.
    return Fabric(accelerator=kind, devices=devices, precision=precision, plugins=[LightningEnvironment()])


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
    checkpoint: Checkpoint | None = None,
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
        checkpoint: written after every epoch, and after the batch in which a signal asks to stop. If it is there
            already, training goes on from it, and ends with the same weights, on a CPU bit by bit, as without a break.

    Returns:
        The epoch that was kept.

    Raises:
        NonFiniteError: a loss is not finite, with epoch, batch and its rows.
        BatchTooLargeError: a batch does not fit, with the size that does.
        Interrupted: a signal came (see ``stoppable``).
        DataError: the checkpoint is of another training.
        FusekitError: the network cannot be compiled.
        OSError: the checkpoint cannot be written; the one before is as it was.
    """
    sizes = batch_sizes(len(dataset), batch_size)
    descent = Descent(fabric, model, options, lr=lr, epochs=epochs, sizes=sizes)
    sampler = EpochSampler(len(dataset), seed)
    loader = loader_for(dataset, sampler, batch_size, options.workers, pin=fabric.device.type == "cuda")
    batches = Prefetch(loader, fabric.device)
    varied = Augment(augment or AugmentOptions(), seed)
    best, running = BestEpoch(options.patience), Running(fabric.device)
    losses, random = FiniteLosses(fabric.device), RandomState(fabric.device)
    checkpoint = checkpoint or Checkpoint()
    # Everything that changes in training stands here; the names are those in the file.
    checkpoint.keep(
        network=model,
        descent=descent,
        precision=cast(Stateful, fabric.strategy.precision),
        best=best,
        running=running,
        random=random,
    )
    begun = checkpoint.load()

    def step(epoch: int, number: int, batch: Batch) -> tuple[Tensor, Tensor]:
        image = dataset.pixels.standardise(varied(batch.image, epoch, number))
        logits = descent.network(channels_last(image), batch.clinical)
        loss = cross_entropy(logits, batch.label)
        descent.take(loss, number)
        return loss.detach(), logits.detach()

    with postponed(), readers_watched(), compile_errors():
        for epoch in range(begun.epoch, epochs + 1):
            if best.waited_enough(epoch - 1):
                break
            done = begun.batch if epoch == begun.epoch else 0
            if not done:
                running.begin()
            descent.network.train()
            sampler.start_epoch(epoch, done * batch_size)
            left = _left(batches, len(sizes) - done, random if done else None)
            shown = progress.track(left, f"epoch {epoch}/{epochs}", len(sizes) - done, "batches")
            for number, batch in enumerate(shown, start=done):
                where = f"epoch {epoch}, batch {number + 1} of {len(sizes)}"
                loss, logits = within_memory(partial(step, epoch, number), batch, where)
                losses.see(where, loss, batch.row)
                running.add(loss, logits, batch.label)
                if asked():
                    losses.look_at(model)
                    checkpoint.save(Place(epoch, number + 1))
                    raise Interrupted(f"stopped by {asked()} after {where}.")
            losses.look_at(model)
            scores = running.scores(descent.lr)
            if validate:
                model.eval()
                with descent.averaged():
                    scores["validation_auc"] = validate()
                    best.see(epoch, scores["validation_auc"], model)
            epoch_ended(epoch, scores)
            checkpoint.save(Place(epoch + 1))
            if asked():
                raise Interrupted(f"stopped by {asked()} after epoch {epoch}.")
    descent.end()
    best.restore(model)
    model.eval()
    return best.epoch or epochs


def _left(batches: Prefetch, count: int, begun: RandomState | None) -> Iterator[Batch]:
    """The batches of an epoch that are left to do, with the random numbers of an epoch without a break."""
    if count:
        for number, batch in enumerate(batches):
            if begun and number == 0:
                begun.again()  # a loader draws a number as it begins; it did so before the break, too
            yield batch
