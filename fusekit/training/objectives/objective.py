"""What a training makes small."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add

from torch import Tensor, nn

from fusekit.data import Classes, Target
from fusekit.data.absence import MODALITIES, Modality
from fusekit.errors import OptionError
from fusekit.models import Output
from fusekit.training.feed.loader import Batch


class Objective(nn.Module, ABC):
    """What a training makes small: the sum of its terms. Factory: ``(subjects, *, options...)``.

    ``subjects`` are the training subjects of each class. Weights that learn belong into the model, whose head may
    return losses of its own.
    """

    #: Kinds of targets that it is for.
    targets: tuple[str, ...] = (Classes.kind,)
    #: Whether it takes labels with times of entry (B, 2); else it is refused where entry is delayed.
    late_entry: bool = False
    #: Parts ("image", "table") that it reads: the model gets a linear layer for each that its head does not say.
    part_names: tuple[str, ...] = ()

    def trained(self, target: Target) -> Target:
        """What a network that is trained by it puts out, of what is predicted: the same, unless it says otherwise."""
        return target

    @abstractmethod
    def forward(self, output: Output, batch: Batch) -> Mapping[str, Tensor]:
        """Outputs (B, W) and the batch that they are of -> terms by name, each (): a mean over the batch, weighted."""

    def tally(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """What history.csv shows beside the loss, summed over a batch (): of classes the hits."""
        return {"accuracy": (outputs.argmax(dim=1) == labels).sum()}


class WithParts(Objective, ABC):
    """An objective of outputs and labels that also weighs what image and table alone say, and the model's own losses.

    Args:
        subjects: of each class, in training; most objectives need none.
        image, table: weights of what the image and the table alone say; above 0, auxiliary heads are trained, each on
            the samples that have it.
        losses: weight of the model's own losses.
    """

    def __init__(self, subjects: Sequence[int] = (), *, image: float = 0.0, table: float = 0.0, losses: float = 1.0):
        super().__init__()
        for name, value in {"image": image, "table": table, "losses": losses}.items():
            require_weight(name, value)
        self.losses = losses
        weights_of: dict[Modality, float] = {"image": image, "table": table}
        self.parts = {name: weight for name, weight in weights_of.items() if weight}
        self.part_names = tuple(self.parts)

    @abstractmethod
    def term(self, outputs: Tensor, labels: Tensor, there: Tensor | None = None) -> Tensor:
        """Loss () of outputs (B, W) for labels (B,); with ``there`` (B,), of the samples that have what is asked."""

    def forward(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Terms ``outputs``, ``image`` and ``table`` where they have weights, and the model's own by their names."""
        terms: dict[str, Tensor] = {"outputs": self.term(output.outputs, batch.label)}
        for name, weight in self.parts.items():
            there = None if batch.present is None else batch.present[:, MODALITIES.index(name)]
            terms[name] = weight * self.term(output.parts[name], batch.label, there)
        if self.losses:
            for own, loss in output.losses.items():
                if own in terms:
                    raise OptionError(f"the head returns a loss called {own!r}, which is the name of another term.")
                terms[own] = self.losses * loss
        return terms


def mean(losses: Tensor, there: Tensor | None) -> Tensor:
    """Over samples (B,), or over those that are ``there`` (B,)."""
    return losses.mean() if there is None else (losses * there).sum() / there.sum().clamp(min=1)


def require_weight(name: str, value: float) -> None:
    """Refuse, by OptionError, a weight that is below 0 or not finite."""
    if not 0 <= value < float("inf"):
        raise OptionError(f"objective.{name} takes a finite number, 0 or more, not {value:g}.")


def total(terms: Mapping[str, Tensor]) -> Tensor:
    """The sum of the terms, (); OptionError if they are none."""
    losses = list(terms.values()) if isinstance(terms, Mapping) else []
    if not losses or not all(isinstance(loss, Tensor) and loss.ndim == 0 for loss in losses):
        raise OptionError(
            f"an objective returns names with losses, each a tensor of one number; this one returns {terms!r}."
        )
    return reduce(add, losses)
