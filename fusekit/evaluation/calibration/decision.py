"""Whether acting on a model does more good than acting on everyone or on no one (Vickers and Elkin 2006)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusekit.evaluation.statistics import wilson

#: Probabilities of the disease from which a physician may want to act.
THRESHOLDS = np.round(np.arange(0.01, 1.0, 0.01), 2)


def net_benefit(labels: np.ndarray, p: np.ndarray, thresholds: np.ndarray = THRESHOLDS) -> pd.DataFrame:
    """Net benefit of acting on all subjects who are at least as likely as a threshold, by threshold.

    True positives count 1 and false ones the threshold's odds, t / (1 - t), each divided by all subjects: a physician
    who acts from one chance in five holds four needless acts no worse than one case missed. Subjects of several folds'
    models are taken together: probabilities are claims on one scale.

    Limits are of each threshold alone, for new subjects with these shares of the classes, so that acting on everyone
    is known exactly: where the limits leave it out, the model differs from it. They join Wilson's limits of the shares
    of cases and of others who are acted on (MOVER; Zou and Donner 2008, Statistics in Medicine 27, 1693-1702), which do
    not close where no one is, as those of a bootstrap do.

    Args:
        labels: of subjects (N,), class 1 is the positive one.
        p: its probabilities (N,).
        thresholds: between 0 and 1, both excluded (T,).

    Returns:
        One row per threshold: threshold, model with its 95 % limits low and high (NaN where a class is missing), all
        (act on everyone), none (0).
    """
    cases, odds = labels == 1, thresholds / (1 - thresholds)
    acted = p[None, :] >= thresholds[:, None]  # (T, N)
    benefit, harm = cases.mean(), odds * (~cases).mean()  # if every case, and if every other subject, is acted on
    model = (acted * np.where(cases, 1.0, -odds[:, None])).mean(axis=1)
    (true, true_low, true_high), (false, false_low, false_high) = _rates(acted[:, cases]), _rates(acted[:, ~cases])
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "model": model,
            "low": model - np.hypot(benefit * (true - true_low), harm * (false_high - false)),
            "high": model + np.hypot(benefit * (true_high - true), harm * (false - false_low)),
            "all": benefit - harm,
            "none": 0.0,
        }
    )


def _rates(acted: np.ndarray) -> np.ndarray:
    """Share of the subjects (T, n) who are acted on, with its lower and upper limit: (3, T); NaN without subjects."""
    total = acted.shape[1]
    shares = acted.sum(axis=1) / (total or np.nan)
    return np.array([[share, *wilson(share, total)] for share in shares]).T
