"""What ``manifest.json`` and ``metrics.json`` of a run hold, as far as anything reads it back."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, Required, TypeAlias

from annotated_types import Ge
from pydantic import AllowInfNan, JsonValue, StringConstraints, with_config
from typing_extensions import TypedDict

from fusekit.bundle.format import Count, PluginJson
from fusekit.disk.schema import OPEN

Number: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,6}$")]
Score: TypeAlias = Annotated[float, AllowInfNan(True)] | None  # NaN is what older versions wrote for null
Amount: TypeAlias = Annotated[int, Ge(0)] | None


class ConfigJson(TypedDict, total=False):
    """``Settings.as_json``; ``Settings.of`` looks at the values again before anything is run."""

    task: str
    fusion: str | None
    baseline: str | None
    backbone: str | None
    seed: Count
    folds: Count
    epochs: Count
    batch_size: Count
    image_size: Count
    lr: float
    precision: str
    validation: float
    aggregate: str
    threshold: str
    select: str
    data: str | None
    recipe: str | None
    device: str
    allow: list[str]
    search: dict[str, list[JsonValue]]
    options: dict[str, dict[str, JsonValue]]


class TaskJson(TypedDict, total=False):
    """The task's name and what it asks."""

    name: str
    title: str
    classes: list[str]
    metrics: list[str]


class RecipeJson(TypedDict, total=False):
    """What a model reads."""

    image: bool
    encoder: str | None


class ModelJson(TypedDict, total=False):
    """The model's description; a baseline has none."""

    recipe: RecipeJson


class EvaluationJson(TypedDict, total=False):
    """How slices became calls."""

    aggregate: str
    threshold: str
    thresholds: dict[Number, dict[str, float]] | None
    validation: float | None


class AmountsJson(TypedDict, total=False):
    """How many; null where not counted."""

    scans: Amount
    subjects: Amount
    slices: Amount


class DroppedJson(AmountsJson, total=False):
    """What was left out, and why."""

    reason: Required[str]


class FlowJson(TypedDict, total=False):
    """From what was found to the folds."""

    found: AmountsJson | None
    dropped: list[DroppedJson]
    kept: AmountsJson | None
    folds: list[dict[str, Count]]  # ``fold`` is its number, the other names are classes, with their subjects


class FindingJson(TypedDict):
    """``Finding.as_json``."""

    code: str
    message: str
    severity: Literal["note", "warning", "refusal"]
    advice: str
    items: list[str]
    count: NotRequired[Count]


class PublishedJson(TypedDict, total=False):
    """Published scores, as context."""

    arm: Required[str]
    scores: Required[dict[str, float | None]]
    fusion: str | None
    source: str
    note: str


class DataJson(TypedDict, total=False):
    """The data's digests, and who was on which side."""

    fingerprint: dict[str, str]


class MachineJson(TypedDict, total=False):
    """Where it was trained."""

    device: str


class DigestJson(TypedDict, total=False):
    """A recipe's digest."""

    sha256: str


class ExternalJson(TypedDict, total=False):
    """Of a frozen model on another cohort."""

    summary: list[str]


@with_config(OPEN)
class Manifest(TypedDict, total=False):
    """``manifest.json``."""

    synthetic: Required[bool]
    config: Required[ConfigJson]
    arm: str
    kind: str
    task: TaskJson | None
    model: ModelJson | None
    slices: dict[str, JsonValue]
    evaluation: EvaluationJson
    flow: FlowJson
    data: DataJson
    findings: list[FindingJson]
    published: list[PublishedJson]
    recipe: DigestJson
    external: ExternalJson
    versions: dict[str, str]
    plugins: list[PluginJson]
    machine: MachineJson


class ScoreJson(TypedDict):
    """A score; null where it is undefined."""

    level: str
    metric: str
    value: Score
    low: Score
    high: Score
    rows: Count
    subjects: Count


@with_config(OPEN)
class Metrics(TypedDict):
    """``metrics.json``."""

    scores: list[ScoreJson]
