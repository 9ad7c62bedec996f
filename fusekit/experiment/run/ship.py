"""What a run ships: one model, or the average of its folds' models."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fusekit.bundle.average import AverageBundle, average_rule
from fusekit.bundle.bundle import Bundle
from fusekit.bundle.load import load
from fusekit.data import ClinicalEncoding
from fusekit.disk import read_json
from fusekit.errors import FusekitError
from fusekit.evaluation import Rule
from fusekit.experiment.run.fold import RECORD
from fusekit.experiment.setup.gathered import Gathered, Sides
from fusekit.progress import Progress
from fusekit.report.records import FoldRecord

#: Folder of a model, in a run and in the training that it comes from.
BUNDLE = "bundle"
#: Why there may be none.
UNSHIPPED = "its baseline does not say what it consists of (Baseline.shipped and Baseline.restored)."


def save(bundle: Bundle, folder: Path, progress: Progress) -> None:
    """Write a training's model; a baseline of a plugin that cannot be shipped is said, and the run goes on."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        bundle.save(folder)
    except FusekitError as error:
        shutil.rmtree(folder, ignore_errors=True)
        progress.say(f"note: nothing is shipped: {error}")


def to_ship(
    gathered: Gathered, trainings: Sequence[Path], record: Mapping[str, Any], metrics: list[dict[str, Any]]
) -> Bundle:
    """The model of a training's folder, or the average of several, with the run's scores and where it comes from.

    ``record`` is the run's manifest.
    """
    origin, fingerprint = origin_of(record), record["data"]["fingerprint"]
    wholes = [
        with_origin(load(path / BUNDLE), origin, read_json(path / RECORD, FoldRecord), fingerprint)
        for path in trainings
    ]
    if len(wholes) == 1:
        return replace(wholes[0], metrics=metrics)
    models = [one for whole in wholes for one in whole.each]
    first, rows, cohort = models[0], gathered.rows, gathered.cohort
    read = {column.name for model in models if model.encoding for column in model.encoding.columns}
    columns = [column for column in cohort.columns if column.name in read]
    sides = Sides(rows, rows[:0], rows[:0])  # every subject taught one of the models
    return AverageBundle(
        models=tuple(models),
        target=first.target.unfitted,
        encoding=ClinicalEncoding.fit(cohort.clinical, columns) if columns else None,
        images=first.images,
        slices=first.slices,
        image_size=first.image_size,
        pixels=gathered.pixels(rows),
        rule=average_rule([model.rule for model in models]),
        task=first.task,
        metrics=metrics,
        provenance={**origin, "data": {"train": sides.counts(cohort.target)["train"], "fingerprint": fingerprint}},
    )


def origin_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a model says of the run that it comes from; ``record`` is the run's manifest."""
    return {
        **{name: record[name] for name in ("synthetic", "versions", "plugins")},
        "config": _without_places(record["config"]),
    }


def with_origin(
    bundle: Bundle, origin: Mapping[str, Any], training: FoldRecord, fingerprint: Mapping[str, str]
) -> Bundle:
    """A training's model, or the average of its members, with its rule and where it comes from."""
    provenance = {**origin, "data": {"train": training["counts"]["train"], "fingerprint": fingerprint}}
    known: dict[str, Any] = {"rule": _as_shipped(Rule.from_json(training["rule"])), "provenance": provenance}
    if not isinstance(bundle, AverageBundle):
        return replace(bundle, **known)
    return replace(bundle, models=tuple(replace(one, **known) for one in bundle.models), **known)


def _as_shipped(rule: Rule) -> Rule:
    """The rule of one training under 0, as every shipped model has it, whichever fold was tested."""
    thresholds = dict(enumerate(rule.thresholds.values()))
    return Rule(rule.aggregate, thresholds, dict(enumerate(rule.temperatures.values())))


def _without_places(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration to hand on: of data, task and other files only the names."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: plain(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [plain(one) for one in value]
        if not isinstance(value, str | Path):
            return value
        leads_out = Path(value).is_absolute() or str(value).startswith(("~", ".."))
        return Path(value).name if leads_out else value

    return {name: plain(value) for name, value in config.items() if name not in ("data", "out")}
