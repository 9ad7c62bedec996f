"""Whether acting on a model does more good than acting on everyone or on no one (Vickers and Elkin 2006)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusekit.evaluation.statistics import times_drawn

#: Probabilities of the disease from which a physician may want to act.
THRESHOLDS = np.round(np.arange(0.01, 1.0, 0.01), 2)


def net_benefit(
    labels: np.ndarray, p: np.ndarray, thresholds: np.ndarray = THRESHOLDS, *, band: bool = False, seed: int = 0
) -> pd.DataFrame:
    """Net benefit of acting on all subjects who are at least as likely as a threshold, by threshold.

    True positives count 1 and false ones the threshold's odds, t / (1 - t), each divided by all subjects: a physician
    who acts from one chance in five holds four needless acts no worse than one case missed. Subjects of several folds'
    models are taken together: probabilities are claims on one scale.

    Args:
        labels: of subjects (N,), class 1 is the positive one.
        p: its probabilities (N,).
        thresholds: between 0 and 1, both excluded (T,).
        band: add limits of the model's curve, from a bootstrap of subjects within each class.
        seed: the same subjects give the same band.

    Returns:
        One row per threshold: threshold, model, all (act on everyone), none (0); with a band also low and high, 95 %
        at each threshold alone.
    """
    cases, odds = labels == 1, thresholds / (1 - thresholds)
    acted = p[None, :] >= thresholds[:, None]  # (T, N)
    gains = np.where(cases, 1.0, -odds[:, None])  # what acting on a subject brings
    model, everyone = (acted * gains).mean(axis=1), gains.mean(axis=1)
    table = pd.DataFrame({"threshold": thresholds, "model": model, "all": everyone, "none": 0.0})
    if not band:
        return table
    times = times_drawn(~cases, np.random.default_rng(seed))
    low, high = np.quantile(times @ (acted * gains).T / len(labels), [0.025, 0.975], axis=0)
    return table.assign(low=low, high=high)
