"""Every pair of arms: whether one is better on the same subjects, and whether these subjects can show it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from fusekit.data import Classes, Ordered
from fusekit.data.target.follow_up import events_of, label_columns, labels_of
from fusekit.data.target.time_to_event import RISK
from fusekit.errors import DataError, first_ten
from fusekit.evaluation.arms.differences import (
    Difference,
    accuracy_difference,
    area_difference,
    error_difference,
)
from fusekit.evaluation.delong import Areas, areas, cut_areas, macro_areas, mean_areas
from fusekit.evaluation.predictions import (
    NUMBER,
    POSITIVE,
    horizons_of,
    outputs_of,
    predicted_columns,
    probabilities_of,
)
from fusekit.evaluation.rule import Rule
from fusekit.evaluation.statistics import holm
from fusekit.evaluation.survival.brier import brier_terms, integrated
from fusekit.evaluation.survival.concordance import shares, uno

#: What Holm's correction keeps the chance of a single false claim below, over all pairs of a measure.
LEVEL = 0.05

#: Arm -> table of subjects of each seed.
_Tables: TypeAlias = Mapping[str, Sequence[pd.DataFrame]]


class Measure(NamedTuple):
    """By what arms are compared."""

    title: str  # in sentences
    test: str
    sign: int = 1  # -1 where less is better
    ahead: str = "scores {by} {title} above"
    of_classes: bool = False


#: Name -> measure, the one that decides first.
MEASURES = {
    "auc": Measure("AUC", "DeLong's test", of_classes=True),
    "macro-auc": Measure("macro AUC", "DeLong's test", of_classes=True),
    "cuts-auc": Measure("AUC of cuts", "DeLong's test", of_classes=True),
    "rank-error": Measure(
        "rank error", "a sign-flip test of subjects' absolute rank errors", -1, "has {by} less {title} than"
    ),
    "uno-c": Measure("Uno's c", "a z test of the subjects' parts in it"),
    "mae": Measure("MAE", "a sign-flip test of subjects' absolute errors", -1, "errs by {by} {title} less than"),
    "integrated-brier": Measure(
        "integrated Brier score", "a sign-flip test of subjects' parts in it", -1, "errs by {by} {title} less than"
    ),
    "accuracy": Measure("accuracy", "McNemar's test"),
}


def compare_arms(
    predictions: Mapping[str, Sequence[pd.DataFrame]],
    rules: Mapping[str, Sequence[Rule]] | None = None,
    kind: str = Classes.kind,
) -> pd.DataFrame:
    """Compare all pairs of arms, subject by subject.

    Classes are compared by AUC (of three or more: macro AUC) and accuracy, ordered classes by the mean AUC of cuts and
    the absolute rank error, numbers by their absolute errors, times to an event by Uno's c and the integrated Brier
    score.

    Args:
        predictions: arm -> ``predictions.csv`` of each seed, in the same order of seeds in every arm.
        rules: arm -> of each seed; without them probabilities are averaged, and the most probable class is called.
        kind: of the target, which probabilities do not show.

    Returns:
        One row per pair and measure: first, second, measure, difference (first minus second, the mean over seeds), low,
        high (95 % limits over subjects), p, p_holm (corrected over all pairs of the measure), spread (SD over seeds of
        the difference; NaN with one seed), subjects, sentence.

    Raises:
        DataError: arms have other seeds, subjects or labels; or as ``Rule.subjects`` and ``Rule.called``.
        OptionError: likewise.
    """
    given = {arm: (rules or {}).get(arm, [Rule()] * len(seeds)) for arm, seeds in predictions.items()}
    tables = {arm: list(map(Rule.subjects, given[arm], seeds)) for arm, seeds in predictions.items()}
    _check_alike(tables)
    names = list(tables)
    everyone = sorted({subject for table in tables[names[0]] for subject in table["subject"]}) if names else []
    found = {tuple(predicted_columns(table)) for seeds in tables.values() for table in seeds}
    if any(NUMBER in said for said in found):
        rows = list(_of_numbers(tables, everyone))
    elif any(map(horizons_of, found)):
        rows = list(_of_times(tables, everyone))
    else:
        rows = list(_of_classes(tables, given, everyone, kind == Ordered.kind))
    columns = ["first", "second", "measure", "difference", "low", "high", "p", "spread"]
    table = pd.DataFrame(rows, columns=columns)
    table.insert(7, "p_holm", table.groupby("measure")["p"].transform(holm))
    table["subjects"] = len(everyone)
    count = len(names) * (len(names) - 1) // 2
    table["sentence"] = [sentence(row, count) for row in table.to_dict("records")]
    return table


def _of_classes(
    tables: _Tables, rules: Mapping[str, Sequence[Rule]], everyone: list[str], ordered: bool
) -> Iterator[tuple[Any, ...]]:
    names = list(tables)
    of_calls, compared = _right, accuracy_difference
    if ordered:
        of_calls, compared = _rank_errors, partial(error_difference, ranks=True)
    calls = {arm: list(map(of_calls, rules[arm], seeds)) for arm, seeds in tables.items()}
    curves = {arm: [_areas(table, everyone, ordered) for table in seeds] for arm, seeds in tables.items()}
    joined = [mean_areas(curves[arm]) for arm in names]
    of_all = Areas(np.concatenate([of.area for of in joined]), np.concatenate([of.parts for of in joined]))
    called = {arm: np.array([call.reindex(everyone) for call in seeds]) for arm, seeds in calls.items()}
    several = "macro-auc" if "p_2" in tables[names[0]][0] else "auc"
    measures = ("cuts-auc", "rank-error") if ordered else (several, "accuracy")
    pairs = _independent_pairs(tables[names[0]][0], ordered)
    for (i, first), (j, second) in combinations(enumerate(names), 2):
        by_seed = [a.area[0] - b.area[0] for a, b in zip(curves[first], curves[second], strict=True)]
        yield first, second, measures[0], *area_difference(of_all, i, j, pairs), _spread(by_seed)
        by_seed = list(np.nanmean(called[first], axis=1) - np.nanmean(called[second], axis=1))
        yield first, second, measures[1], *compared(called[first], called[second]), _spread(by_seed)


def _of_numbers(tables: _Tables, everyone: list[str]) -> Iterator[tuple[Any, ...]]:
    errors = {
        arm: np.array([(one["label"] - one[NUMBER]).abs().set_axis(one["subject"]).reindex(everyone) for one in seeds])
        for arm, seeds in tables.items()
    }  # (S, N)
    for first, second in combinations(errors, 2):
        by_seed = list(np.nanmean(errors[first], axis=1) - np.nanmean(errors[second], axis=1))
        yield first, second, "mae", *error_difference(errors[first], errors[second]), _spread(by_seed)


def _of_times(tables: _Tables, everyone: list[str]) -> Iterator[tuple[Any, ...]]:
    names, horizons = list(tables), horizons_of(predicted_columns(next(iter(tables.values()))[0]))
    curves = {arm: [_concordance(table, horizons[-1], everyone) for table in seeds] for arm, seeds in tables.items()}
    joined = [mean_areas(curves[arm]) for arm in names]
    of_all = Areas(np.concatenate([of.area for of in joined]), np.concatenate([of.parts for of in joined]))
    errors = {arm: np.array([_brier(one, horizons).reindex(everyone) for one in own]) for arm, own in tables.items()}
    cases = int(events_of(labels_of(tables[names[0]][0])).sum())
    for (i, first), (j, second) in combinations(enumerate(names), 2):
        by_seed = [a.area[0] - b.area[0] for a, b in zip(curves[first], curves[second], strict=True)]
        yield first, second, "uno-c", *area_difference(of_all, i, j, cases), _spread(by_seed)
        seen = ~np.isnan(errors[first]).all(axis=1)  # the seeds in which anyone is followed to every horizon
        one, other = errors[first][seen], errors[second][seen]
        by_seed = list(np.nanmean(one, axis=1) - np.nanmean(other, axis=1))
        yield first, second, "integrated-brier", *error_difference(one, other), _spread(by_seed)


def _concordance(table: pd.DataFrame, last: float, everyone: list[str]) -> Areas:
    """Uno's c of one arm and seed, with a column for everyone; who was not tested has no part in it."""
    folds = table["fold"].to_numpy() if "fold" in table else None
    subjects = table["subject"].to_numpy()
    found = shares(uno(last), labels_of(table), table[RISK].to_numpy(), subjects, folds)
    parts = pd.Series(found.parts[0], index=np.unique(subjects)).reindex(everyone, fill_value=0.0)
    return Areas(found.area, parts.to_numpy()[None])


