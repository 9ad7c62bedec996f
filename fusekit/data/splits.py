"""Split subjects, never scans or slices, into folds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fusekit.data.cohort import Cohort
from fusekit.errors import DataError, LeakageError, OptionError, first_ten


@dataclass(frozen=True)
class Split:
    """The scans of a cohort on either side of a fold, in the cohort's order; no subject is on both.

    Args:
        train, test: ids of scans.
    """

    train: pd.Index
    test: pd.Index


def assign_folds(labels: pd.Series, folds: int, seed: int) -> pd.Series:
    """Deal subjects into folds of equal size and equal shares of each class.

    Stratified k-fold of scikit-learn over subjects sorted by id: the result depends on who they are and on the seed,
    not on the order of rows.

    Args:
        labels: label (number or name) by subject.
        folds: 2 or more.
        seed: of the shuffle.

    Returns:
        Fold (0 to folds - 1) by subject, sorted by subject.

    Raises:
        OptionError: fewer than 2 folds.
        DataError: a class has fewer subjects than there are folds.
    """
    if folds < 2:
        raise OptionError(f"folds takes 2 or more, not {folds}: a fold is tested on, the others are trained on.")
    labels = labels.sort_index()
    counts = labels.value_counts().sort_index()
    if counts.empty or counts.min() < folds:
        listed = ", ".join(f"{count} of {label!r}" for label, count in counts.items()) or "none"
        raise DataError(
            f"there are fewer subjects than folds: {folds} folds need {folds} subjects of every class, and there are "
            f"{listed}. Use fewer folds, or add subjects."
        )
    from sklearn.model_selection import StratifiedKFold

    assigned = pd.Series(0, index=labels.index, name="fold")
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for fold, (_, test) in enumerate(splitter.split(np.zeros(len(labels)), labels.to_numpy())):
        assigned.iloc[test] = fold
    return assigned


def split(cohort: Cohort, folds: int, seed: int, fold: int = 0) -> Split:
    """Set one fold of subjects apart for testing.

    Raises:
        OptionError: the fold does not exist.
        DataError: as ``assign_folds``.
    """
    if not 0 <= fold < folds:
        raise OptionError(f"fold takes 0 to {folds - 1}, not {fold}.")
    classes = cohort.subjects.map(dict(enumerate(cohort.classes)))  # for the message
    assigned = assign_folds(classes, folds, seed)
    subjects = cohort.scans["subject"]
    tested = subjects.map(assigned) == fold
    refuse_leakage(subjects[~tested], subjects[tested])
    return Split(train=cohort.scans.index[~tested], test=cohort.scans.index[tested])


def refuse_leakage(train: Iterable[str], test: Iterable[str]) -> None:
    """Refuse a split that has one subject on both sides.

    Raises:
        LeakageError: the message names the subjects.
    """
    shared = sorted(set(train) & set(test))
    if shared:
        raise LeakageError(
            f"{len(shared)} subjects are in both the training and the test set: {first_ten(shared)}. "
            "Split by subject, not by scan or slice."
        )
