"""Rows of somebody's table as context, and whether their predictive values follow from the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class PredictiveValues(NamedTuple):
    """What accuracy, sensitivity and specificity imply together."""

    prevalence: float
    ppv: float
    npv: float


def implied(scores: Mapping[str, float]) -> PredictiveValues | None:
    """Work out prevalence, PPV and NPV from accuracy, sensitivity and specificity.

    One confusion matrix has accuracy = q sens + (1 - q) spec with the prevalence q; so q = (acc - spec) /
    (sens - spec), and PPV = q sens / (q sens + (1 - q)(1 - spec)), NPV = (1 - q) spec / ((1 - q) spec + q (1 - sens)).

    Returns:
        None if a score is missing, or no prevalence gives these three.
    """
    if not {"accuracy", "sensitivity", "specificity"} <= set(scores):
        return None
    accuracy, sensitivity, specificity = (float(scores[m]) for m in ("accuracy", "sensitivity", "specificity"))
    if sensitivity == specificity:
        return None  # any prevalence would do
    q = (accuracy - specificity) / (sensitivity - specificity)
    if not 0 < q < 1:
        return None
    true, false = q * sensitivity, (1 - q) * (1 - specificity)
    right, missed = (1 - q) * specificity, q * (1 - sensitivity)
    if true + false == 0 or right + missed == 0:
        return None
    return PredictiveValues(q, true / (true + false), right / (right + missed))
