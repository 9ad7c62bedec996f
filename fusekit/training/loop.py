"""The training loop, on Lightning Fabric."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from fusekit.errors import DataError, Interrupted
from fusekit.models import channels_last
from fusekit.progress import Progress
from fusekit.training.feed.augment import Augment, AugmentOptions
from fusekit.training.feed.drop import dropped
from fusekit.training.feed.loader import Batch, EpochBatches, Prefetch, SliceDataset, loader_for
from fusekit.training.guard.best_epoch import BestEpoch
from fusekit.training.guard.checkpoint import Checkpoint, Place, RandomState
from fusekit.training.guard.failures import FiniteLosses, readers_watched, within_memory
from fusekit.training.guard.stop import asked, postponed
from fusekit.training.machines.processes import ALONE, Processes, others_watched
from fusekit.training.objectives import CrossEntropy, Objective, total
from fusekit.training.options import TrainingOptions
from fusekit.training.step.compiled import compile_errors
from fusekit.training.step.descent import Descent
from fusekit.training.step.epoch_totals import Running

if TYPE_CHECKING:
    from lightning_fabric import Fabric


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
    objective: Objective | None = None,
    augment: AugmentOptions | None = None,
    progress: Progress,
    epoch_ended: Callable[[int, dict[str, float]], None],
    validate: Callable[[], float] | None = None,
    validated: str = "auc",
    keep_best: bool = True,
    checkpoint: Checkpoint | None = None,
    processes: Processes = ALONE,
) -> int:
    """Fit a model (image, clinical[, present] -> outputs) with Adam, in place; return the epoch that was kept.

    Several processes train as one would with a batch that is so many times as large: each takes its share of every
    batch, gradients are those of the mean over all, and batch normalisation takes the statistics of all. All call this,
    with the same data and a model of the same weights.

    Args:
        batch_size: slices per step and process; scans, where the model has a pool.
        seed: of the order of the slices, together with the epoch's number.
        objective: what is made small; None: cross entropy.
        epoch_ended: called with the epoch, from 1, and its scores: loss and accuracy over the training slices as seen
            (of numbers the absolute error), each of several terms of the objective (``loss_NAME``), learning rate,
            seconds, images per second, and what ``validate`` found. What it raises ends the training.
        validate: scores the model, in evaluation mode and with its averaged weights if it has any, on subjects set
            aside, the higher the better.
        validated: what that score is called: ``validation_auc`` in history.csv.
        keep_best: with ``validate``, the model ends as it was after its best epoch, the first of equals; otherwise as
            after the last.
        checkpoint: written after every epoch, and after the step in which a signal asks to stop. If it exists, training
            resumes from it and ends with the same weights, on a CPU bit by bit.

    Raises:
        NonFiniteError, BatchTooLargeError, Interrupted, ProcessLostError: as each says.
        DataError: the checkpoint is of another training; there are fewer slices than processes.
    """
    least = processes.size * (1 if options.sync_batchnorm else 2)
    order = EpochBatches(len(dataset), batch_size, seed, processes, least, dataset.shares)
    if not order.sizes:
        raise DataError(f"{len(dataset)} training slices are too few for {processes.size} devices; use fewer.")
    descent = Descent(fabric, model, options, lr=lr, epochs=epochs, sizes=order.sizes, processes=processes)
    loader = loader_for(dataset, order, options.workers, pin=fabric.device.type == "cuda")
    batches = Prefetch(loader, fabric.device)
    varied = Augment(augment or AugmentOptions(), seed, dataset.channels)
    best, running = BestEpoch(options.patience), Running(fabric.device, processes)
    losses, random = FiniteLosses(fabric.device, processes), RandomState(fabric.device)
    checkpoint, aim = checkpoint or Checkpoint(), (objective or CrossEntropy()).to(fabric.device)
    # Everything that changes in training; the names are those in the file.
    checkpoint.keep(network=model, descent=descent, precision=fabric.strategy.precision, best=best)
    checkpoint.keep_each(running=running, random=random)
    if processes.rank:  # the first draws the numbers that one process alone would
        torch.manual_seed(int(np.random.SeedSequence((seed, processes.rank)).generate_state(1)[0]))
    begun = checkpoint.load()

    def step(epoch: int, number: int, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        image = dataset.pixels.standardise(varied(batch.image, epoch, number * processes.size + processes.rank))
        if batch.present is not None:
            batch = batch._replace(present=dropped(batch.present, options.drop_image, options.drop_table))
        given = filter(torch.is_tensor, [batch.clinical, batch.present])
        of_scans = {} if batch.slices is None else {"slices": batch.slices}
        output = descent.network(channels_last(image), *given, **of_scans)
        terms = aim(output, batch)
        loss = total(terms)
        descent.take(loss, number)
        several = {name: term.detach() for name, term in terms.items()} if len(terms) > 1 else {}
        found = {"loss": loss.detach()} | {f"loss_{name}": term for name, term in several.items()}
        return found, aim.tally(output.outputs.detach(), batch.label)

    count, said = len(order.sizes), Said(epochs, validated)

    def batches_left() -> Iterator[tuple[int, int, Batch]]:
        """Epoch, number and batch; between two epochs, what follows an epoch."""
        for epoch in range(begun.epoch, epochs + 1):
            if best.waited_enough(epoch - 1):
                return
            done = begun.batch if epoch == begun.epoch else 0
            if not done:
                running.begin()
            descent.network.train()
            order.start_epoch(epoch, done)
            said.epoch = epoch
            for number, batch in enumerate(_left(batches, count - done, random if done else None), start=done):
                yield epoch, number, batch
            losses.look_at(model)
            scores = running.scores(descent.lr)
            if validate:
                model.eval()
                with descent.averaged():
                    processes.copy_from_first(model.buffers())  # unsynchronised, each has seen its own share
                    scores[f"validation_{validated}"] = score = validate()
                    if keep_best:
                        best.see(epoch, score, model)
            epoch_ended(epoch, scores)
            said.scores = scores
            progress.log(said())
            checkpoint.save(Place(epoch + 1))
            if processes.any(bool(asked())):
                raise Interrupted(f"stopped by {_signal(processes)} after epoch {epoch}.")

    left = len(dataset) * (epochs - begun.epoch + 1) - begun.batch * batch_size * processes.size
    with postponed(), readers_watched(), others_watched(), compile_errors():
        shown = progress.track(batches_left(), said, left, "images", lambda item: len(item[2].label) * processes.size)
        for epoch, number, batch in shown:
            where = f"epoch {epoch}, batch {number + 1} of {count}"
            found, tallies = within_memory(partial(step, epoch, number), batch, where, alone=processes.size == 1)
            losses.see(where, found["loss"], batch.row)
            running.add(found, tallies, len(batch.label))
            if processes.any(bool(asked())) and descent.is_step(number):
                losses.look_at(model)
                checkpoint.save(Place(epoch, number + 1))
                raise Interrupted(f"stopped by {_signal(processes)} after {where}.")
    descent.end()
    processes.copy_from_first(model.buffers())
    best.restore(model)
    model.eval()
    return best.epoch or epochs


@dataclass
class Said:
    """What is said of a training under way, beside its bar."""

    epochs: int
    validated: str
    epoch: int = 1
    scores: Mapping[str, float] = field(default_factory=dict)  # of the last epoch that ended

    def __call__(self) -> str:
        """As ``epoch 3/24, loss 0.521, val. auc 0.71``."""
        said = [f"epoch {self.epoch}/{self.epochs}"]
        if self.scores:
            said.append(f"loss {self.scores['loss']:.3g}")
        if (score := self.scores.get(f"validation_{self.validated}")) is not None:
            said.append(f"val. {self.validated} {score:.2f}")
        return ", ".join(said)


def _signal(processes: Processes) -> str:
    return next(by for by in processes.gather(asked()) if by)


def _left(batches: Prefetch, count: int, begun: RandomState | None) -> Iterator[Batch]:
    """The remaining batches of an epoch, with the random numbers of an epoch that was not interrupted."""
    if count:
        for number, batch in enumerate(batches):
            if begun and number == 0:
                begun.again()  # a loader draws a number as it begins; it had done so before the interruption
            yield batch
