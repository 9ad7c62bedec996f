"""How well subjects are predicted, in every resample of them: what ablations are weighed by, for each target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from fusekit.data.target.follow_up import events_of, times_of
from fusekit.evaluation.predictions import NUMBER, POSITIVE, horizons_of
from fusekit.evaluation.survival.concordance import met_by, uno_weights


class Worth(NamedTuple):
    """One score of subjects, and how to speak of it."""

    title: str
    lost: str  # what taking something away costs
    gained: str  # what modalities share
    #: Labels (n,), answers of each seed (S, n, A), how often a subject is drawn (R, n) -> means over seeds (R,).
    values: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    strata: Callable[[np.ndarray], np.ndarray]  # labels (n,) -> within which subjects are drawn (n,)
    sign: int = 1  # -1 where less is better
    chance: float = 0.5  # what says nothing reaches; NaN where that depends on the cohort
    in_unit: bool = False  # it is in the unit of what is predicted
    #: Labels (n,) -> independent pairs behind a perfect score, which a bootstrap would take for certain.
    pairs: Callable[[np.ndarray], int] | None = None


def worth_of(columns: Sequence[str]) -> Worth:
    """What predictions in these columns are weighed by: the measure by which arms are compared first."""
    if NUMBER in columns:
        return Worth("MAE", "rise of MAE", "MAE below that of a constant", _error, _all_alike, -1, np.nan, in_unit=True)
    if horizons := horizons_of(columns):
        values = partial(_concordance, horizons[-1])
        return _ranking("Uno's c", values, events_of, lambda labels: int(events_of(labels).sum()))
    title = "macro AUC" if len(columns) > 2 else "AUC"
    return _ranking(title, _auc, np.asarray, lambda labels: int(np.unique(labels, return_counts=True)[1].min()))


def _ranking(
    title: str,
    values: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    strata: Callable[[np.ndarray], np.ndarray],
    pairs: Callable[[np.ndarray], int],
) -> Worth:
    return Worth(title, f"loss of {title}", f"{title} above chance", values, strata, pairs=pairs)


def _all_alike(labels: np.ndarray) -> np.ndarray:
    return np.zeros(len(labels), dtype=int)


def _auc(labels: np.ndarray, answers: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Of probabilities; of three classes or more the mean over the classes of each against the rest."""
    targets = [POSITIVE] if answers.shape[2] == 2 else range(answers.shape[2])
    total = np.zeros(len(times))
    for target in targets:
        cases = labels == target
        # Which of each pair scores higher (1, 1/2, 0), averaged over the seeds: (cases, others).
        difference = answers[:, cases, target][:, :, None] - answers[:, ~cases, target][:, None, :]
        higher = ((np.sign(difference) + 1) / 2).mean(axis=0)
        weights = times[:, cases], times[:, ~cases]
        pairs = weights[0].sum(axis=1) * weights[1].sum(axis=1)
        with np.errstate(invalid="ignore"):  # a fold without a class has no pairs, and its AUC is undefined
            total += ((weights[0] @ higher) * weights[1]).sum(axis=1) / pairs
    return total / len(targets)


def _error(labels: np.ndarray, answers: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Mean absolute error of numbers (S, n, 1)."""
    errors = np.abs(answers[:, :, 0] - labels).mean(axis=0)
    found: np.ndarray = (times @ errors) / times.sum(axis=1)
    return found


def _concordance(last: float, labels: np.ndarray, answers: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Uno's c up to the last horizon, of risks (S, n, first of A); weights for censoring are those of all subjects."""
    weights, risks = uno_weights(labels, last), answers[:, :, 0]
    cases = ~(weights <= 0)  # a NaN makes it one
    met = weights[cases, None] * met_by(labels, times_of(labels)[cases])  # (cases, n)
    higher = ((np.sign(risks[:, cases, None] - risks[:, None]) + 1) / 2).mean(axis=0)
    drawn = times[:, cases]
    with np.errstate(invalid="ignore"):  # without a pair it is undefined
        found: np.ndarray = ((drawn @ (met * higher)) * times).sum(axis=1) / ((drawn @ met) * times).sum(axis=1)
    return found
