"""What the description of every shipped model holds, whatever predicts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from fusekit.bundle.schema import ClinicalJson, ConformalJson, MetricJson, Provenance, TaskJson
from fusekit.data import ClinicalEncoding, Pixels, SlicePolicy, Target
from fusekit.data.images.channels import check_names
from fusekit.errors import DataError
from fusekit.evaluation.calibration.conformal import Conformal
from fusekit.evaluation.rule import Rule


@dataclass(frozen=True, kw_only=True)
class Described(ABC):
    """What every format holds; DataError if parts contradict each other, or its images are too large."""

    clinical: ClinicalJson | None
    slices: SlicePolicy
    image_size: Annotated[int, Ge(1)]
    task: TaskJson
    metrics: list[MetricJson]
    provenance: Provenance

    def __post_init__(self) -> None:
        if len({(row["level"], row["metric"]) for row in self.metrics}) < len(self.metrics):
            raise DataError("metrics has a row of the same level and metric twice.")
        self.slices.check_size(self.image_size)
        counts = self.channel_counts
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise DataError(f"its parts name different numbers of channels: {listed}.")
        check_names(self.names)
        rule = self.calling_rule
        rule.check(self.target.columns)
        if others := {*rule.thresholds, *rule.temperatures} - {0}:
            raise DataError(f"the rule is of fold {min(others)}; a shipped model is fold 0.")
        _ = self.encoding  # its columns are checked when they are made

    @property
    def channel_counts(self) -> dict[str, int]:
        """How many channels each part says there are."""
        scale = self.scale
        counts = {"images and slices": len(self.slices.channels(self.names))}
        return counts | {"pixels.mean": len(scale.mean), "pixels.std": len(scale.std)}

    @property
    @abstractmethod
    def target(self) -> Target:
        """What it predicts."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Of the images of a scan."""

    @property
    @abstractmethod
    def scale(self) -> Pixels:
        """Of grey levels, by channel."""

    @property
    @abstractmethod
    def calling_rule(self) -> Rule:
        """From slices to calls."""

    @property
    def regions(self) -> Conformal | None:
        """The quantile of conformal prediction; None where it has none."""
        return None

    @property
    def encoding(self) -> ClinicalEncoding | None:
        """The clinical columns; None if the model reads none."""
        return ClinicalEncoding.from_json(self.clinical) if self.clinical else None


@dataclass(frozen=True, kw_only=True)
class WithRegions(Described):
    """A format that may hold the quantile of conformal prediction; DataError also if it does not fit its subjects."""

    conformal: ConformalJson | None = None

    def __post_init__(self) -> None:
        _ = self.regions
        super().__post_init__()

    @property
    def regions(self) -> Conformal | None:
        """As the run's ``--conformal`` gave it."""
        return Conformal(**self.conformal) if self.conformal else None
