"""Where the positive class is called: thresholds of each fold, fitted on its validation subjects and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from fusekit.errors import DataError, OptionError
from fusekit.evaluation.predictions import by_subject, probabilities_of

#: fold -> "slice" and "subject" -> the probability above which the positive class is called.
Thresholds = Mapping[int, Mapping[str, float]]

HALF = 0.5


def youden(labels: np.ndarray, p: np.ndarray) -> float:
    """Find the threshold with the largest sensitivity + specificity - 1 (Youden 1950).

    It lies halfway between two neighbouring values, or between an outer value and the end of the scale. Of several
    that are equally good, the one nearest one half is taken, the lower of two equally near.

    Args:
        labels: 0 or 1 (N,).
        p: probabilities of the positive class (N,); it is called where they lie above the threshold.

    Raises:
        OptionError: there are more than two classes.
        DataError: a class is empty, or a probability is not a number.
    """
    if not np.isin(labels, (0, 1)).all():
        raise OptionError("Youden's threshold is for two classes; with more the most probable class is called.")
    cases = labels == 1
    if cases.all() or not cases.any():
        raise DataError(
            f"Youden's threshold needs both classes: of {len(labels)} rows {int(cases.sum())} are positive. A larger"
            " validation part would hold both; or leave the threshold at one half."
        )
    if np.isnan(p).any():
        raise DataError("Youden's threshold needs probabilities, and some are not a number: did training diverge?")
    values = np.unique(p)
    ends = np.concatenate([[0.0], values, [1.0]])
    candidates = np.unique((ends[:-1] + ends[1:]) / 2)
    above = [len(part) - np.searchsorted(np.sort(part), candidates, "right") for part in (p[cases], p[~cases])]
    # Whole numbers, so that equally good thresholds are exactly equal.
    gains = above[0] * int((~cases).sum()) - above[1] * int(cases.sum())
    best = candidates[gains == gains.max()]
    return float(best[np.abs(best - HALF).argmin()])


def fit_thresholds(validation: pd.DataFrame, how: str = "mean") -> dict[int, dict[str, float]]:
    """Fit each fold's thresholds on the subjects that were set aside within its training part.

    Args:
        validation: one row a slice, as in ``validation.csv``.
        how: a name in ``AGGREGATIONS``: how slices become subjects.

    Returns:
        fold -> "slice" and "subject" -> threshold.

    Raises:
        OptionError: there are more than two classes, or there is no such aggregation.
        DataError: the validation part of a fold lacks a class.
    """
    fitted: dict[int, dict[str, float]] = {}
    for level, table in (("slice", validation), ("subject", by_subject(validation, how))):
        probabilities = probabilities_of(table)
        if probabilities.shape[1] != 2:
            raise OptionError("Youden's threshold is for two classes; with more the most probable class is called.")
        folds, labels = table["fold"].to_numpy(), table["label"].to_numpy()
        for fold in sorted(set(folds.tolist())):
            rows = folds == fold
            try:
                threshold = youden(labels[rows], probabilities[rows, 1])
            except DataError as error:
                raise DataError(f"Validation part of fold {fold}: {error}") from None
            fitted.setdefault(int(fold), {})[level] = threshold
    return fitted


def recentre(probabilities: np.ndarray, threshold: float | np.ndarray) -> np.ndarray:
    """Stretch the scale on both sides of a threshold so that it comes to lie at one half.

    Args:
        probabilities: (N, 2).
        threshold: between 0 and 1, of all rows or of each (N,).

    Returns:
        (N, 2) in the same order as before; the second is above one half exactly where it was above the threshold.
    """
    p, t = probabilities[:, 1], np.broadcast_to(np.asarray(threshold, dtype=float), len(probabilities))
    above = p > t
    below = HALF * np.divide(p, t, out=np.zeros(len(p)), where=~above & (t > 0))
    beyond = 1 - HALF * np.divide(1 - p, 1 - t, out=np.zeros(len(p)), where=above)
    # A rounding error may not change a call.
    moved = np.where(above, np.maximum(beyond, np.nextafter(HALF, 1)), np.minimum(below, HALF))
    return np.column_stack([1 - moved, moved])


def recentred(table: pd.DataFrame, thresholds: Thresholds, level: str) -> pd.DataFrame:
    """Put each fold's threshold of a level, "slice" or "subject", at one half.

    Raises:
        OptionError: there are more than two classes.
        DataError: a fold has no threshold.
    """
    if "p_2" in table:
        raise OptionError("A threshold is for two classes; with more the most probable class is called.")
    folds = table["fold"] if "fold" in table else pd.Series(0, index=table.index)
    if missing := sorted(set(folds.tolist()) - set(thresholds)):
        raise DataError(f"There is no threshold for fold {missing[0]}; there are thresholds for {sorted(thresholds)}.")
    moved = recentre(probabilities_of(table), np.array([thresholds[fold][level] for fold in folds]))
    return table.assign(p_0=moved[:, 0], p_1=moved[:, 1])