def _brier(table: pd.DataFrame, horizons: Sequence[float]) -> pd.Series:
    """What each subject adds to the integrated Brier score."""
    terms = brier_terms(labels_of(table), outputs_of(table)[:, 1:], horizons)
    return pd.Series(integrated(terms, horizons), index=table["subject"].to_numpy())


def sentence(row: Mapping[Any, Any], pairs: int) -> str:
    """Say in words what a row of ``compare_arms`` shows, one of so many pairs, and no more."""
    first, second, measure = row["first"], row["second"], MEASURES[row["measure"]]
    title = measure.title
    value, *ends = (measure.sign * row[name] for name in ("difference", "low", "high"))
    found = Difference(value, min(ends), max(ends), row["p"])  # above 0 where the first is better
    corrected, people = row["p_holm"], f"{row['subjects']} subjects"
    if np.isnan(found.p):
        why = (
            "a fold has too few subjects of a class"
            if measure.of_classes
            else "too few have the event, or are followed to a horizon"
        )
        return f"{first} and {second} cannot be compared by {title}: {why} ({people})."
    if found.value < 0:
        first, second = second, first
        found = Difference(-found.value, -found.high, -found.low, found.p)
    sure = f"(95 % CI {_short(found.low)} to {_short(found.high)}; {_chance('p', found.p)}"
    sure += f", {_chance('Holm', corrected)})" if pairs > 1 else ")"
    if found.value == 0:
        said = f"{first} and {second} have the same {title} {sure}: no difference could be seen with {people}."
    elif corrected < LEVEL:
        said = f"{first} beats {second} by {_short(found.value)} {title} {sure}: distinguishable"
        said += f" after Holm's correction, with {people}." if pairs > 1 else f" with {people}."
    else:
        ahead = measure.ahead.format(by=_short(found.value), title=title)
        said = f"{first} {ahead} {second} {sure}: not distinguishable with {people}"
        said += f" once {pairs} pairs are compared." if found.p < LEVEL else "."
    if not np.isnan(spread := row["spread"]):
        said += f" From seed to seed the difference varies by {_short(spread)} (SD)."
    return said


