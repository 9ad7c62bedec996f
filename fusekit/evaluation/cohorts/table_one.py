"""Table 1: what subjects are like, by group or by fold, with each column's gaps and how far two groups are apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor, log10

import numpy as np
import pandas as pd

from fusekit.data import Cohort, Column, Target

#: Categories of a column that have a row each, the most frequent; the others share one.
CATEGORIES = 10
OTHERS = "other"
#: Columns beside those of the groups.
ALL, MISSING, SMD = "all", "missing", "SMD"


def table_one(cohort: Cohort) -> pd.DataFrame:
    """Describe the clinical columns by what the target's groups are: classes, thirds of a number, event or not.

    A subject counts once, with the values of the first scan.

    Returns:
        Text, one row per number (mean and standard deviation) and per category (subjects and share), after one of how
        many subjects there are; columns ``all``, each group, ``missing`` (subjects without a value) and, between two
        groups, ``SMD``: the absolute standardised mean difference, by the mean of the two variances (Austin 2009). Of
        a category it is that of its share.
    """
    first = cohort.scans.drop_duplicates("subject")
    return described(cohort.target, first["label"], cohort.clinical.loc[first.index], cohort.columns)


def by_fold(cohort: Cohort, folds: pd.Series) -> pd.DataFrame:
    """The same by fold, of ``folds`` by subject: a column ``fold 1``, ``fold 2``, ... in place of each group."""
    first = cohort.scans.drop_duplicates("subject")
    own, numbers = first["subject"].map(folds).to_numpy(), sorted(set(folds))
    names = [f"fold {number + 1}" for number in numbers]
    return _table(names, [own == k for k in numbers], cohort.clinical.loc[first.index], cohort.columns)


def described(target: Target, labels: pd.Series, values: pd.DataFrame, kinds: Sequence[Column]) -> pd.DataFrame:
    """The same of subjects (N,) with their labels and values, both by one index."""
    numbers, groups = target.groups(labels)
    names = [f"{name} (group)" if name in (ALL, MISSING, SMD) else name for name in groups]
    return _table(names, [numbers == k for k in range(len(names))], values, kinds)


def _table(
    names: Sequence[str], parts: Sequence[np.ndarray], values: pd.DataFrame, kinds: Sequence[Column]
) -> pd.DataFrame:
    """Of parts of the subjects, each (N,) of whether they are in it."""
    sides = [np.ones(len(values), dtype=bool), *parts]
    columns = [ALL, *names, MISSING, *[SMD] * (len(names) == 2)]
    rows = [("subjects", [*(f"{side.sum():,}" for side in sides), "", *[""] * (len(names) == 2)])]
    for column in kinds:
        rows += _number(column, values, sides) if column.kind == "number" else _category(column, values, sides)
    index = pd.Index([name for name, _ in rows], name="")
    return pd.DataFrame([cells for _, cells in rows], index=index, columns=columns)


def _number(column: Column, values: pd.DataFrame, sides: Sequence[np.ndarray]) -> Iterator[tuple[str, list[str]]]:
    own = values[column.name].astype(float)
    known = [own[side].dropna() for side in sides]
    cells = [_spread(float(part.mean()), float(part.std())) if len(part) > 1 else "" for part in known]
    unit = f", {column.unit}" if column.unit else ""
    apart = _apart([float(part.mean()) for part in known[1:]], [float(part.var()) for part in known[1:]])
    yield f"{column.name}{unit}, mean (SD)", [*cells, str(int(own.isna().sum())), *apart]


def _spread(mean: float, deviation: float) -> str:
    """``66 (13)``: a mean has no figures beyond those of its deviation, of which two are given."""
    if deviation > 0:
        mean = round(mean, 1 - floor(log10(deviation))) + 0.0  # and no -0
    return f"{mean:.3g} ({deviation:.2g})"


def _category(column: Column, values: pd.DataFrame, sides: Sequence[np.ndarray]) -> Iterator[tuple[str, list[str]]]:
    own = values[column.name].dropna().astype(str)
    there = own.value_counts().index.tolist()
    if len(there) > CATEGORIES:
        own = own.where(own.isin(there[: CATEGORIES - 1]), OTHERS)
        there = [*there[: CATEGORIES - 1], OTHERS]
    known = [own[own.index.isin(values.index[side])] for side in sides]
    missing = str(int(values[column.name].isna().sum()))
    for name in there:
        shares = [float((part == name).mean()) if len(part) else np.nan for part in known]
        cells = [
            f"{(part == name).sum():,} ({share:.0%})" if len(part) else ""
            for part, share in zip(known, shares, strict=True)
        ]
        apart = _apart(shares[1:], [share * (1 - share) for share in shares[1:]])
        yield f"{column.name} = {name}, n (%)", [*cells, missing, *apart]


def _apart(means: Sequence[float], variances: Sequence[float]) -> list[str]:
    """The standardised difference of two groups, as text; nothing of one group or of more than two."""
    if len(means) != 2:
        return []
    difference, spread = abs(means[0] - means[1]), float(np.sqrt(np.mean(variances)))
    if not np.isfinite(difference) or not np.isfinite(spread) or spread == 0:
        return [""]
    return [f"{difference / spread:.2f}"]
