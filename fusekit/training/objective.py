"""What a training makes small."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, huber_loss, mse_loss, softplus

from fusekit.data import Classes, Number, TimeToEvent
from fusekit.data.absence import MODALITIES, Modality
from fusekit.errors import OptionError
from fusekit.models import Output
from fusekit.training.feed.loader import Batch

#: Keeps the slope of (1 - p) ** gamma finite where p is 1.
_LEAST = 1e-12


class Objective(nn.Module, ABC):
    """What a training makes small: the sum of its terms. Factory: ``(subjects, *, options...)``.

    ``subjects`` are the training subjects of each class. Weights that learn belong into the model, whose head may
    return losses of its own.
    """

    #: Kinds of targets that it is for.
    targets: tuple[str, ...] = (Classes.kind,)
    #: Parts ("image", "table") that it reads: the model gets a linear layer for each that its head does not say.
    part_names: tuple[str, ...] = ()

    @abstractmethod
    def forward(self, output: Output, batch: Batch) -> Mapping[str, Tensor]:
        """Outputs (B, W) and the batch that they are of -> terms by name, each (): a mean over the batch, weighted."""

    def tally(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """What history.csv shows beside the loss, summed over a batch (): of classes the hits."""
        return {"accuracy": (outputs.argmax(dim=1) == labels).sum()}


class WithParts(Objective, ABC):
    """An objective of outputs and labels that also weighs what image and table alone say, and the model's own losses.

    Args:
        image, table: weights of what the image and the table alone say; above 0, auxiliary heads are trained, each on
            the samples that have it.
        losses: weight of the model's own losses.
    """

    def __init__(self, *, image: float = 0.0, table: float = 0.0, losses: float = 1.0):
        super().__init__()
        for name, value in {"image": image, "table": table, "losses": losses}.items():
            _require_weight(name, value)
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


class CrossEntropy(WithParts):
    """Cross entropy of outputs and parts with the labels, and the losses that the model itself returns.

    A sample of class y counts w_y (1 - p_y)^gamma of its cross entropy, and a term is the mean over samples. With
    ``gamma`` it is the focal loss (Lin et al. 2017, equation 5) over a softmax, as MONAI's ``FocalLoss``. Balanced
    weights are w_y = N / (K N_y) of N training subjects, as scikit-learn's: their mean over subjects is 1. They are not
    divided by those of a batch, as torch's are, so that every sample counts the same in whichever batch it is.

    Args:
        subjects: of each class, in training; needed for balanced weights alone.
        smoothing: share of each label that is spread evenly over the classes, as in timm and torch.
        gamma: how much less samples count that are predicted well; 0: all alike.
        class_weights: "balanced": each class counts the same.
        image, table: weights of what the image and the table alone say; above 0, auxiliary heads are trained, each on
            the samples that have it.
        losses: weight of the model's own losses.
    """

    def __init__(
        self,
        subjects: Sequence[int] = (),
        *,
        smoothing: float = 0.0,
        gamma: float = 0.0,
        class_weights: Literal["none", "balanced"] = "none",
        image: float = 0.0,
        table: float = 0.0,
        losses: float = 1.0,
    ):
        super().__init__(image=image, table=table, losses=losses)
        if not 0 <= smoothing < 1:
            raise OptionError(f"objective.smoothing takes a share from 0 to below 1, not {smoothing:g}.")
        _require_weight("gamma", gamma)
        self.smoothing, self.gamma = smoothing, gamma
        weights = None
        if class_weights == "balanced":
            if not subjects or min(subjects) < 1:
                raise OptionError(
                    f"objective.class_weights=balanced needs a training subject of every class, not {list(subjects)}."
                )
            weights = sum(subjects) / (len(subjects) * torch.tensor(subjects, dtype=torch.float32))
        self.class_weights: Tensor | None
        self.register_buffer("class_weights", weights)

    def term(self, outputs: Tensor, labels: Tensor, there: Tensor | None = None) -> Tensor:
        """Of logits (B, K) for classes (B,)."""
        if not self.gamma and self.class_weights is None and there is None:
            return cross_entropy(outputs, labels, label_smoothing=self.smoothing)
        losses = cross_entropy(outputs, labels, label_smoothing=self.smoothing, reduction="none")
        if self.gamma:
            missed = -torch.expm1(-cross_entropy(outputs, labels, reduction="none"))  # 1 - p, exact where p is near 1
            losses = missed.clamp_min(_LEAST) ** self.gamma * losses
        if self.class_weights is not None:
            losses = self.class_weights[labels] * losses
        return _mean(losses, there)


class SquaredError(WithParts):
    """Mean squared error of a number, in standard deviations of the training subjects; or Huber's loss (1964).

    Args:
        subjects: in training; not needed.
        huber: errors beyond so many standard deviations count linearly, as in torch's ``huber_loss``; 0: none.
        image, table: weights of what the image and the table alone say; above 0, auxiliary heads are trained.
        losses: weight of the model's own losses.
    """

    targets = (Number.kind,)

    def __init__(
        self,
        subjects: Sequence[int] = (),
        *,
        huber: float = 0.0,
        image: float = 0.0,
        table: float = 0.0,
        losses: float = 1.0,
    ):
        super().__init__(image=image, table=table, losses=losses)
        _require_weight("huber", huber)
        self.huber = huber

    def term(self, outputs: Tensor, labels: Tensor, there: Tensor | None = None) -> Tensor:
        """Of outputs (B, 1) for numbers (B,) on the same scale."""
        predicted, true = outputs[:, 0], labels.to(outputs.dtype)
        if self.huber:
            return _mean(huber_loss(predicted, true, delta=self.huber, reduction="none"), there)
        return _mean(mse_loss(predicted, true, reduction="none"), there)

    def tally(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The absolute error, on the same scale."""
        return {"absolute_error": (outputs[:, 0] - labels).abs().sum()}


