"""Where the positive class is called. ``Rule`` fits and applies what is here; nothing else calls."""

from __future__ import annotations

import numpy as np

from fusekit.errors import DataError, OptionError


def most_probable(probabilities: np.ndarray) -> np.ndarray:
    """Most probable class (N,) of probabilities (N, K), the first of equals.

    Raises:
        DataError: one is not a number, and a NaN would be the most probable of all.
    """
    if not np.isfinite(probabilities).all():
        raise DataError("A probability is not a number, and no class can be called: did training diverge?")
    return np.asarray(probabilities.argmax(axis=1))


def youden(labels: np.ndarray, p: np.ndarray) -> float:
    """Threshold on p (N,) with the largest sensitivity + specificity - 1 (Youden 1950) for labels 0 and 1 (N,).

    It lies halfway between two neighbouring values, or between an outer value and the end of the scale. Of several
    that are equally good, the one nearest one half is taken, the lower of two equally near.

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
    if not np.isfinite(p).all():
        raise DataError("Youden's threshold needs probabilities, and some are not a number: did training diverge?")
    values = np.unique(p)
    ends = np.concatenate([[0.0], values, [1.0]])
    candidates = np.unique((ends[:-1] + ends[1:]) / 2)
    above = [len(part) - np.searchsorted(np.sort(part), candidates, "right") for part in (p[cases], p[~cases])]
    # Whole numbers, so that equally good thresholds are exactly equal.
    gains = above[0] * int((~cases).sum()) - above[1] * int(cases.sum())
    best = candidates[gains == gains.max()]
    return float(best[np.abs(best - 0.5).argmin()])


def recentre(probabilities: np.ndarray, threshold: float | np.ndarray) -> np.ndarray:
    """Stretch the scale of probabilities (N, 2) on both sides of a threshold, one or (N,), that then lies at one half.

    Their order stays; the second is above one half exactly where it was above the threshold.
    """
    p, t = probabilities[:, 1], np.broadcast_to(np.asarray(threshold, dtype=float), len(probabilities))
    above = p > t
    below = 0.5 * np.divide(p, t, out=np.zeros(len(p)), where=~above & (t > 0))
    beyond = 1 - 0.5 * np.divide(1 - p, 1 - t, out=np.zeros(len(p)), where=above)
    # A rounding error may not change a call.
    moved = np.where(above, np.maximum(beyond, np.nextafter(0.5, 1)), np.minimum(below, 0.5))
    return np.column_stack([1 - moved, moved])
