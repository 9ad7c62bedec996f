"""What the JSON files of a run, of its folds and of a comparison hold, as far as anything reads it."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, Required, TypeAlias

from annotated_types import Ge
from pydantic import AllowInfNan, JsonValue, with_config
from typing_extensions import TypedDict

from fusekit.bundle.schema import Count, NumberJson, PluginJson, RuleJson, TrainedConfig, TrainedEvaluation
from fusekit.disk.schema import OPEN

#: Kind of an arm that joins the predictions of two others.
LATE = "late fusion"
Score: TypeAlias = Annotated[float, AllowInfNan(True)] | None  # NaN is what older versions wrote for null
_Amount: TypeAlias = Annotated[int, Ge(0)] | None


class _Config(TrainedConfig, total=False):  # all else is only shown; ``Settings.of`` checks what is run again
    seed: Count
    image_size: Count
    batch_size: Count
    validation: float
    allow: list[str]
    search: dict[str, list[JsonValue] | str]  # a range is text


class _Task(TypedDict, total=False):
    name: str
    title: str
    classes: list[str]
    number: NumberJson
    metrics: list[str]


class _Recipe(TypedDict, total=False):
    image: bool
    encoder: str | None


class _Model(TypedDict, total=False):
    recipe: _Recipe


class _Chosen(TypedDict):
    """A column that was chosen for an encoder: ``ColumnChoice.as_json``."""

    column: str
    importance: float
    chosen: Count
    folds: Count


class _Prior(TypedDict):
    name: str
    weight: float


class TableRecord(TypedDict, total=False):
    """What a network read of the table, where that was chosen."""

    columns: list[_Chosen]
    prior: _Prior


class _Evaluation(TrainedEvaluation, total=False):
    table: dict[str, TableRecord]  # by fold
    threshold: str
    validation: float | None


class _Amounts(TypedDict, total=False):
    scans: _Amount
    subjects: _Amount
    slices: _Amount


class _Dropped(_Amounts, total=False):
    reason: Required[str]


class _Dealt(TypedDict):
    fold: Count
    subjects: dict[str, Count]  # by class


class _Flow(TypedDict, total=False):
    found: _Amounts | None
    dropped: list[_Dropped]
    kept: _Amounts | None
    folds: list[_Dealt | dict[str, Count]]  # older runs wrote ``fold`` and the classes side by side


class _Finding(TypedDict):
    code: str
    message: str
    severity: Literal["note", "warning", "refusal"]
    advice: str
    items: list[str]
    count: NotRequired[Count]


class _Published(TypedDict, total=False):
    arm: Required[str]
    scores: Required[dict[str, float | None]]
    fusion: str | None
    source: str
    note: str


class _Data(TypedDict, total=False):
    fingerprint: dict[str, str]
    numbers: list[str]  # columns of cohort.csv


class _Machine(TypedDict, total=False):
    device: str


class _Digest(TypedDict, total=False):
    sha256: str


class _External(TypedDict, total=False):
    summary: list[str]


@with_config(OPEN)
class Manifest(TypedDict, total=False):
    """``manifest.json``."""

    synthetic: Required[bool]
    config: Required[_Config]
    arm: str
    kind: str
    reads: list[Literal["image", "table"]]  # of a baseline, stack or late fusion; of a fusion the recipe says it
    task: _Task | None
    model: _Model | None
    slices: dict[str, JsonValue]
    evaluation: _Evaluation
    flow: _Flow
    data: _Data
    findings: list[_Finding]
    published: list[_Published]
    recipe: _Digest
    external: _External
    versions: dict[str, str]
    plugins: list[PluginJson]
    machine: _Machine


@with_config(OPEN)
class Configured(TypedDict):
    """Any file that a run can be configured by."""

    config: _Config


@with_config(OPEN)
class Compared(TypedDict):
    """``comparison.json``, as a report reads it."""

    arms: dict[str, JsonValue]
    late_fusion: NotRequired[list[str]]  # ways of joining two arms


class _Score(TypedDict):
    level: Literal["slice", "subject"]
    metric: str
    value: Score
    low: Score
    high: Score
    rows: Count
    subjects: Count


@with_config(OPEN)
class Metrics(TypedDict):
    """``metrics.json``."""

    scores: list[_Score]


@with_config(OPEN)
class Begun(TypedDict, total=False):
    """What was begun in a folder: ``run.json``, ``comparison.json``."""

    identity: str
    fingerprint: dict[str, str]


@with_config(OPEN)
class TestedRecord(TypedDict):
    """What a fold's tested subjects came to by the task's first metric."""

    metric: str
    value: float | None  # where it is undefined
    subjects: Count


@with_config(OPEN)
class FoldRecord(TypedDict):
    """``fold.json``: what a fold's training came to."""

    fold: int | None
    epochs: JsonValue
    choice: JsonValue
    search: JsonValue
    table: NotRequired[TableRecord]  # not in older runs
    rule: RuleJson
    tested: NotRequired[TestedRecord | None]  # not in older runs; null of a training on all subjects
    counts: dict[str, dict[str, dict[str, Count]]]
    findings: list[_Finding]
    model: dict[str, JsonValue] | None
    seconds: float
