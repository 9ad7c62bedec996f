"""Two cohorts beside each other: the scores of one frozen model, and how common the classes are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fusekit.evaluation.statistics import wilson


def beside_training(internal: Sequence[Mapping[str, Any]], external: pd.DataFrame) -> pd.DataFrame:
    """Put the scores of another cohort beside those of the training cohort's tested subjects.

    Args:
        internal: rows with level, metric, value, low, high, subjects, as a bundle holds them.
        external: the same, of the other cohort.

    Returns:
        One row per level and metric of ``external``: ``level``, ``metric``; ``internal``, ``internal_low``,
        ``internal_high``, ``internal_subjects``; ``external``, ``external_low``, ...; ``difference``, external minus
        internal, with ``low`` and ``high``: 95 % limits from those of the two scores, which are of different people
        (square-and-add, Newcombe 1998; Zou and Donner 2008). What the bundle does not hold is NaN.
    """
    names = ["value", "low", "high", "subjects"]
    parts = []
    for title, table in (("internal", pd.DataFrame(list(internal))), ("external", external)):
        table = table.reindex(columns=["level", "metric", *names])
        table[names] = table[names].astype(float)
        parts.append(table.rename(columns={name: title if name == "value" else f"{title}_{name}" for name in names}))
    both = parts[1].merge(parts[0], on=["level", "metric"], how="left")
    before, after = both["internal"], both["external"]
    both["difference"] = after - before
    below = np.hypot(after - both["external_low"], both["internal_high"] - before)
    above = np.hypot(both["external_high"] - after, before - both["internal_low"])
    both["low"], both["high"] = both["difference"] - below, both["difference"] + above
    order = [f"{side}{end}" for side in ("internal", "external") for end in ("", "_low", "_high", "_subjects")]
    return both[["level", "metric", *order, "difference", "low", "high"]]


def prevalence(classes: Sequence[str], training: Mapping[str, int], subjects: pd.Series) -> pd.DataFrame:
    """Compare how common the classes are.

    Args:
        classes: names of the labels.
        training: subjects by class that the model was trained on; empty if it is not known.
        subjects: label by subject of the other cohort.

    Returns:
        One row per class: ``class``, ``training_subjects``, ``training_share``, ``subjects``, ``share``, ``low``,
        ``high`` (Wilson's 95 % limits of the share).
    """
    total, trained = len(subjects), sum(training.values())
    rows = []
    for label, name in enumerate(classes):
        count = int((subjects == label).sum())
        low, high = wilson(count / total, total) if total else (np.nan, np.nan)
        before = training.get(name, np.nan)
        rows.append((name, before, before / trained if trained else np.nan, count, count / total, low, high))
    columns = ["class", "training_subjects", "training_share", "subjects", "share", "low", "high"]
    return pd.DataFrame(rows, columns=columns)
