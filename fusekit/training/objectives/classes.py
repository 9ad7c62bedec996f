"""What a training of classes makes small."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fusekit.errors import OptionError
from fusekit.training.objectives.objective import WithParts, mean, require_weight

#: Keeps the slope of (1 - p) ** gamma finite where p is 1.
_LEAST = 1e-12


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
        require_weight("gamma", gamma)
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
        return mean(losses, there)
