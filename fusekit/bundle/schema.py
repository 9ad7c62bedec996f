"""The parts of ``bundle.json``, and of the manifests that a bundle is made from, as they are read again."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypeAlias

from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from pydantic import JsonValue, StringConstraints, with_config
from typing_extensions import TypedDict

from fusekit.data.absence import Modality
from fusekit.data.clinical.column import ColumnJson
from fusekit.data.clinical.layout import PlaceJson
from fusekit.disk import CLOSED, OPEN
from fusekit.evaluation.aggregation import Aggregate
from fusekit.evaluation.calibration.conformal import HIGHEST, LOWEST
from fusekit.evaluation.calibration.reliability import COLDEST, HOTTEST
from fusekit.evaluation.rule import FOLD, Threshold
from fusekit.extension.fusion import SiteKind

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
    prior: NotRequired[str | None]  # not in older bundles
    pool: NotRequired[str]  # where there is one


class WeightsJson(TypedDict):
    """``LoadedWeights.as_json``."""

    sha256: str
    matched: Count
    missing: Count
    unused: Count


class ModelJson(TypedDict):
    """``FusionModel.description``."""

    fusion: str
    backbone: str
    in_channels: Annotated[int, Ge(1)]
    image_size: NotRequired[Annotated[int, Ge(1)]]  # of a network that was made for one
    columns: Count
    classes: Annotated[int, Ge(1)]  # outputs; of a number one
    layout: NotRequired[list[PlaceJson]]  # not where a count was all that was known, and not in older bundles
    recipe: RecipeJson
    absent: NotRequired[Annotated[list[Modality], MinLen(1)]]  # what samples may lack; else nothing
    weights: NotRequired[WeightsJson]  # of the file that the backbone started from
    reads: NotRequired[Annotated[list[Count], MinLen(1)]]  # places in F of what the encoder reads; else all


@with_config(CLOSED)
class NumberJson(TypedDict):
    """``Number.as_json``."""

    name: str
    unit: str
    mean: float
    deviation: Annotated[float, Gt(0)]


class TimeToEventJson(TypedDict):
    """``TimeToEvent.as_json``."""

    name: str
    horizons: Annotated[list[Annotated[float, Gt(0)]], MinLen(1), MaxLen(1000)]
    unit: str
    intervals: Annotated[int, Ge(1), Le(1000)]
    edges: Annotated[list[Annotated[float, Gt(0)]], MaxLen(1000)]
    proportional: NotRequired[bool]
    hazard: NotRequired[Annotated[list[Annotated[float, Ge(0)]], MaxLen(1000)]]


@with_config(CLOSED)
class PriorJson(TypedDict):
    """The baseline that a network starts from, in a file of its own."""

    name: str
    checksum: str


@with_config(CLOSED)
class ConformalJson(TypedDict):
    """``Conformal.as_json``."""

    level: Annotated[float, Ge(LOWEST), Le(HIGHEST)]
    subjects: Annotated[int, Ge(1)]
    quantile: Annotated[float, Ge(0)] | None


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
    series: dict[str, SeriesJson]  # by image


class MetricJson(TypedDict):
    """A row of the scores that it was shipped with; null where a score is undefined."""

    level: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    rows: Count
    subjects: Count


class OnePixelsJson(TypedDict):
    """``Pixels`` of one channel, as older formats wrote it."""

    mean: Annotated[float, Ge(0), Le(255)]
    std: Annotated[float, Ge(1), Le(255)]


class RuleJson(TypedDict):
    """``Rule.as_json``."""

    aggregate: Aggregate
    thresholds: Thresholds
    temperatures: Temperatures
