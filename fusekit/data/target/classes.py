"""One of several classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from fusekit.data.target.target import SMALLEST, Meaning, Target
from fusekit.errors import DataError, first_ten

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Classes(Target):
    """One of several classes; labels are their numbers, from 0.

    Args:
        classes: their names; ``classes[1]`` is the positive class of binary scores.
    """

    classes: tuple[str, ...] = field()
    words: ClassVar[str] = "classes"
    kind: ClassVar[str] = "classes"
    objective: ClassVar[str] = "cross-entropy"
    select: ClassVar[str] = "auc"
    part: ClassVar[str] = "class"
    schema: ClassVar[Mapping[str, type]] = {"label": int, "p_*": float}

    @property
    def outputs(self) -> int:
        """A logit per class."""
        return len(self.classes)

    @property
    def columns(self) -> tuple[str, ...]:
        """``p_0``, ``p_1``, ...: probabilities."""
        return tuple(f"p_{k}" for k in range(len(self.classes)))

    def spelled(self, label: float) -> str:
        """Its name."""
        return self.classes[int(label)]

    def check(self, scans: pd.DataFrame) -> None:
        """DataError if a label is no class, a subject has two, or a class has no subject."""
        unknown = scans[~scans["label"].isin(range(len(self.classes)))]
        if not unknown.empty:
            raise DataError(
                f"{len(unknown)} scans have a label that names none of the classes {', '.join(self.classes)}: "
                f"{first_ten(unknown.index)}."
            )
        labels = scans.groupby("subject")["label"].nunique()
        if (labels > 1).any():
            raise DataError(
                f"{(labels > 1).sum()} subjects have two labels: {first_ten(labels.index[labels > 1])}. "
                "A subject needs one label: restrict the visits, or correct the table."
            )
        counts = self.strata(scans).value_counts()
        found = ", ".join(f"{name}: {counts.get(number, 0)}" for number, name in enumerate(self.classes))
        for number, name in enumerate(self.classes):
            if number not in counts:
                raise DataError(f"the label is constant or a class is missing: no subject is {name!r} (found {found}).")

    def strata(self, scans: pd.DataFrame) -> pd.Series:
        """The class."""
        return scans.groupby("subject")["label"].first().sort_index()

    def parts(self, labels: pd.Series) -> dict[str, pd.Series]:
        """The classes."""
        return {name: labels == number for number, name in enumerate(self.classes)}

    def groups(self, labels: pd.Series) -> tuple[np.ndarray, tuple[str, ...]]:
        """The classes."""
        return labels.to_numpy(), self.classes

    def answers(self, outputs: Tensor) -> Tensor:
        """Outputs (B, W) -> probabilities (B, K)."""
        return self.logits(outputs).softmax(dim=1)

    def outputs_of(self, answers: np.ndarray) -> np.ndarray:
        """Probabilities (N, K) -> their logarithms (N, K)."""
        return np.asarray(np.log(np.clip(answers, SMALLEST, 1)))

    def surprise(self, labels: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """The log loss."""
        return np.asarray(-np.log(np.clip(answers[np.arange(len(labels)), labels], 1e-12, 1)))

    def logits(self, outputs: Tensor) -> Tensor:
        """Outputs (B, W) -> logits of the classes (B, K)."""
        return outputs

    def explained(self, outputs: Tensor, of: int | Tensor = 1) -> Tensor:
        """Log odds of a class."""
        return log_odds(self.logits(outputs), of)

    def explained_answers(self, answers: np.ndarray, of: int = 1) -> np.ndarray:
        """Log odds of a class; a probability of 0 counts as the smallest there is."""
        p = np.maximum(answers, np.finfo(float).tiny)
        return np.asarray(np.log(p[:, of]) - np.log(np.delete(p, of, axis=1).sum(axis=1)))

    def meaning(self, of: int | None = None) -> Meaning:
        """Of one class, or of the one that each row is called."""
        name = "the class called" if of is None else self.classes[of]
        return Meaning(name, f"log odds of {name}", f"p({name})", f"p_{1 if of is None else of}")

    def as_json(self) -> dict[str, Any]:
        """``{"classes": [...]}``."""
        return {"classes": list(self.classes)}


def log_odds(logits: Tensor, of: int | Tensor = 1) -> Tensor:
    """Logits (B, K) -> log p / (1 - p) of a class, or of a class per row (B,); of two classes their difference.

    Explanations are of this number and not of one logit: adding anything to all logits changes no probability, so a
    single logit's gradient is not the prediction's.
    """
    import torch

    chosen = torch.as_tensor(of, device=logits.device).expand(len(logits))[:, None]
    others = logits.scatter(1, chosen, -torch.inf)
    return logits.gather(1, chosen)[:, 0] - others.logsumexp(dim=1)
