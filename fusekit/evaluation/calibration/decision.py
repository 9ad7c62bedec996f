"""Whether acting on a model does more good than acting on everybody or on nobody (Vickers and Elkin 2006)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusekit.evaluation.statistics import RESAMPLES

#: Probabilities of the disease at which somebody may be indifferent between acting and waiting.
THRESHOLDS = np.round(np.arange(0.01, 1.0, 0.01), 2)


def net_benefit(
    labels: np.ndarray,
    p: np.ndarray,
    thresholds: np.ndarray = THRESHOLDS,
    *,
    band: bool = False,
    seed: int = 0,
) -> pd.DataFrame:
    """Give the net benefit of acting on whoever is at least as likely as a threshold, by threshold.

    True positives count 1 and false ones the threshold's odds, t / (1 - t), each divided by all subjects: whoever acts
    from one chance in five on holds four needless acts no worse than one case missed. Subjects of several folds' models
    stand together: probabilities are claims on one scale.

    Args:
        labels: of subjects (N,), class 1 is the positive one.
        p: its probabilities (N,).
        thresholds: between 0 and 1, both excluded (T,).
        band: add limits of the model's curve, from a bootstrap of subjects within each class.
        seed: the same subjects give the same band.

    Returns:
        One row a threshold: threshold, model, all (act on everybody), none (0); with a band also low and high, 95 %
        at each threshold alone.
    """
    cases, odds = labels == 1, thresholds / (1 - thresholds)
    acted = p[None, :] >= thresholds[:, None]  # (T, N)
    gains = np.where(cases, 1.0, -odds[:, None])  # what acting on a subject brings
    table = pd.DataFrame(
        {
            "threshold": thresholds,
            "model": (acted * gains).mean(axis=1),
            "all": gains.mean(axis=1),
            "none": 0.0,
        }
    )
    if not band:
        return table
    rng, counts = np.random.default_rng(seed), np.zeros((RESAMPLES, len(labels)))
    for members in (np.flatnonzero(cases), np.flatnonzero(~cases)):
        if len(members):
            counts[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), RESAMPLES)
    resampled = counts @ (acted * gains).T / len(labels)  # (RESAMPLES, T)
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    return table.assign(low=low, high=high)