class Hazards(WithParts):
    """Negative log likelihood of hazards in intervals of time (logistic hazard: Gensheimer and Narasimhan 2019).

    A sample survives the intervals before its own, each at the cost of -log(1 - h). An event in its own interval costs
    -log h there; who is censored in it survives the share of it that was passed, at a constant hazard.

    Args:
        subjects: in training; not needed.
        image, table: weights of what the image and the table alone say; above 0, auxiliary heads are trained.
        losses: weight of the model's own losses.
    """

    targets = (TimeToEvent.kind,)

    def __init__(self, subjects: Sequence[int] = (), *, image: float = 0.0, table: float = 0.0, losses: float = 1.0):
        super().__init__(image=image, table=table, losses=losses)

    def term(self, outputs: Tensor, labels: Tensor, there: Tensor | None = None) -> Tensor:
        """Of logits of hazards (B, W) for intervals passed (B,), with a minus sign where none ended by an event."""
        outputs = outputs.to(torch.promote_types(outputs.dtype, torch.float32))  # as torch's losses in mixed precision
        labels = labels.to(outputs.dtype)
        intervals = torch.arange(outputs.shape[1], device=outputs.device)
        passed = (labels.abs()[:, None] - intervals).clamp(0, 1)
        seen = ~labels.signbit()[:, None]
        own = (passed > 0) & (labels.abs()[:, None] <= intervals + 1)
        lost, died = softplus(outputs), softplus(-outputs)  # -log(1 - h), -log h
        losses = torch.where(own & seen, died, passed * lost)
        return _mean(losses.sum(dim=1), there)

    def tally(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Nothing: with people who are censored no error of a sample is known."""
        return {}


def _mean(losses: Tensor, there: Tensor | None) -> Tensor:
    """Over samples (B,), or over those that are ``there`` (B,)."""
    return losses.mean() if there is None else (losses * there).sum() / there.sum().clamp(min=1)


def _require_weight(name: str, value: float) -> None:
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
