"""What ``bundle.json`` holds, format by format: an old one keeps its reader."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, Le, MinLen
from pydantic import JsonValue, StringConstraints, with_config
from typing_extensions import TypedDict

from fusekit.data import ClinicalEncoding, Pixels, SlicePolicy
from fusekit.data.clinical.column import ColumnJson
from fusekit.disk import CLOSED, DIGEST, OPEN, read_json, signed
from fusekit.errors import DataError
from fusekit.evaluation.aggregation import Aggregate
from fusekit.evaluation.calibration.reliability import COLDEST, HOTTEST
from fusekit.evaluation.rule import FOLD, Rule, Threshold
from fusekit.extension.fusion import SiteKind
from fusekit.models import FusionModel, build_from

WEIGHTS, DESCRIPTION = "model.safetensors", "bundle.json"
#: The newest format, which is the one that is written.
FORMAT = 2
Count: TypeAlias = Annotated[int, Ge(0)]
Fold: TypeAlias = Annotated[str, StringConstraints(pattern=FOLD)]
_Share: TypeAlias = Annotated[float, Ge(0), Le(1)]


class RecipeJson(TypedDict):
    """The fields of ``Fusion``."""

    head: str
    encoder: str | None
    injector: str | None
    image: bool
    sites: SiteKind
    stages: list[Count]
    options: dict[str, dict[str, JsonValue]]


class ModelJson(TypedDict):
    """``FusionModel.description``."""

    fusion: str
    backbone: str
    in_channels: Annotated[int, Ge(1)]
    columns: Count
    classes: Annotated[int, Ge(2)]
    recipe: RecipeJson


class ClinicalJson(TypedDict):
    """``ClinicalEncoding.as_json``."""

    columns: Annotated[list[ColumnJson], MinLen(1)]


class PluginJson(TypedDict):
    """A plugin that was loaded when something was made."""

    name: str
    distribution: str
    version: str


class TrainedConfig(TypedDict, total=False):
    """What an evaluation wants to know of a training's settings."""

    task: str
    fusion: str | None
    baseline: str | None
    aggregate: Aggregate
    threshold: Threshold
    options: dict[str, dict[str, JsonValue]]


class _TrainedClass(TypedDict):
    subjects: Count


class _TrainedData(TypedDict, total=False):
    train: dict[str, _TrainedClass]  # by class


@with_config(CLOSED)
class _Levels(TypedDict):
    slice: _Share
    subject: _Share


Thresholds: TypeAlias = dict[Fold, _Levels]
Temperatures: TypeAlias = dict[Fold, Annotated[float, Ge(COLDEST), Le(HOTTEST)]]


class TrainedEvaluation(TypedDict, total=False):
    """The calling rule where older versions wrote it, and manifests still do."""

    aggregate: Aggregate
    thresholds: Thresholds
    temperatures: Temperatures


@with_config(OPEN)
class Provenance(TypedDict, total=False):
    """Where a bundle comes from; its makers may add to it."""

    synthetic: bool
    config: TrainedConfig
    data: _TrainedData
    evaluation: TrainedEvaluation
    plugins: list[PluginJson]


@with_config(CLOSED)
class SeriesJson(TypedDict):
    """``Wanted.as_json``: which DICOM series a training took, and which of its volumes."""

    name: str
    modality: str
    choose: dict[str, str | float]


@with_config(OPEN)
class TaskJson(TypedDict, total=False):
    """``Task.describe``, and its name."""

    name: str
    title: str
    series: SeriesJson


class MetricJson(TypedDict):
    """A row of the scores that it was shipped with; null where a score is undefined."""

    level: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    rows: Count
    subjects: Count


class RuleJson(TypedDict):
    """``Rule.as_json``."""

    aggregate: Aggregate
    thresholds: Thresholds
    temperatures: Temperatures


@dataclass(frozen=True, kw_only=True)
class _Common(ABC):
    """What every format holds; DataError if parts contradict each other, or its images are too large."""

    model: ModelJson
    classes: tuple[str, ...]
    clinical: ClinicalJson | None
    slices: SlicePolicy
    image_size: Annotated[int, Ge(1)]
    pixels: Pixels
    task: TaskJson
    metrics: list[MetricJson]
    provenance: Provenance

    def __post_init__(self) -> None:
        if len(self.classes) != self.model["classes"]:
            raise DataError(f"classes has {len(self.classes)} names, and model.classes is {self.model['classes']}.")
        if len(set(self.classes)) < len(self.classes):
            raise DataError("classes has the same name twice.")
        if (self.clinical is None) != (self.model["recipe"]["encoder"] is None):
            raise DataError("clinical and model.recipe.encoder belong together; one of them is null.")
        _ = self.encoding  # whose columns are checked when they are made
        if len({(row["level"], row["metric"]) for row in self.metrics}) < len(self.metrics):
            raise DataError("metrics has a row of the same level and metric twice.")
        self.slices.check_size(self.image_size)
        rule = self.calling_rule
        rule.check(len(self.classes))
        if others := {*rule.thresholds, *rule.temperatures} - {0}:
            raise DataError(f"the rule is of fold {min(others)}; a shipped model is fold 0.")

    def build(self) -> FusionModel:
        """Build the model, without its weights; OptionError if it does not read such slices."""
        model = build_from(self.model)
        if model.backbone is not None:
            self.slices.check_backbone(self.model["backbone"], model.backbone.spatial_dims)
        return model

    @property
    @abstractmethod
    def calling_rule(self) -> Rule:
        """From slices to calls."""

    @property
    def encoding(self) -> ClinicalEncoding | None:
        """The clinical columns; None if the model reads none."""
        return ClinicalEncoding.from_json(self.clinical) if self.clinical else None


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format1(_Common):
    """Before there was a calling rule: aggregation and thresholds lie in the provenance, weights have no checksum."""

    format: Literal[1]
    weights: str | None = None

    @property
    def calling_rule(self) -> Rule:  # noqa: D102
        provenance = self.provenance
        aggregate = provenance.get("config", {}).get("aggregate", "mean")
        return Rule.from_json({"aggregate": aggregate, **provenance.get("evaluation", {})})


@with_config(CLOSED)
@dataclass(frozen=True, kw_only=True)
class Format2(_Common):
    """With the calling rule, the checksum of the weights, and that of the description itself."""

    format: Literal[2]
    rule: RuleJson
    weights: str
    checksum: str

    @property
    def calling_rule(self) -> Rule:  # noqa: D102
        return Rule.from_json(self.rule)


Description: TypeAlias = Format1 | Format2
#: Format -> what it holds. A newer format adds an entry and keeps those before.
READERS: dict[int, type[Description]] = {1: Format1, 2: Format2}


@with_config(OPEN)
class _Head(TypedDict):
    format: int


def read_description(folder: Path) -> Description:
    """Read a bundle's description, of whichever format; DataError with the place if it is none, changed or damaged."""
    path = folder / DESCRIPTION
    if not path.exists():
        raise DataError(
            f"{folder} is not a bundle: it has no {DESCRIPTION}. Give the folder of a run or of its bundle."
        )
    content = read_json(path, _Head)
    if (number := content["format"]) not in READERS:
        raise DataError(
            f"{path} has format {number}; this FuseKit reads {', '.join(map(str, READERS))}. Install a newer FuseKit."
        )
    found = read_json(path, READERS[number])
    if isinstance(found, Format2) and found.checksum != signed(content)[DIGEST]:
        raise DataError(f"{path} was changed or damaged after it was written. Get the bundle again.")
    return found
