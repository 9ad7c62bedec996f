"""What each part of the input contributes: the statistics of ``ablations.csv``.

The measure is the AUC of classes (of more than two the mean over the classes of each against the rest), the mean
absolute error of numbers, and Uno's c of times to an event. It is computed within each fold, as scores of different
models are not on one scale, and averaged with the folds' subjects as weights; with several seeds, over the seeds too.
Intervals are percentile bootstraps over subjects, drawn with replacement within fold and class, of times within those
with the event and those censored; a resample draws the same subjects in every condition and seed, so differences are
paired.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from fusekit.data.target.follow_up import labels_of
from fusekit.errors import DataError
from fusekit.evaluation.arms.worth import Worth, worth_of
from fusekit.evaluation.delong import exact_limits
from fusekit.evaluation.predictions import outputs_of, predicted_columns
from fusekit.evaluation.statistics import RESAMPLES, times_drawn

AS_IS, NO_IMAGE, NO_TABLE, NOTHING, HIDDEN = "as-is", "image:drop", "table:drop", "both:drop", "hidden:"


def contribution(ablations: pd.DataFrame | Sequence[pd.DataFrame]) -> pd.DataFrame:
    """How much is lost with each part of the input.

    Args:
        ablations: ablations.csv of a run, or of one run a seed on the same subjects and folds.

    Returns:
        One row per condition, ``as-is`` first: condition, value, drop (how much worse than as-is: a loss of AUC, a
        rise of error), low, high (95 % of the drop), subjects (of the folds that have the condition). A drop near 0
        says that the model can do without, not that it never looks.

    Raises:
        DataError: no condition ``as-is``; conditions or seeds have different subjects.
    """
    lines = []
    folds, worth = _folds(ablations)
    for condition, curve in _curves(folds, worth).items():
        drop = worth.sign * (curve.whole - curve.reached) + 0.0  # no minus before a zero
        lines.append((condition, curve.reached[0], drop[0], *_limits(drop[1:]), curve.subjects))
    return pd.DataFrame(lines, columns=["condition", "value", "drop", "low", "high", "subjects"])


def shapley(ablations: pd.DataFrame | Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Share what is gained over a constant prediction between image and table (Shapley 1953), as a game of two.

    The value of a coalition is the measure with the other modality dropped; of none, that of a constant prediction. A
    modality's share is the mean of what it adds alone and of what it adds to the other; the two shares sum to the
    measure as it is minus that of nothing, exactly; of errors, to how much smaller they are.

    Returns:
        Two rows: modality (image, table), value, low, high (95 %).

    Raises:
        DataError: as ``contribution``, or a condition that is needed is not there.
    """
    folds, worth = _folds(ablations)
    curves = _curves(folds, worth, [NO_IMAGE, NO_TABLE, NOTHING])
    both, nothing, image, table = (worth.sign * curves[of].reached for of in (AS_IS, NOTHING, NO_TABLE, NO_IMAGE))
    shares = {"image": (image - nothing + both - table) / 2, "table": (table - nothing + both - image) / 2}
    lines = [(modality, share[0], *_limits(share[1:])) for modality, share in shares.items()]
    return pd.DataFrame(lines, columns=["modality", "value", "low", "high"])


def missingness(ablations: pd.DataFrame | Sequence[pd.DataFrame]) -> pd.DataFrame:
    """How the measure changes as clinical values go missing at test time.

    Returns:
        One row per share, ascending from 0: hidden, value, low, high (95 % of the value). Where subjects are ordered
        perfectly, a bootstrap would claim certainty: the limit is then that of independent pairs, all ordered alike.

    Raises:
        DataError: as ``contribution``.
    """
    folds, worth = _folds(ablations)
    names = [name for name in folds[0].scores if name.startswith(HIDDEN)]
    shares = {AS_IS: 0.0} | {name: float(name[len(HIDDEN) :]) for name in names}
    labels = np.concatenate([fold.labels for fold in folds])
    lines = []
    for condition, curve in _curves(folds, worth, names).items():
        value, (low, high) = float(curve.reached[0]), _limits(curve.reached[1:])
        if value in (0.0, 1.0) and worth.pairs:
            low, high = exact_limits(value, worth.pairs(labels))
        lines.append((shares[condition], value, low, high))
    found = pd.DataFrame(lines, columns=["hidden", "value", "low", "high"])
    return found.sort_values("hidden", ignore_index=True)


