"""Split subjects, never scans or slices, into folds."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from fusekit.errors import DataError, LeakageError, OptionError, first_ten

#: Where the subjects are not cut into folds to be tested in turn, one in so many is held out.
ONE_IN = 5
#: Percent of its training subjects that a fold has, and that it has as a point of a learning curve.
WHOLE, POINTS = 100, (25, 50, 75)


def assign_folds(strata: pd.Series, folds: int, seed: int) -> pd.Series:
    """Deal subjects into folds (2 or more) of equal size and equal shares of each class, or other stratum.

    Stratified k-fold of scikit-learn over subjects sorted by id: the result depends on who they are and on the seed,
    not on the order of rows.

    Args:
        strata: class (number or name) by subject; ``Cohort.strata``.
        folds: every class needs as many subjects.
        seed: of the shuffle.

    Returns:
        Fold (0 to folds - 1) by subject, sorted by subject.
    """
    if folds < 2:
        raise OptionError(f"folds takes 2 or more, not {folds}: a fold is tested on, the others are trained on.")
    strata = strata.sort_index()
    counts = strata.value_counts().sort_index()
    if counts.empty or counts.min() < folds:
        listed = ", ".join(f"{count} of {label!r}" for label, count in counts.items()) or "none"
        raise DataError(
            f"there are fewer subjects than folds: {folds} folds need {folds} subjects of every class, and there are "
            f"{listed}. Use fewer folds, or add subjects."
        )
    from sklearn.model_selection import StratifiedKFold

    assigned = pd.Series(0, index=strata.index, name="fold")
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for fold, (_, test) in enumerate(splitter.split(np.zeros(len(strata)), strata.to_numpy())):
        assigned.iloc[test] = fold
    return assigned


def set_aside(strata: pd.Series, share: float, seed: int | tuple[int, ...]) -> pd.Index:
    """Choose a share (0 to 1) of the subjects for validation, with equal shares of each class; return them sorted.

    A class that has too few subjects to be on both sides is refused.
    """
    if share == 0:
        return strata.index[:0]
    strata = strata.sort_index()
    counts, wanted = strata.value_counts(), round(share * len(strata))
    if counts.min() < 2 or not len(counts) <= wanted <= len(strata) - len(counts):
        raise DataError(
            f"a validation part of {share:g} cannot be set aside from {len(strata)} training subjects, of whom the "
            f"rarest class has {counts.min()}: every class must be on both sides. Use another "
            "--validation, or more subjects."
        )
    from sklearn.model_selection import train_test_split

    state = int(np.random.default_rng(seed).integers(2**32))
    names, by = strata.index.to_numpy(), strata.to_numpy()
    aside = train_test_split(names, test_size=wanted, stratify=by, random_state=state)[1]
    kept: pd.Index = pd.Index(sorted(aside), name=strata.index.name)
    return kept


def beginning(strata: pd.Series, percent: int, seed: int | tuple[int, ...]) -> pd.Index:
    """Choose so many of 100 subjects, rounded up, with equal shares of each class; return them sorted.

    They are the first of one order, which depends on who the subjects are and on the seed: who is among 25 of 100 is
    among 50 of 100, too. A class has at most one more or less than its share.
    """
    draw, strata = np.random.default_rng(seed), strata.sort_index()
    shuffled = strata.iloc[draw.permutation(len(strata))]
    by = shuffled.groupby(shuffled)
    places = (by.cumcount() + 0.5) / by.transform("size")  # a class fills the order evenly
    chosen = places.sort_values(kind="stable").index[: -(-len(strata) * percent // 100)]
    kept: pd.Index = pd.Index(sorted(chosen), name=strata.index.name)
    return kept


def refuse_leakage(train: Iterable[str], test: Iterable[str]) -> None:
    """Refuse a split that has one subject on both sides."""
    shared = sorted(set(train) & set(test))
    if shared:
        raise LeakageError(
            f"{len(shared)} subjects are in both the training and the test set: {first_ten(shared)}. "
            "Split by subject, not by scan or slice."
        )
