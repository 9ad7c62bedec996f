"""What a training of ordered classes makes small."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from fusekit.data import Ordered
from fusekit.data.target.ordered import log_probabilities
from fusekit.training.objectives.objective import WithParts


class Corn(WithParts):
    """Conditional ordinal regression of neural networks: CORN (Shi, Cao and Raschka 2023, equation 4).

    Output k says whether a sample lies above class k, given that it reaches it, and is trained on those samples alone.
    The loss is the mean binary cross entropy over all pairs of a sample and an output that it trains. Not divided by
    output, as there: a cut that few reach has as little weight as it has samples.

    Args:
        subjects: of each class, in training; not needed.
        image, table: weights of what the image and the table alone say; above 0, auxiliary heads are trained.
        losses: weight of the model's own losses.
    """

    targets = (Ordered.kind,)

    def term(self, outputs: Tensor, labels: Tensor, there: Tensor | None = None) -> Tensor:
        """Of conditional logits (B, K - 1) for classes (B,)."""
        cuts = torch.arange(outputs.shape[1], device=outputs.device)
        passed, reached = labels[:, None] > cuts, labels[:, None] >= cuts  # (B, K - 1)
        if there is not None:
            reached = reached & there[:, None].bool()
        losses = binary_cross_entropy_with_logits(outputs, passed.to(outputs.dtype), reduction="none")
        return (losses * reached).sum() / reached.sum().clamp(min=1)

    def tally(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The hits: samples whose most probable class is theirs."""
        return super().tally(log_probabilities(outputs), labels)
