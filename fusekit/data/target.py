"""What is predicted of a subject. It is all that knows what a label is; nothing here imports torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from fusekit.errors import DataError, first_ten

if TYPE_CHECKING:
    from torch import Tensor


class Target(ABC):
    """What is predicted: the column ``label`` of a cohort's scans, the same for all scans of a subject."""

    kind: ClassVar[str]  # by which metrics, objectives and baselines say what they take
    objective: ClassVar[str]  # what a training makes small, unless another is named
    classes: tuple[str, ...] = ()  # names of the classes; none where it is something else

    @property
    @abstractmethod
    def outputs(self) -> int:
        """How many numbers a model puts out for a sample (W)."""

    @abstractmethod
    def check(self, scans: pd.DataFrame) -> None:
        """Refuse, by DataError, labels of scans (index scan; subject, label) that nothing can be learnt from."""

    @abstractmethod
    def strata(self, scans: pd.DataFrame) -> pd.Series:
        """What folds are balanced by: a value per subject, sorted by subject; ``scans`` as in ``check``."""

    @abstractmethod
    def parts(self, labels: pd.Series) -> dict[str, pd.Series]:
        """What subjects are counted by: name -> which labels (N,) are of it (N,) bool, in order; each is of one."""

    @abstractmethod
    def answers(self, outputs: Tensor) -> Tensor:
        """A model's outputs (B, W) -> what it says (B, A), which models and slices are averaged in."""

    @abstractmethod
    def predict(self, answers: np.ndarray) -> pd.DataFrame:
        """Answers (N, A) -> the columns of ``predictions.csv`` that hold them."""

    @abstractmethod
    def as_json(self) -> dict[str, Any]:
        """One entry of a task's description in manifests and bundles; ``target_of`` is the way back."""


@dataclass(frozen=True, slots=True)
class Classes(Target):
    """One of several classes; labels are their numbers, from 0.

    Args:
        classes: their names; ``classes[1]`` is the positive class of binary scores.
    """

    classes: tuple[str, ...] = field()
    kind: ClassVar[str] = "classes"
    objective: ClassVar[str] = "cross-entropy"

    @property
    def outputs(self) -> int:
        """A logit per class."""
        return len(self.classes)

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

    def answers(self, outputs: Tensor) -> Tensor:
        """Logits (B, K) -> probabilities (B, K)."""
        return outputs.softmax(dim=1)

    def predict(self, answers: np.ndarray) -> pd.DataFrame:
        """Probabilities (N, K) -> ``p_0``, ``p_1``, ..."""
        return pd.DataFrame({f"p_{k}": answers[:, k] for k in range(answers.shape[1])})

    def as_json(self) -> dict[str, Any]:
        """``{"classes": [...]}``."""
        return {"classes": list(self.classes)}


def target_of(described: Mapping[str, Any]) -> Target:
    """The target of a task's description (``Task.describe``); DataError if it has none."""
    if "classes" not in described:
        raise DataError("the task's description does not say what is predicted: it has no entry 'classes'.")
    return Classes(tuple(described["classes"]))
