"""Choose an option within the training subjects: folds that share no subject, each subject counted alike."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias

import numpy as np
import pandas as pd

from fusekit.data import Number, assign_folds

#: True values (n,), what was predicted (n, ...), weights (n,) -> the weighted mean loss.
Loss: TypeAlias = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def one_thread() -> AbstractContextManager[object]:
    """Compute with one thread within: on such tables several threads wait longer than one computes."""
    import sklearn.ensemble
    import sklearn.linear_model  # noqa: F401  (what is not loaded yet would not be limited)
    from threadpoolctl import threadpool_limits  # scikit-learn's own

    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


def subject_weights(subjects: np.ndarray) -> np.ndarray:
    """One over the number of scans of each scan's subject (n,): they sum to the number of subjects."""
    _, of_scan, counts = np.unique(np.asarray(subjects), return_inverse=True, return_counts=True)
    return np.asarray(1.0 / counts[of_scan])


def log_loss(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> float:
    """Weighted mean of -log p of the true class; labels (n,), probabilities (n, K), weights (n,)."""
    true = np.clip(probabilities[np.arange(len(labels)), labels], 1e-12, 1.0)
    return float(np.average(-np.log(true), weights=weights))


def squared_error(labels: np.ndarray, numbers: np.ndarray, weights: np.ndarray) -> float:
    """Weighted mean of squared differences; all (n,)."""
    return float(np.average((labels - numbers) ** 2, weights=weights))


def strata_of(numbers: np.ndarray, subjects: np.ndarray) -> np.ndarray:
    """Of scans' numbers (n,), what inner folds are balanced by (n,): ``Number.strata`` of their subjects."""
    names = np.asarray(subjects, dtype=object)
    strata = Number("").strata(pd.DataFrame({"subject": names, "label": numbers}))
    return strata.loc[names].to_numpy()


def inner_folds(labels: np.ndarray, subjects: np.ndarray, folds: int, seed: int) -> np.ndarray | None:
    """Deal scans (n,), by subject, into ``folds`` parts at most: the part of each (n,), from 0.

    There are as many as the rarest class has subjects; None if it has one, so that nothing can be compared. A subject
    counts for the class of its first scan.
    """
    of_subject = pd.Series(labels).groupby(np.asarray(subjects, dtype=object)).first()
    folds = min(folds, int(of_subject.value_counts().min()))
    if folds < 2:
        return None
    return pd.Series(subjects).map(assign_folds(of_subject, folds, seed)).to_numpy()


def losses(
    fitted: Callable[[np.ndarray, np.ndarray], np.ndarray],
    labels: np.ndarray,
    subjects: np.ndarray,
    folds: int,
    seed: int,
    loss: Loss = log_loss,
    strata: np.ndarray | None = None,
) -> np.ndarray | None:
    """Loss of each candidate over subjects that the fits did not see, in ``folds`` parts at most.

    ``fitted`` makes (scans to fit on (n,), to predict (n,)) -> probabilities (candidates, m, K) of labels (n,) of
    subjects (n,), or numbers (candidates, m). ``strata`` (n,) balance the parts; None: the labels do. None if a stratum
    has fewer than two subjects, so that nothing can be compared.
    """
    fold = inner_folds(labels if strata is None else strata, subjects, folds, seed)
    if fold is None:
        return None
    weights = subject_weights(subjects)
    totals: np.ndarray | float = 0.0
    for held in range(fold.max() + 1):
        tested = fold == held
        here = [loss(labels[tested], each, weights[tested]) for each in fitted(~tested, tested)]
        totals = totals + np.asarray(here) * weights[tested].sum()
    return np.asarray(totals / weights.sum())
