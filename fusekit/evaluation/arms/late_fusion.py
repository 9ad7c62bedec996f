"""Predictions of two arms joined after the fact: what a fusion inside a network has to beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from fusekit.errors import DataError
from fusekit.evaluation.predictions import SMALLEST, outputs_of, predicted_columns, probabilities_of, with_probabilities

#: Predictions of slices by two arms, the rows in one order; and those of subjects set aside, by fold.
Join: TypeAlias = Callable[[Sequence[pd.DataFrame], Sequence[pd.DataFrame]], pd.DataFrame]


def mean(tables: Sequence[pd.DataFrame], aside: Sequence[pd.DataFrame] = ()) -> pd.DataFrame:
    """The mean of the arms' probabilities or numbers; nothing is fitted.

    Of an arm of the image and one of the table, the unimodal ensemble, UME (Du et al. 2023, arXiv 2305.01233).
    """
    every = aligned(tables)
    columns = predicted_columns(every[0])
    joined = np.mean([outputs_of(table).reshape(len(table), len(columns)) for table in every], axis=0)
    return every[0].assign(**dict(zip(columns, joined.T, strict=True)))


def stacked(tables: Sequence[pd.DataFrame], aside: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """A logistic regression on the arms' logarithms of probabilities (Wolpert 1992), fitted for each fold.

    It is fitted on subjects that the fold's models set aside, weighted so that each subject counts alike: neither the
    arms nor the regression have seen who is tested.

    Raises:
        DataError: a fold set nobody aside, or nobody of a class.
    """
    from sklearn.linear_model import LogisticRegression

    tables, aside = aligned(tables), aligned(aside)
    inputs, known = _logs(tables), _logs(aside)
    fold, of_aside = tables[0]["fold"].to_numpy(), aside[0]["fold"].to_numpy()
    labels, subjects = aside[0]["label"].to_numpy(), aside[0]["subject"]
    classes = len(probabilities_of(tables[0])[0])
    found = np.zeros((len(inputs), classes))
    for number in np.unique(fold):
        own, tested = of_aside == number, fold == number
        if len(np.unique(labels[own])) < classes:
            raise DataError(
                f"stacking fits on subjects set aside, and fold {number + 1} set none aside of some class. Set more "
                "aside (--validation), or take the mean."
            )
        weights = 1 / subjects[own].map(subjects[own].value_counts()).to_numpy(dtype=float)
        model = LogisticRegression(max_iter=10_000).fit(known[own], labels[own], sample_weight=weights)
        found[tested] = model.predict_proba(inputs[tested])
    return with_probabilities(tables[0], found)


#: Name -> how.
LATE_FUSIONS: Mapping[str, Join] = {"mean": mean, "stacked": stacked}


def aligned(tables: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """The tables with their rows in the order of the first; DataError if they are not of the same slices and folds."""
    key = ["fold", "scan", "slice"]
    first = tables[0].reset_index(drop=True)
    order = pd.MultiIndex.from_frame(first[key])
    found = [first]
    for table in tables[1:]:
        places = pd.MultiIndex.from_frame(table[key]).get_indexer(order)
        if len(table) != len(first) or (places < 0).any():
            raise DataError("arms can be joined if they predicted the same slices in the same folds; these did not.")
        found.append(table.iloc[places].reset_index(drop=True))
    return found


def _logs(tables: Sequence[pd.DataFrame]) -> np.ndarray:
    """Log odds of each class against the first, of all arms side by side (N, arms * (K - 1))."""
    logs = [np.log(np.clip(probabilities_of(table), SMALLEST, 1)) for table in tables]
    return np.concatenate([of_arm[:, 1:] - of_arm[:, :1] for of_arm in logs], axis=1)