class _Fold(NamedTuple):
    """One fold's subjects, in one order."""

    labels: np.ndarray  # (n,), with delayed entry (n, 2)
    scores: dict[str, dict[int, np.ndarray]]  # condition -> seed -> answers (n, A)


class _Curve(NamedTuple):
    """The measure of a condition, as observed and then in every resample (1 + R,)."""

    reached: np.ndarray
    whole: np.ndarray  # of ``as-is``, in the folds and seeds that have the condition
    subjects: int


def _folds(ablations: pd.DataFrame | Sequence[pd.DataFrame]) -> tuple[list[_Fold], Worth]:
    tables = [ablations] if isinstance(ablations, pd.DataFrame) else list(ablations)
    first: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # fold -> its subjects and their labels
    scores: dict[int, dict[str, dict[int, np.ndarray]]] = {}
    for seed, table in enumerate(tables):
        answers, subjects = outputs_of(table).reshape(len(table), -1), table["subject"].astype(str).to_numpy()
        folds, conditions, labels = table["fold"].to_numpy(), table["condition"].to_numpy(), labels_of(table)
        part = table.groupby(["fold", "condition"], sort=False).ngroup().to_numpy()
        order = np.lexsort((pd.factorize(subjects, sort=True)[0], part))
        for rows in np.split(order, np.flatnonzero(np.diff(part[order])) + 1):
            fold, condition = int(folds[rows[0]]), str(conditions[rows[0]])
            own = subjects[rows], labels[rows]
            if not all(map(np.array_equal, own, first.setdefault(fold, own))):
                raise DataError(
                    f"ablations: in fold {fold}, the condition {condition!r} has other subjects or labels than the "
                    "first one. Compare runs of one cohort with the same folds."
                )
            scores.setdefault(fold, {}).setdefault(condition, {})[seed] = answers[rows]
        if any(seed not in scores[fold].get(AS_IS, {}) for fold in first):
            raise DataError(f"ablations: the condition {AS_IS!r} is missing, with which all others are compared.")
    found = [_Fold(first[fold][1], scores[fold]) for fold in sorted(first)]
    return found, worth_of(predicted_columns(tables[0]))


def _curves(folds: list[_Fold], worth: Worth, wanted: Iterable[str] | None = None) -> dict[str, _Curve]:
    """Resample the folds once, and follow every condition through it; ``wanted`` ones must be in every fold and seed.

    A condition that only some folds or seeds have (a column that was among the strongest there) is averaged over those.
    """
    for condition in wanted or ():
        if any(fold.scores[AS_IS].keys() != fold.scores.get(condition, {}).keys() for fold in folds):
            raise DataError(f"ablations: the condition {condition!r} is missing.")
    names = dict.fromkeys([AS_IS, *(wanted or (name for fold in folds for name in fold.scores))])
    draw = np.random.default_rng(0)
    # The subjects as they are, once each, and then every resample.
    drawn = [np.vstack([np.ones(len(fold.labels)), times_drawn(worth.strata(fold.labels), draw)]) for fold in folds]
    found = {}
    for name in names:
        there = [(fold, times) for fold, times in zip(folds, drawn, strict=True) if name in fold.scores]
        total = sum(len(fold.labels) for fold, _ in there)
        reached, whole = np.zeros(RESAMPLES + 1), np.zeros(RESAMPLES + 1)
        for fold, times in there:
            for sum_of, condition in ((reached, name), (whole, AS_IS)):
                answers = np.stack([fold.scores[condition][seed] for seed in fold.scores[name]])
                sum_of += len(fold.labels) / total * worth.values(fold.labels, answers, times)
        found[name] = _Curve(reached, whole, total)
    return found


def _limits(values: np.ndarray) -> tuple[float, float]:
    if np.isnan(values).any():
        return float("nan"), float("nan")
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
