"""What a training of a number makes small."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import huber_loss, mse_loss

from fusekit.data import Number
from fusekit.errors import OptionError
from fusekit.training.objectives.objective import WithParts, mean, require_weight


class _OfNumber(WithParts, ABC):
    targets = (Number.kind,)

    def tally(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The absolute error, on the same scale."""
        return {"absolute_error": (outputs[:, 0] - labels).abs().sum()}


class SquaredError(_OfNumber):
    """Mean squared error of a number, in standard deviations of the training subjects; or Huber's loss (1964).

    Args:
        subjects: in training; not needed.
        huber: errors beyond so many standard deviations count linearly, as in torch's ``huber_loss``; 0: none.
        image, table: weights of what the image and the table alone say; above 0, auxiliary heads are trained.
        losses: weight of the model's own losses.
    """

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
        require_weight("huber", huber)
        self.huber = huber

    def term(self, outputs: Tensor, labels: Tensor, there: Tensor | None = None) -> Tensor:
        """Of outputs (B, 1) for numbers (B,) on the same scale."""
        predicted, true = outputs[:, 0], labels.to(outputs.dtype)
        if self.huber:
            return mean(huber_loss(predicted, true, delta=self.huber, reduction="none"), there)
        return mean(mse_loss(predicted, true, reduction="none"), there)


class Quantile(_OfNumber):
    """Pinball loss (Koenker and Bassett 1978): the number below which a share of such people lie.

    At one half that is the median, and the loss half of the absolute error.

    Args:
        subjects: in training; not needed.
        level: the share, between 0 and 1.
        image, table: weights of what the image and the table alone say; above 0, auxiliary heads are trained.
        losses: weight of the model's own losses.
    """

    def __init__(
        self,
        subjects: Sequence[int] = (),
        *,
        level: float = 0.5,
        image: float = 0.0,
        table: float = 0.0,
        losses: float = 1.0,
    ):
        super().__init__(image=image, table=table, losses=losses)
        if not 0 < level < 1:
            raise OptionError(f"objective.level takes a share between 0 and 1, not {level:g}.")
        self.level = level

    def term(self, outputs: Tensor, labels: Tensor, there: Tensor | None = None) -> Tensor:
        """Of outputs (B, 1) for numbers (B,) on the same scale."""
        above = labels.to(outputs.dtype) - outputs[:, 0]
        return mean(torch.maximum(self.level * above, (self.level - 1) * above), there)
