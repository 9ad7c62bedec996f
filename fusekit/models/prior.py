"""What a baseline says of the table, as a start for the network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusekit.errors import OptionError


class Prior(nn.Module):
    """Adds what a baseline says to a network's outputs, times a weight that is learned and starts at 1 or below.

    Of classes that is the logarithms of its probabilities; of anything else what ``Target.outputs_of`` makes of it.

    ``silent`` heads add nothing at first, so that an untrained model says what its prior does: at a weight of 1 exactly
    that, below 1 with less certainty, where the prior was too sure of subjects that it had not seen. The weight counts
    in probabilities and the network's weights do not, so it takes ``pace`` times their learning rate, and no
    decay.
    """

    pace = 10.0

    def __init__(self, outputs: int):
        super().__init__()
        self.outputs = outputs
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, outputs: Tensor, prior: Tensor) -> Tensor:
        """Outputs of the network and of the prior, both (B, W) -> (B, W)."""
        return outputs + self.weight * prior.to(outputs.dtype)


@torch.no_grad()
def start(prior: Prior, head: nn.Module, weight: float, uninformed: Tensor) -> None:
    """Set the weight that a prior starts at, and let a silent head say the rest of what is said of everyone (W,).

    A head that cannot, as its last layer has no bias of that shape or it ends otherwise, leaves it to the prior: where
    there is something to say of everyone, the prior starts at 1.
    """
    rest = (1 - weight) * uninformed
    layers = [layer for layer in head.modules() if isinstance(layer, nn.Linear)]
    bias = layers[-1].bias if layers and not hasattr(head, "start_at_zero") else None
    if bias is not None and bias.shape == rest.shape:
        bias.copy_(rest)
    elif rest.any():
        weight = 1.0
    prior.weight.fill_(weight)


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
