"""What a published row says beside what it prints: the counts behind accuracy, sensitivity and specificity."""

from __future__ import annotations

from collections.abc import Mapping

_NAN = float("nan")


def implied(scores: Mapping[str, float]) -> dict[str, float]:
    """Prevalence, PPV and NPV that follow from accuracy, sensitivity and specificity, if all are of one set of calls.

    Accuracy is the mean of the two others, weighted by how many there are of each class. The prevalence follows from
    it, and from that all four cells of the confusion matrix, as shares. Where a row is a mean over folds this need not
    hold: a mean of ratios is not the ratio of the means.

    Args:
        scores: ``accuracy``, ``sensitivity`` and ``specificity``, between 0 and 1; others are ignored.

    Returns:
        ``prevalence`` (of the positive class; outside 0 to 1 if no set of calls has the three), ``ppv`` and ``npv``.
        NaN where nothing follows: one of the three is not given, sensitivity equals specificity, no prevalence fits, or
        no subject would be called so.
    """
    accuracy, sensitivity, specificity = (scores.get(n, _NAN) for n in ("accuracy", "sensitivity", "specificity"))
    if sensitivity == specificity or any(value != value for value in (accuracy, sensitivity, specificity)):
        return {"prevalence": _NAN, "ppv": _NAN, "npv": _NAN}
    prevalence = (accuracy - specificity) / (sensitivity - specificity)
    if not 0 <= prevalence <= 1:
        return {"prevalence": prevalence, "ppv": _NAN, "npv": _NAN}
    ppv = _share(prevalence * sensitivity, (1 - prevalence) * (1 - specificity))
    npv = _share((1 - prevalence) * specificity, prevalence * (1 - sensitivity))
    return {"prevalence": prevalence, "ppv": ppv, "npv": npv}


def _share(right: float, wrong: float) -> float:
    return right / (right + wrong) if right + wrong else _NAN
