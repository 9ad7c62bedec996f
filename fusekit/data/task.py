"""A task: where a cohort comes from, and what is predicted."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from fusekit.data.absence import Modality
from fusekit.data.cohort import Cohort
from fusekit.data.slices.policy import SlicePolicy
from fusekit.data.target import Classes, Target
from fusekit.errors import DataError
from fusekit.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A task's own defaults; of what is None, ``--preset`` decides. Slices and image size are of Yang et al. 2021."""

    backbone: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    lr: float | None = None
    image_size: int = 256
    slices: SlicePolicy = field(default_factory=SlicePolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A row of a published table, to be shown beside ours as context."""

    arm: str
    fusion: str = ""
    scores: Mapping[str, float]
    source: str
    note: str = ""

    @classmethod
    def table(cls, number: int, note: str, differ: float, *arms: tuple[float, ...]) -> tuple[Self, ...]:
        """The three arms of a table of Yang et al. 2021, in percent: accuracy, sensitivity, specificity, PPV, NPV.

        ``differ`` are the points by which PPV and NPV differ from what the others imply.
        """
        note += (
            f" PPV and NPV do not follow from accuracy, sensitivity and specificity (they differ by up to {differ:g} "
            "points in this table): each seems to be the mean of the folds' own, and a mean of ratios is not the ratio "
            "of means."
        )
        names = ("accuracy", "sensitivity", "specificity", "ppv", "npv")
        kinds = (("Image Only", "image-only"), ("Image+Clinical", "concat"), ("Full Model", "rbca"))
        source, rows = f"Yang et al. 2021, table {number}", []
        for (arm, fusion), percent in zip(kinds, arms, strict=True):
            scores = {name: round(value / 100, 4) for name, value in zip(names, percent, strict=True)}
            rows.append(cls(arm=arm, fusion=fusion, scores=scores, source=source, note=note))
        return tuple(rows)


class Task(ABC):
    """A prediction task. Factory: ``(*, options...)``; its options are ``-o task.option=value``."""

    title: str  # the question, e.g. "Alzheimer's disease or normal cognition, from MRI and biospecimens"
    classes: tuple[str, ...] = ()  # classes[1] is the positive class; none where ``target`` is something else
    metrics: tuple[str, ...] = ("accuracy", "sensitivity", "specificity", "ppv", "npv", "auc")
    paper: Preset = Preset()  # with --data
    synthetic: Preset = Preset()  # without
    preset: Literal["paper", "tuned"] = "tuned"  # with --data, where --preset is not given
    subgroups: tuple[str, ...] = ("sex", "gender", "age", "site", "scanner", "manufacturer")  # that scores are split by
    template: str | None = None  # where mean maps are laid: "mni152", for images of whole heads
    published: tuple[Published, ...] = ()
    absent: tuple[Modality, ...] = ()  # what scans may lack, as far as that is known before they are read
    folder: Path | None = None  # where the data lie, for a task that knows; --data says otherwise
    allowed: frozenset[str] = frozenset()  # codes of --allow, for what a task itself leaves out otherwise
    wanted: frozenset[str] | None = None  # a recipe's images, by the group image_id: no others are looked at

    @property
    def target(self) -> Target:
        """What is predicted."""
        return Classes(self.classes)

    @abstractmethod
    def scan(self, folder: Path, progress: Progress) -> Cohort:
        """Read a folder into a cohort; refuse what is wrong with file, row and column, and what to do (DataError)."""

    def synthesize(self, folder: Path, progress: Progress, *, seed: int = 0) -> None:
        """Write a synthetic cohort into an empty folder, in the layout that ``scan`` reads.

        Keyword-only parameters are options: ``-o synthetic.seed=1``. The cohort's seed is its own: ``--seed`` changes
        split and training on the same patients.
        """
        raise DataError(f"the task {type(self).__name__} has no synthetic cohort; give it data: --data DIR")

    def reason_to_leave_out(self, column: str) -> str | None:
        """Say why a column must not be an input: it states, defines or betrays the label. None if it may be one.

        The audit refuses a cohort that has such a column among its clinical columns.
        """
        return None

    def describe(self) -> dict[str, Any]:
        """Question, target and metrics, for manifests and bundles."""
        return {"title": self.title, **self.target.as_json(), "metrics": list(self.metrics)}
