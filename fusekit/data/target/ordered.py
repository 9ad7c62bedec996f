"""One of several classes that have an order: grades, stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fusekit.data.target.classes import Classes
from fusekit.data.target.target import SMALLEST
from fusekit.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Ordered(Classes):
    """One of three or more classes in an order, the lowest first. Models put out CORN's conditional logits.

    The class called is the most probable one, as of classes without an order, so that probabilities and calls agree.
    The rank rule of Shi, Cao and Raschka (2023), which counts the cuts that are passed with more than one half, calls
    the median class instead; the two differ only where no class has one half of the probability.

    Args:
        classes: their names, lowest first.

    Raises:
        DataError: there are fewer than three: two classes have no order that could be learnt.
    """

    words: ClassVar[str] = "ordered classes"
    kind: ClassVar[str] = "ordered"
    objective: ClassVar[str] = "corn"

    def __post_init__(self) -> None:
        if len(self.classes) < 3:
            raise DataError(
                f"an order needs three classes or more, not {', '.join(self.classes) or 'none'}: two classes are "
                "classes. Leave the order out."
            )

    @property
    def outputs(self) -> int:
        """A logit per cut between neighbours: K - 1."""
        return len(self.classes) - 1

    def logits(self, outputs: Tensor) -> Tensor:
        """Conditional logits (B, K - 1) -> log probabilities (B, K): see ``log_probabilities``."""
        return log_probabilities(outputs)

    def outputs_of(self, answers: np.ndarray) -> np.ndarray:
        """Probabilities (N, K) -> log odds (N, K - 1) of lying above each cut among those who reach it."""
        above = answers[:, :0:-1].cumsum(axis=1)[:, ::-1]
        return np.asarray(np.log(np.clip(above, SMALLEST, 1)) - np.log(np.clip(answers[:, :-1], SMALLEST, 1)))

    def as_json(self) -> dict[str, Any]:
        """``{"classes": [...], "ordered": true}``."""
        return {"classes": list(self.classes), "ordered": True}


def log_probabilities(outputs: Tensor) -> Tensor:
    """Logits (B, K - 1) of y > k among those with y >= k -> logarithms of the probabilities (B, K) of classes.

    CORN (Shi, Cao and Raschka 2023, https://arxiv.org/abs/2111.08851): P(y > k) is the product of the conditional
    probabilities up to k, so that it never rises with k. Class k is reached and not passed.
    """
    from torch import cat, zeros_like
    from torch.nn.functional import logsigmoid

    certain = zeros_like(outputs[:, :1])
    reached = cat([certain, logsigmoid(outputs).cumsum(dim=1)], dim=1)  # (B, K): log P(y >= k)
    return reached + cat([logsigmoid(-outputs), certain], dim=1)
