"""Areas under ROC curves: metrics of how scores rank, whatever threshold makes calls of them."""

from __future__ import annotations

import numpy as np

from fusekit.evaluation.delong import areas, logit_interval, placements
from fusekit.evaluation.folds import Folds
from fusekit.evaluation.metrics.classes import POSITIVE, Metric, fewest_subjects, positive


class AreaUnderCurve(Metric):
    """Chance that a random positive scores above a random negative, ties counted half (Mann-Whitney)."""

    title = "AUC"
    definition = "area under the ROC curve of the positive class's probability"
    empty = "NaN if either class is empty"
    within_folds = True

    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        """Mann-Whitney U over the number of pairs."""
        return _auc(positive(labels), probabilities[:, POSITIVE])

    def interval(self, labels: np.ndarray, probabilities: np.ndarray, subjects: np.ndarray) -> tuple[float, float]:
        """Limits of one fold, as of several."""
        whole = Folds(np.zeros(len(labels), dtype=int), np.array([len(np.unique(subjects))]))
        return self.interval_in(whole, labels, probabilities, subjects)

    def interval_in(
        self, folds: Folds, labels: np.ndarray, probabilities: np.ndarray, subjects: np.ndarray
    ) -> tuple[float, float]:
        """DeLong's limits on the logit scale where a row is a subject; bootstrap limits where a subject has several.

        Where the classes are separated perfectly, every resample is perfect too and both would claim certainty. The
        limit is then the exact one (Clopper and Pearson 1934) for as many independent pairs as the smaller class has
        subjects, all of them ordered alike; the pairs of all folds count together.
        """
        value = self.value_in(folds, labels, probabilities)
        if value in (0.0, 1.0):
            return _all_alike(
                value, sum(fewest_subjects(positive(labels[rows]), subjects[rows], 2) for rows in folds.rows)
            )
        if len(np.unique(subjects)) < len(subjects):
            if np.isnan(probabilities).any():
                return super().interval_in(folds, labels, probabilities, subjects)
            ranks = np.zeros((len(labels), 1), dtype=int)
            for rows in folds.rows:
                ranks[rows, 0] = np.unique(probabilities[rows, POSITIVE], return_inverse=True)[1]
            return _AreaOfRanks().interval_in(folds, labels, ranks, subjects)
        found = areas(positive(labels), probabilities[None, :, POSITIVE], folds.of_row)
        return logit_interval(float(found.area[0]), float(found.covariance[0, 0]))


class _AreaOfRanks(Metric):
    """The AUC of scores that were sorted once for all resamples, and are only counted in each; ties have one rank."""

    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        """Mann-Whitney U over the number of pairs, of ranks (N, 1) from 0."""
        cases, ranks = positive(labels), probabilities[:, 0]
        if cases.all() or not cases.any():
            return float("nan")
        of_cases, of_others = (np.bincount(ranks[side], minlength=ranks.max() + 1) for side in (cases, ~cases))
        below = np.cumsum(of_others) - of_others / 2  # a tie counts half
        return float(of_cases @ below) / (int(cases.sum()) * int((~cases).sum()))


class MacroAreaUnderCurve(Metric):
    """Mean over the classes of the AUC of each against the rest (one-versus-rest, unweighted)."""

    title = "macro AUC"
    definition = "mean over classes of the area under the ROC curve of the class against the rest"
    empty = "NaN if any class is empty"
    within_folds = True

    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        """Each class counts alike, however many rows it has."""
        return float(np.mean([_auc(labels == k, probabilities[:, k]) for k in range(probabilities.shape[1])]))

    def interval(self, labels: np.ndarray, probabilities: np.ndarray, subjects: np.ndarray) -> tuple[float, float]:
        """Bootstrap limits over subjects; where all is ordered alike, the AUC's, of the smallest class."""
        value = self.value(labels, probabilities)
        if value not in (0.0, 1.0):
            return super().interval(labels, probabilities, subjects)
        return _all_alike(value, fewest_subjects(labels, subjects, probabilities.shape[1]))

    def interval_in(
        self, folds: Folds, labels: np.ndarray, probabilities: np.ndarray, subjects: np.ndarray
    ) -> tuple[float, float]:
        """Likewise; the smallest classes of all folds count together."""
        value = self.value_in(folds, labels, probabilities)
        if value not in (0.0, 1.0):
            return super().interval_in(folds, labels, probabilities, subjects)
        classes = probabilities.shape[1]
        return _all_alike(value, sum(fewest_subjects(labels[rows], subjects[rows], classes) for rows in folds.rows))


def _all_alike(value: float, pairs: int) -> tuple[float, float]:
    """Exact limits where all of so many independent pairs are ordered rightly (1) or wrongly (0)."""
    limit = 0.025 ** (1 / pairs)
    return (limit, 1.0) if value == 1.0 else (0.0, 1 - limit)


def _auc(cases: np.ndarray, scores: np.ndarray) -> float:
    """Mann-Whitney U of cases (N,) by scores (N,), over the number of pairs; NaN if one side is empty."""
    if cases.all() or not cases.any():
        return float("nan")
    return float(placements(cases, scores[None])[0, cases].mean())
