"""What is predicted of a subject. It is all that knows what a label is; nothing here imports torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from fusekit.errors import DataError, first_ten

if TYPE_CHECKING:
    from torch import Tensor


class Target(ABC):
    """What is predicted: the column ``label`` of a cohort's scans, the same for all scans of a subject."""

    kind: ClassVar[str]  # by which metrics, objectives, baselines and reports say what they are for
    objective: ClassVar[str]  # what a training makes small, unless another is named
    select: ClassVar[str]  # the metric by which ``--select`` chooses an epoch: the higher, the better
    explained: ClassVar[bool]  # whether what a model looks at is explained, and its inputs are ablated
    schema: ClassVar[Mapping[str, type]]  # types of the columns that depend on it, in the tables of a run
    classes: tuple[str, ...] = ()  # names of the classes; none where it is something else

    @property
    @abstractmethod
    def outputs(self) -> int:
        """How many numbers a model puts out for a sample (W)."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The columns of ``predictions.csv`` that hold what is said (A)."""

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
    def groups(self, labels: pd.Series) -> tuple[np.ndarray, tuple[str, ...]]:
        """What the audit compares: the group of each label (N,), from 0, and the groups' names."""

    @abstractmethod
    def answers(self, outputs: Tensor) -> Tensor:
        """A model's outputs (B, W) -> what it says (B, A), which models and slices are averaged in."""

    def predict(self, answers: np.ndarray) -> pd.DataFrame:
        """Answers (N, A) -> the columns of ``predictions.csv`` that hold them."""
        return pd.DataFrame(answers, columns=list(self.columns))

    def fit(self, scans: pd.DataFrame) -> Target:
        """The same target, on the scale of training scans (subject, label), if it has one."""
        return self

    @property
    def unfitted(self) -> Target:
        """The same target without a scale."""
        return self

    def scaled(self, labels: np.ndarray) -> np.ndarray:
        """Labels (N,) -> what an objective compares outputs with (N,)."""
        return labels

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
    select: ClassVar[str] = "auc"
    explained: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, type]] = {"label": int, "p_*": float}

    @property
    def outputs(self) -> int:
        """A logit per class."""
        return len(self.classes)

    @property
    def columns(self) -> tuple[str, ...]:
        """``p_0``, ``p_1``, ...: probabilities."""
        return tuple(f"p_{k}" for k in range(len(self.classes)))

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
        """Logits (B, K) -> probabilities (B, K)."""
        return outputs.softmax(dim=1)

    def as_json(self) -> dict[str, Any]:
        """``{"classes": [...]}``."""
        return {"classes": list(self.classes)}


@dataclass(frozen=True, slots=True)
class Number(Target):
    """A number: a score, an age, a volume. Models put it out on the scale of their training subjects.

    Args:
        name: what it is called, e.g. ``mmse``.
        unit: e.g. ``years``.
        mean, deviation: of the training subjects; 0 and 1 before a training.
    """

    name: str
    unit: str = ""
    mean: float = 0.0
    deviation: float = 1.0
    kind: ClassVar[str] = "number"
    objective: ClassVar[str] = "squared-error"
    select: ClassVar[str] = "r2"
    explained: ClassVar[bool] = False
    schema: ClassVar[Mapping[str, type]] = {"label": float, "predicted": float}

    def __post_init__(self) -> None:
        if not (np.isfinite(self.mean) and np.isfinite(self.deviation) and self.deviation > 0):
            raise DataError(f"the number {self.name!r} has the scale {self.mean:g}, {self.deviation:g}, which is none.")

    @property
    def title(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def outputs(self) -> int:
        """The number alone."""
        return 1

    @property
    def columns(self) -> tuple[str, ...]:
        """``predicted``: the number, in its unit."""
        return ("predicted",)

    def check(self, scans: pd.DataFrame) -> None:
        """DataError if a label is no number, a subject has two, or all subjects have the same."""
        labels = scans["label"].to_numpy(dtype=float)
        if not np.isfinite(labels).all():
            raise DataError(f"{(~np.isfinite(labels)).sum()} scans have no {self.name}: "
                            f"{first_ten(scans.index[~np.isfinite(labels)])}.")  # fmt: skip
        several = scans.groupby("subject")["label"].nunique()
        if (several > 1).any():
            raise DataError(
                f"{(several > 1).sum()} subjects have two values of {self.name}: "
                f"{first_ten(several.index[several > 1])}. A subject needs one: restrict the visits, or correct the "
                "table."
            )
        if len(set(labels)) < 2:
            raise DataError(f"all subjects have the same {self.name}, {labels[0]:g}; there is nothing to learn.")

    def strata(self, scans: pd.DataFrame) -> pd.Series:
        """Fifths of the subjects by their values, or fewer parts: ten subjects or more in each."""
        values = scans.groupby("subject")["label"].first().sort_index()
        parts = min(5, max(1, len(values) // 10))
        return (values.rank(method="first") - 1) * parts // len(values)

    def parts(self, labels: pd.Series) -> dict[str, pd.Series]:
        """All of them."""
        return {f"with {self.name}": labels.notna()}

    def groups(self, labels: pd.Series) -> tuple[np.ndarray, tuple[str, ...]]:
        """Thirds; equal values are in one."""
        ranks = labels.rank(method="min", pct=True).to_numpy(dtype=float)
        third = np.clip(np.ceil(ranks * 3 - 1e-9), 1, 3).astype(int) - 1
        return third, tuple(f"the {of} third of {self.name}" for of in ("lowest", "middle", "highest"))

    def answers(self, outputs: Tensor) -> Tensor:
        """Outputs (B, 1) -> the number (B, 1) in its unit."""
        return outputs * self.deviation + self.mean

    def fit(self, scans: pd.DataFrame) -> Number:
        """Mean and standard deviation over subjects, each counted once."""
        values = scans.groupby("subject")["label"].first()
        deviation = float(values.std(ddof=0)) if len(values) else 0.0
        if not deviation > 0:
            raise DataError(f"all training subjects have the same {self.name}; there is nothing to learn.")
        return replace(self, mean=float(values.mean()), deviation=deviation)

    @property
    def unfitted(self) -> Number:
        """With the scale 0 and 1."""
        return replace(self, mean=0.0, deviation=1.0)

    def scaled(self, labels: np.ndarray) -> np.ndarray:
        """In standard deviations from the mean, of training."""
        return (labels - self.mean) / self.deviation

    def as_json(self) -> dict[str, Any]:
        """``{"number": {"name": ..., "unit": ..., "mean": ..., "deviation": ...}}``."""
        return {"number": asdict(self)}


def target_of(described: Mapping[str, Any]) -> Target:
    """The target of a task's description (``Task.describe``); DataError if it has none."""
    if "classes" in described:
        return Classes(tuple(described["classes"]))
    if "number" in described:
        return Number(**described["number"])
    raise DataError("the task's description does not say what is predicted: it has neither 'classes' nor 'number'.")
