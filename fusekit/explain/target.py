"""The class that is explained, and the number of a prediction that explanations are of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fusekit.errors import OptionError
from fusekit.evaluation.predictions import POSITIVE
from fusekit.evaluation.thresholds import most_probable
from fusekit.extension.registry import suggest


def explained(probabilities: np.ndarray, asked: int | None = None) -> np.ndarray:
    """The class (N,) that is explained of each row: the one asked for; else the positive of two, the called of more.

    ``probabilities`` (N, K) are all numbers.
    """
    count, classes = probabilities.shape
    if asked is None and classes > 2:
        return most_probable(probabilities)  # of more than two, this is the one that is called
    return np.full(count, POSITIVE if asked is None else asked)


def as_they_are(outputs: Tensor) -> Tensor:
    """Outputs (B, K) that are logits of classes."""
    return outputs


def class_number(name: str, classes: Sequence[str]) -> int:
    """The number of a class.

    Raises:
        OptionError: the model has none of that name, with the nearest.
    """
    if name not in classes:
        raise OptionError(f"--class {name}: this model has no such class; {suggest(name, list(classes))}")
    return list(classes).index(name)


def log_odds(logits: Tensor, target: int | Tensor = POSITIVE) -> Tensor:
    """Logits (B, K) -> log p / (1 - p) of a class, or of a class per row (B,); of two classes their difference.

    Explanations are of this number and not of one logit: adding anything to all logits changes no probability, so a
    single logit's gradient is not the prediction's.
    """
    chosen = torch.as_tensor(target, device=logits.device).expand(len(logits))[:, None]
    others = logits.scatter(1, chosen, -torch.inf)
    return logits.gather(1, chosen)[:, 0] - others.logsumexp(dim=1)
