"""What more training subjects give: scores and predictions with fewer of them, beside those of the run itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusekit.data.splits import WHOLE
from fusekit.data.target.follow_up import labels_of
from fusekit.disk import read_json, read_written, write_table
from fusekit.evaluation import Rule
from fusekit.evaluation.predictions import are_probabilities, outputs_of, predicted_columns
from fusekit.evaluation.scores import value_and_interval
from fusekit.experiment.run.fold import PREDICTIONS, RECORD
from fusekit.experiment.setup.gathered import Gathered
from fusekit.experiment.setup.part import Part
from fusekit.experiment.setup.plan import Plan
from fusekit.report.records import FoldRecord
from fusekit.report.run import CURVE, CURVE_SUBJECTS, SCHEMAS

_COLUMNS = ["percent", "fold", "training", "metric", "value", "low", "high", "subjects"]


def write_learning_curve(
    plan: Plan, gathered: Gathered, predictions: pd.DataFrame, rule: Rule, points: Mapping[Part, Path], folder: Path
) -> None:
    """Write ``learning_curve.csv`` and ``learning_curve_subjects.csv`` from the folders of the points.

    ``predictions`` and ``rule`` are those of the run, with all training subjects, which are not written again.
    """
    schema = {**plan.task.target.schema, **SCHEMAS[PREDICTIONS]}
    percents = sorted({part.percent for part in points})
    rows: list[tuple[Any, ...]] = []
    subjects = []
    for percent in percents:
        paths = [path for part, path in points.items() if part.percent == percent]
        slices = pd.concat([read_written(path / PREDICTIONS, schema) for path in paths], ignore_index=True)
        records = [read_json(path / RECORD, FoldRecord) for path in paths]
        own = Rule.joined((Rule.from_json(record["rule"]) for record in records), plan.config.aggregate)
        table = own.subjects(slices)
        rows += _scores(plan, gathered, percent, table, own)
        called = {"called": own.called(table, "subject")} if are_probabilities(table) else {}
        table.insert(0, "percent", percent)
        subjects.append(table.drop(columns=["scans", "slices"]).assign(**called))
    rows += _scores(plan, gathered, WHOLE, rule.subjects(predictions), rule)
    write_table(pd.DataFrame(rows, columns=_COLUMNS), folder / CURVE)
    write_table(pd.concat(subjects, ignore_index=True), folder / CURVE_SUBJECTS)


def _scores(
    plan: Plan, gathered: Gathered, percent: int, subjects: pd.DataFrame, rule: Rule
) -> Iterator[tuple[Any, ...]]:
    """Every metric of all tested subjects, with limits, and of each fold's, without."""
    config, counts = plan.config, {}
    for fold in config.tested:
        train, aside, _ = gathered.sides(fold, config.validation, config.seed, percent)
        counts[fold] = train["subject"].nunique() + aside["subject"].nunique()
    centred = rule.centred(subjects, "subject")
    for name, metric in plan.metrics.items():
        shown = centred if metric.of_calls else subjects
        found = value_and_interval(metric, shown)
        yield percent, "all", float(np.mean(list(counts.values()))), name, *found, len(shown)
        reading = metric.reading(predicted_columns(shown))
        for fold, count in counts.items():
            own = shown[shown["fold"] == fold]
            value = reading.value(labels_of(own), outputs_of(own))
            yield percent, str(fold), float(count), name, value, None, None, len(own)
