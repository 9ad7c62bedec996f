"""What the JSON files of folds, of a comparison and of what was begun hold, as far as anything reads it back."""

from __future__ import annotations

from pydantic import JsonValue, with_config
from typing_extensions import TypedDict

from fusekit.bundle.format import Count
from fusekit.disk.schema import OPEN
from fusekit.report.records import ConfigJson, FindingJson


@with_config(OPEN)
class Configured(TypedDict):
    """Any file that a run can be configured by."""

    config: ConfigJson


@with_config(OPEN)
class Begun(TypedDict, total=False):
    """What was begun in a folder: ``run.json``, ``comparison.json``."""

    identity: str
    fingerprint: dict[str, str]


@with_config(OPEN)
class ComparisonJson(TypedDict):
    """The arms of a comparison, in order."""

    arms: dict[str, JsonValue] | list[str]


@with_config(OPEN)
class FoldRecord(TypedDict):
    """``fold.json``: what a fold's training came to."""

    fold: int | None
    epochs: JsonValue
    choice: JsonValue
    search: JsonValue
    counts: dict[str, dict[str, dict[str, Count]]]
    findings: list[FindingJson]
    model: dict[str, JsonValue] | None
    seconds: float
