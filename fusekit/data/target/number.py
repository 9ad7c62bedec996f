"""A number: a score, an age, a volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from fusekit.data.target.target import Meaning, Target
from fusekit.errors import DataError, first_ten

if TYPE_CHECKING:
    from torch import Tensor


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
    words: ClassVar[str] = "a number"
    kind: ClassVar[str] = "number"
    objective: ClassVar[str] = "squared-error"
    select: ClassVar[str] = "r2"
    part: ClassVar[str] = "third"
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

    def spelled(self, label: float) -> str:
        """With the digits that matter."""
        return f"{label:g}"

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

    def outputs_of(self, answers: np.ndarray) -> np.ndarray:
        """The number (N, 1) -> in standard deviations from the mean, of training."""
        return np.asarray((answers - self.mean) / self.deviation)

    def surprise(self, labels: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """Of a normal distribution around the answer, as wide as that of the training subjects."""
        return np.asarray((self.scaled(labels) - self.outputs_of(answers)[:, 0]) ** 2 / 2)

    def explained(self, outputs: Tensor, of: int | Tensor = 0) -> Tensor:
        """The number, in its unit."""
        return self.answers(outputs)[:, 0]

    def explained_answers(self, answers: np.ndarray, of: int = 0) -> np.ndarray:
        """The number."""
        return answers[:, 0]

    def meaning(self, of: int | None = None) -> Meaning:
        """Name and unit."""
        return Meaning(f"a higher {self.name}", self.title, f"predicted {self.name}", "predicted", is_share=False)

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
