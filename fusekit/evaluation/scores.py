"""The table of scores, at slice and at subject level."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from fusekit.data.target.follow_up import ENTRY, labels_of, refuse_late_entry
from fusekit.evaluation.folds import Folds
from fusekit.evaluation.metrics.metric import Metric
from fusekit.evaluation.predictions import outputs_of, predicted_columns
from fusekit.evaluation.rule import Level, Rule


def score(
    predictions: pd.DataFrame,
    metrics: Mapping[str, Metric],
    rule: Rule = Rule(),  # noqa: B008 (it cannot be changed)
) -> pd.DataFrame:
    """Score predictions by every metric.

    Args:
        predictions: one row per slice, as in ``predictions.csv``; without a column ``fold``, one model predicted all.
        metrics: name -> metric.
        rule: how slices become subjects, and what is called.

    Returns:
        One row per level and metric: level, metric, value, low, high (95 % limits over subjects), rows, subjects.

    Raises:
        OptionError: a metric does not know delayed entry, which the predictions have; or, as DataError, as
            ``Rule.subjects`` and ``Rule.called``.
    """
    scores = []
    levels: tuple[tuple[Level, pd.DataFrame], ...] = (("slice", predictions), ("subject", rule.subjects(predictions)))
    for level, table in levels:
        called = rule.centred(table, level)
        for name, metric in metrics.items():
            found = value_and_interval(metric, called if metric.of_calls else table)
            scores.append((level, name, *found, len(table), table["subject"].nunique()))
    return pd.DataFrame(scores, columns=["level", "metric", "value", "low", "high", "rows", "subjects"])


def value_and_interval(metric: Metric, table: pd.DataFrame) -> tuple[float, float, float]:
    """Score the rows of a table: value, and 95 % limits over its subjects."""
    if ENTRY in table:
        refuse_late_entry(f"the metric {metric.title!r}", metric)
    labels, predicted, metric = labels_of(table), outputs_of(table), metric.reading(predicted_columns(table))
    subjects, folds = table["subject"].to_numpy(), Folds.of_table(table)
    if metric.within_folds and len(folds.subjects) > 1:
        low, high = metric.interval_in(folds, labels, predicted, subjects)
        return metric.value_in(folds, labels, predicted), low, high
    return metric.value(labels, predicted), *metric.interval(labels, predicted, subjects)
