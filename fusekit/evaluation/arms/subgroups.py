"""The scores again, among women and men, by age, by site: of subjects, with how many there are of each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from fusekit.data.cohort import holds_codes, words_of
from fusekit.evaluation.metrics.metric import Metric
from fusekit.evaluation.predictions import POSITIVE, probability_columns
from fusekit.evaluation.rule import Rule
from fusekit.evaluation.scores import value_and_interval

#: Group of the subjects whose value is missing, and of those in groups beyond the largest: "46 others".
UNKNOWN, OTHERS = "not known", " others"

#: A variable of numbers is cut into bands if it has more values than this.
FEW = 8

#: Of names, so many groups at most: the largest, and the rest together.
MOST = 12

#: Columns of ``cohort.csv`` that are not variables.
KEYS = ("scan", "subject", "label", "fold")


def subgroup_scores(
    predictions: pd.DataFrame,
    cohort: pd.DataFrame,
    metrics: Mapping[str, Metric],
    rule: Rule = Rule(),  # noqa: B008 (it cannot be changed)
    smallest: int = 10,
) -> pd.DataFrame:
    """Score the subjects of each group of each variable.

    Args:
        predictions: one row per slice, as in ``predictions.csv``.
        cohort: one row per scan, as in ``cohort.csv``: scan, subject, label, fold, and one column per variable. A
            subject's value is that of its first row that has one.
        metrics: name -> metric.
        rule: as for ``score``.
        smallest: groups of fewer subjects are counted and not scored.

    Returns:
        One row per variable, group and metric: variable, group, subjects, positives, metric, value, low, high, reason:
        why there is no value, or empty. Groups of numbers in order, others by name, those not known last.

    Raises:
        OptionError, DataError: as ``Rule.subjects`` and ``Rule.called``.
    """
    subjects = rule.subjects(predictions)
    called = rule.centred(subjects, "subject")
    of_subject = cohort.groupby("subject", sort=False).first().reindex(subjects["subject"])
    labels_of_all, classes = subjects["label"].to_numpy(), len(probability_columns(subjects))  # none of a number
    rows = []
    for variable in [name for name in cohort.columns if name not in KEYS]:
        groups = grouped(of_subject[variable], variable)
        for group in groups.cat.categories:
            inside = (groups == group).to_numpy()
            labels = labels_of_all[inside]
            reason = "a class is empty" if len(np.unique(labels)) < classes else ""
            reason = f"fewer than {smallest} subjects" if len(labels) < smallest else reason
            for name, metric in metrics.items():
                table = (called if metric.of_calls else subjects)[inside]
                scored = value_and_interval(metric, table) if not reason else (float("nan"),) * 3
                positives = int((labels == POSITIVE).sum()) if classes else np.nan
                rows.append((variable, group, len(labels), positives, name, *scored, reason))
    columns = ["variable", "group", "subjects", "positives", "metric", "value", "low", "high", "reason"]
    return pd.DataFrame(rows, columns=columns)


def grouped(values: pd.Series, variable: str) -> pd.Series:
    """Group of each value: the value itself, or of numbers the band it lies in.

    Ages are cut into decades from five to five, as tables of patients do ("65-74"); other numbers with more than eight
    values into three bands of equally many subjects, unless they are the numbers of sites or scanners. Of more than
    twelve names the largest groups are kept, and the others joined. What is missing or infinite is "not known".

    Args:
        values: numbers if the type is a number's, else names, whatever they look like: a run reads its ``cohort.csv``
            with the types that its manifest declares.
        variable: its name; a variable with "age" among its words holds ages.

    Returns:
        Ordered categories, of which each has a subject.
    """
    values = values.replace([np.inf, -np.inf], np.nan)
    if pd.api.types.is_numeric_dtype(values) and not holds_codes(variable) and values.nunique() > FEW:
        bands = _decades(values) if "age" in words_of(variable) else _thirds(values)
        texts, order = bands.astype(object), list(bands.cat.categories[bands.cat.categories.isin(bands.dropna())])
    else:
        texts = _largest(values.map(_text).where(values.notna()))
        order = sorted(set(texts.dropna()), key=lambda text: (text.endswith(OTHERS), _number(text), text))
    texts = texts.where(values.notna(), UNKNOWN)
    order = [group for group in order if group != UNKNOWN] + [UNKNOWN] * bool((texts == UNKNOWN).any())
    return pd.Series(pd.Categorical(texts, categories=order, ordered=True), index=values.index)


def _largest(names: pd.Series) -> pd.Series:
    counts = names.value_counts()
    if len(counts) <= MOST:
        return names
    order = sorted(counts.index, key=lambda name: (-counts[name], _number(name), name))
    return names.where(names.isin(order[: MOST - 1]) | names.isna(), f"{len(order) - MOST + 1}{OTHERS}")


def _decades(ages: pd.Series) -> pd.Series:
    """Bands such as "65-74", in whole years."""
    starts = np.floor((ages - 5) / 10) * 10 + 5
    order = [int(start) for start in np.sort(starts.dropna().unique())]
    names = {start: f"{max(start, 0)}-{start + 9}" for start in order}
    return pd.Series(pd.Categorical(starts.map(names), categories=list(names.values()), ordered=True), ages.index)


def _thirds(numbers: pd.Series) -> pd.Series:
    """Three bands of equally many, named by the lowest and highest value inside; fewer where values repeat."""
    bands = pd.qcut(numbers.rank(), 3, labels=False, duplicates="drop")  # ranks: quantiles of huge numbers overflow
    limits = numbers.groupby(bands).agg(["min", "max"])
    for digits in (4, 17):
        texts = [dict.fromkeys(f"{limit:.{digits}g}" for limit in pair) for _, *pair in limits.itertuples()]
        names = dict(zip(limits.index, map(" to ".join, texts), strict=True))
        if len(set(names.values())) == len(names):
            break
    return pd.Series(pd.Categorical(bands.map(names), categories=list(names.values()), ordered=True), numbers.index)


def _text(value: object) -> str:
    """941.0 is how pandas reads the code 941 where a neighbour is missing."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("inf")
