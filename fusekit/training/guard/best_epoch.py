"""The best epoch so far, by a score of subjects set aside, and its weights."""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class BestEpoch:
    """Keeps the weights of the epoch with the highest score, of equals the first; waits ``patience`` epochs."""

    def __init__(self, patience: int):
        self.patience = patience
        self.epoch = 0  # none seen
        self.score = -math.inf
        self.weights: dict[str, Tensor] = {}

    def see(self, epoch: int, score: float, model: nn.Module) -> None:
        """Keep the weights if they score higher than all before; an undefined score never does."""
        if self.epoch == 0 or score > self.score:
            self.epoch, self.score = epoch, -math.inf if math.isnan(score) else score
            self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def waited_enough(self, epoch: int) -> bool:
        """Whether the best epoch is ``patience`` epochs ago."""
        return self.epoch > 0 and epoch - self.epoch >= self.patience

    def restore(self, model: nn.Module) -> None:
        """Give the model its best weights back, if any were seen."""
        if self.epoch:
            model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """Epoch, score and weights."""
        return {"epoch": self.epoch, "score": self.score, "weights": self.weights}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Resume."""
        self.epoch, self.score = state_dict["epoch"], state_dict["score"]
        self.weights = dict(state_dict["weights"])
