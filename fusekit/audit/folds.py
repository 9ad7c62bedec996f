"""Folds that differ: a test that is easier, or harder, than the training."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from fusekit.audit.association import as_text, beyond_chance, furthest, rank_test, table_test
from fusekit.audit.case import Case, note
from fusekit.data.cohort import Finding
from fusekit.data.splits import refuse_leakage

#: Usual names of sex and age, as a group or a clinical column.
SEX, AGE = ("sex", "gender", "ptgender"), ("age", "age_at_scan", "age_bl")


def subjects_in_two_folds(case: Case) -> Iterator[Finding]:
    """Raise ``LeakageError`` with the subjects that are in two folds; nothing allows that."""
    if case.folds is not None:
        for fold in sorted(case.folds.unique()):
            refuse_leakage(case.folds.index[case.folds != fold], case.folds.index[case.folds == fold])
    yield from ()


def unequal_folds(case: Case) -> Iterator[Finding]:
    """Warn where class, sex or age differs between the folds, corrected for the three tests (Holm)."""
    if case.folds is None:
        return
    fold = case.first["subject"].map(case.folds).to_numpy()
    classes = pd.Series(np.array(case.classes, dtype=object)[case.labels], index=case.first.index)
    sex, age = _described(case, SEX), _described(case, AGE)
    tested: dict[str, tuple[float, str]] = {}
    for name, values in {"class": classes, "sex": None if sex is None else as_text(sex)}.items():
        if values is not None:
            at, level, table = furthest(fold, values.to_numpy())
            here, all_ = table.loc[at, level] / table.loc[at].sum(), table[level].sum() / table.to_numpy().sum()
            clause = f"fold {at} has {here:.0%} {level}, against {all_:.0%} in all"
            tested[name] = (table_test(fold, values.to_numpy())[0], clause)
    if age is not None and pd.api.types.is_numeric_dtype(age):
        medians = age.groupby(fold).median()
        worst: Any = (medians - age.median()).abs().idxmax()
        clause = f"the median of fold {worst} is {medians[worst]:.4g}, against {age.median():.4g} in all"
        tested["age"] = (rank_test(fold, age)[0], clause)
    beyond = beyond_chance({name: p for name, (p, _) in tested.items()})
    found = [f"{name}: {tested[name][1]} (p = {p:.2g})" for name, p in beyond.items()]
    advice = "Look at the scores of every fold, not of one; another --seed deals again."
    yield from note("unequal-folds", "differ between the folds more than chance explains.", found, advice)


def _described(case: Case, names: tuple[str, ...]) -> pd.Series | None:
    """The first group or clinical column of one of these names, in either case."""
    for table in (case.first[[name for name in case.cohort.groups if name in case.first]], case.clinical):
        for name in table.columns:
            if str(name).lower() in names:
                return table[name]
    return None