def _short(value: float) -> str:
    """Two decimals, or three where two would show nothing."""
    text = f"{value:.2f}" if abs(value) >= 0.005 else f"{value:.3f}"
    return text.replace("-0.000", "0.000")


def _chance(name: str, p: float) -> str:
    return f"{name} < 0.001" if p < 0.001 else f"{name} {'' if name == 'Holm' else '= '}{p:.{3 if p < 0.1 else 2}f}"


def _spread(by_seed: Sequence[float]) -> float:
    return float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else float("nan")


def _right(rule: Rule, table: pd.DataFrame) -> pd.Series:
    """Whether each subject is called rightly, 1 or 0, by subject."""
    right = rule.called(table, "subject") == table["label"].to_numpy()
    return pd.Series(right.astype(float), index=table["subject"].to_numpy())


def _rank_errors(rule: Rule, table: pd.DataFrame) -> pd.Series:
    """How many ranks each subject's call is away from the true class, by subject."""
    errors = np.abs(rule.called(table, "subject") - table["label"].to_numpy())
    return pd.Series(errors.astype(float), index=table["subject"].to_numpy())


def _areas(table: pd.DataFrame, everyone: list[str], ordered: bool) -> Areas:
    """Area of one arm and seed, with a column for everyone; a subject that was not tested has no part in it."""
    labels, probabilities = table["label"].to_numpy(), probabilities_of(table)
    folds = table["fold"].to_numpy() if "fold" in table else None
    if ordered:
        found = cut_areas(labels, probabilities[None], folds)
    elif probabilities.shape[1] > 2:
        found = macro_areas(labels, probabilities[None], folds)
    else:
        found = areas(labels == POSITIVE, probabilities[None, :, POSITIVE], folds)
    parts = pd.Series(found.parts[0], index=table["subject"].to_numpy()).reindex(everyone, fill_value=0.0)
    return Areas(found.area, parts.to_numpy()[None])


def _independent_pairs(table: pd.DataFrame, ordered: bool) -> int:
    """Pairs of two classes, of ordered ones the outer two, that can be formed within folds with each subject once."""
    folds = table["fold"] if "fold" in table else pd.Series(0, index=table.index)
    counts = pd.crosstab(folds, table["label"])
    counts = counts.iloc[:, [0, -1]] if ordered else counts
    return int(counts.min(axis=1).sum()) if counts.shape[1] > 1 else 0


def _check_alike(tables: Mapping[str, Sequence[pd.DataFrame]]) -> None:
    """Refuse arms that did not predict the same subjects with the same labels in every seed."""
    names = list(tables)
    for arm in names[1:]:
        if len(tables[arm]) != len(tables[names[0]]):
            raise DataError(
                f"{names[0]} and {arm} were not run with as many seeds: {len(tables[names[0]])} and {len(tables[arm])}."
                " Arms are compared over the same seeds: run the missing ones, or leave the others out."
            )
        for seed, (one, other) in enumerate(zip(tables[names[0]], tables[arm], strict=True), start=1):
            truth, claimed = (table.set_index("subject")[label_columns(one)] for table in (one, other))
            if only := sorted(set(truth.index) ^ set(claimed.index)):
                raise DataError(
                    f"{names[0]} and {arm} did not test the same subjects (seed {seed} of {len(tables[arm])}):"
                    f" {first_ten(only)} are in one of them only. Arms are compared on the same folds of one cohort."
                )
            if apart := sorted(truth.index[(truth != claimed.reindex(truth.index)).any(axis=1)]):
                raise DataError(
                    f"{names[0]} and {arm} do not agree on the label of {first_ten(apart)}"
                    f" (seed {seed} of {len(tables[arm])}). Arms are compared on one cohort."
                )
