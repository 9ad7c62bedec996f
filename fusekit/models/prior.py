"""What a baseline says of the table, as a start for the network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusekit.errors import OptionError


class Prior(nn.Module):
    """Adds a baseline's log probabilities to the logits, times a weight that is learned and starts at 1 or below.

    ``silent`` heads add nothing at first, so that an untrained model says what its prior does: at a weight of 1 exactly
    that, below 1 with less certainty, where the prior was too sure of subjects that it had not seen. The weight counts
    in probabilities and the network's weights do not, so it takes ``pace`` times their learning rate, and no
    decay.
    """

    pace = 10.0

    def __init__(self, classes: int):
        super().__init__()
        self.classes = classes
        self.weight = nn.Parameter(torch.ones(()))

    @torch.no_grad()
    def trust(self, weight: float) -> None:
        """What the weight starts at."""
        self.weight.fill_(weight)

    def forward(self, logits: Tensor, prior: Tensor) -> Tensor:
        """Logits and log probabilities of the prior, both (B, K) -> (B, K)."""
        return logits + self.weight * prior.to(logits.dtype)


def silence(head: nn.Module, name: str) -> None:
    """Set the last linear layer of a head to zero; OptionError if it has none.

    A head that ends otherwise has a method ``start_at_zero`` of its own.
    """
    own = getattr(head, "start_at_zero", None)
    if own is not None:
        own()
        return
    layers = [layer for layer in head.modules() if isinstance(layer, nn.Linear)]
    if not layers:
        raise OptionError(
            f"the head {name!r} has no linear layer that could start at zero, which a fusion with a prior needs; give "
            "it a method start_at_zero."
        )
    for weight in layers[-1].parameters():
        nn.init.zeros_(weight)
