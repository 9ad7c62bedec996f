"""Folds that differ: a test that is easier, or harder, than the training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from fusekit.audit.association import furthest, holm, table_test
from fusekit.audit.case import LEVEL, Case
from fusekit.data.cohort import Finding
from fusekit.data.splits import refuse_leakage

#: What people call sex and age, as a group or a clinical column.
SEX, AGE = ("sex", "gender", "ptgender"), ("age", "age_at_scan", "age_bl")


def subjects_in_two_folds(case: Case) -> Iterator[Finding]:
    """Raise ``LeakageError`` if a subject is in two folds; nothing allows that.

    Raises:
        LeakageError: with the subjects.
    """
    if case.folds is not None:
        for fold in sorted(case.folds.unique()):
            refuse_leakage(case.folds.index[case.folds != fold], case.folds.index[case.folds == fold])
    yield from ()


def unequal_folds(case: Case) -> Iterator[Finding]:
    """Warn where class, sex or age differs between the folds, corrected for the three tests (Holm)."""
    if case.folds is None:
        return
    fold = case.first["subject"].map(case.folds).to_numpy()
    classes = pd.Series(np.array(case.cohort.classes, dtype=object)[case.labels], index=case.first.index)
    tested = {"class": (table_test(fold, classes.to_numpy())[0], _furthest_share(fold, classes))}
    sex, age = _described(case, SEX), _described(case, AGE)
    if sex is not None:
        text = sex.map(lambda value: "(blank)" if pd.isna(value) or value == "" else str(value))
        tested["sex"] = (table_test(fold, text.to_numpy(dtype=object))[0], _furthest_share(fold, text))
    if age is not None and pd.api.types.is_numeric_dtype(age):
        tested["age"] = (_kruskal(fold, age), _furthest_median(fold, age))
    adjusted = holm([p for p, _ in tested.values()])
    found = [
        f"{name}: {place} (p = {p:.2g})"
        for (name, (_, place)), p in zip(tested.items(), adjusted, strict=True)
        if p < LEVEL
    ]
    if found:
        yield Finding(
            "unequal-folds",
            "differ between the folds more than chance explains.",
            tuple(found),
            "warning",
            "Look at the scores of every fold, not of one; another --seed deals again.",
        )


def _described(case: Case, names: tuple[str, ...]) -> pd.Series | None:
    """The first group or clinical column of one of these names, in either case."""
    for table in (case.first[[name for name in case.cohort.groups if name in case.first]], case.clinical):
        for name in table.columns:
            if str(name).lower() in names:
                found: pd.Series = table[name]
                return found
    return None


def _kruskal(fold: np.ndarray, values: pd.Series) -> float:
    from scipy.stats import kruskal

    parts = [part.dropna().to_numpy() for _, part in values.groupby(fold)]
    parts = [part for part in parts if len(part)]
    return float(kruskal(*parts).pvalue) if len(parts) > 1 and values.min() < values.max() else 1.0


def _furthest_share(fold: np.ndarray, values: pd.Series) -> str:
    at, level, table = furthest(fold, values.to_numpy())
    here, all_ = table.loc[at, level] / table.loc[at].sum(), table[level].sum() / table.to_numpy().sum()
    return f"fold {at} has {here:.0%} {level}, against {all_:.0%} in all"


def _furthest_median(fold: np.ndarray, values: pd.Series) -> str:
    medians = values.groupby(fold).median()
    at: Any = (medians - values.median()).abs().idxmax()
    return f"the median of fold {at} is {medians[at]:.4g}, against {values.median():.4g} in all"
