"""What is predicted of a subject: all that knows what a label is. Nothing here imports torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from torch import Tensor

#: The smallest probability that outputs are made of: trees of a small cohort are surer than they may be.
SMALLEST = 1e-4


class Meaning(NamedTuple):
    """What is explained of a prediction, in the words of figures and tables."""

    more: str  # what maps speak for: "ill", "a higher mmse"
    scale: str  # what values add to: "log odds of ill", "mmse (points)"
    name: str  # of the answer that is shown beside, short: "p(ill)"
    column: str  # that holds it, in tables of predictions
    is_share: bool = True  # between 0 and 1
    note: str = ""  # on that name: a space and a sentence

    def said(self, row: Mapping[str, Any], digits: int = 2, most: int = 60) -> str:
        """``p(ill) = 0.87``, of a row of predictions; a name longer than ``most`` letters is cut."""
        value, name = float(row[self.column]), self.name
        name = name if len(name) <= most else f"{name[: most - 1]}…"
        places = digits if self.is_share or not value else max(0, digits - int(np.floor(np.log10(abs(value)))))
        return f"{name} = {value:.{places}f}"


class Target(ABC):
    """What is predicted: the column ``label`` of a cohort's scans, the same for all scans of a subject."""

    words: ClassVar[str]  # what a task "predicts", in messages
    kind: ClassVar[str]  # by which metrics, objectives, baselines and reports say what they are for
    objective: ClassVar[str]  # what a training makes small, unless another is named
    select: ClassVar[str]  # the metric by which ``--select`` chooses an epoch: the higher, the better
    part: ClassVar[str]  # what one of ``groups`` is: a class, a third, a group
    schema: ClassVar[Mapping[str, type]]  # types of the columns that depend on it, in the tables of a run
    classes: tuple[str, ...] = ()  # names of the classes; none where it is something else

    @property
    def title(self) -> str:
        """What is predicted, as axes are called."""
        return self.words

    @property
    @abstractmethod
    def outputs(self) -> int:
        """How many numbers a model puts out for a sample (W)."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The columns of ``predictions.csv`` that hold what is said (A)."""

    @abstractmethod
    def spelled(self, label: float) -> str:
        """A label, for people."""

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

    @abstractmethod
    def explained(self, outputs: Tensor, of: int | Tensor = 0) -> Tensor:
        """A model's outputs (B, W) -> the number (B,) that explanations are of, in which what adds up adds up.

        ``of``: of classes the one that is explained, or that of each row (B,).
        """

    @abstractmethod
    def explained_answers(self, answers: np.ndarray, of: int = 0) -> np.ndarray:
        """The same (N,) of answers (N, A), for models that have no outputs."""

    @abstractmethod
    def meaning(self, of: int | None = None) -> Meaning:
        """That number in words; ``of`` as in ``explained``, None where rows differ in it."""

    @property
    def of_prior(self) -> Target:
        """What a baseline predicts that a network starts from: that from which ``outputs_of`` finds all outputs."""
        return self

    @abstractmethod
    def outputs_of(self, answers: np.ndarray) -> np.ndarray:
        """Answers (N, A) -> what a model must put out to say them (N, W)."""

    def uninformed(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs (W,) that say the same of everyone, where some (N, W) are known: zeros unless those say something."""
        return np.zeros(outputs.shape[1])

    @abstractmethod
    def surprise(self, labels: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """Negative log likelihood (N,) of answers (N, A) for labels (N,), in nats, less what is the same for all."""

    def predict(self, answers: np.ndarray) -> pd.DataFrame:
        """Answers (N, A) -> the columns of ``predictions.csv`` that hold them."""
        return pd.DataFrame(answers, columns=list(self.columns))

    def fit(self, scans: pd.DataFrame) -> Target:
        """The same target, on the scale of training scans (subject, label), if it has one."""
        return self

    def calibrated(self, outputs: Callable[[], np.ndarray], labels: np.ndarray, weights: np.ndarray) -> Target:
        """The same target, with what its training left open.

        Args:
            outputs: gives a model's for the samples that it was trained on (N, W), where they are needed.
            labels: of these (N,).
            weights: of these (N,), so that subjects count alike.
        """
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
