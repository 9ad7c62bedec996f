"""Metrics of times to an event: labels of ``TimeToEvent``; predictions (N, 1 + H) are risk, survival at horizons.

Labels are (N,), or with delayed entry (N, 2). The functions behind them, and what they assume of censoring, are in
``fusekit.evaluation.survival``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from typing import Self

import numpy as np

from fusekit.data import TimeToEvent
from fusekit.data.target.follow_up import entries_of, events_of, times_of
from fusekit.evaluation.delong import Areas, exact_limits
from fusekit.evaluation.folds import Folds
from fusekit.evaluation.metrics.metric import Metric
from fusekit.evaluation.predictions import horizons_of
from fusekit.evaluation.statistics import interval_between
from fusekit.evaluation.survival.brier import brier_terms, integrated, known
from fusekit.evaluation.survival.concordance import Share, auc_at, harrell, shares, uno
from fusekit.evaluation.survival.kaplan_meier import followed, log_parts, observed, survival

#: Subjects that are followed beyond the last horizon, for limits of what looks at horizons: with fewer, limits held 40
#: to 90 in 100 truths.
FOLLOWED = 5
#: Share that is not censored by then, for limits of areas: some of the few cases count more than five times, else.
#: With delayed entry the smallest share under observation at an event, of the largest.
UNCENSORED = 0.2


class SurvivalMetric(Metric, ABC):
    """A score of predicted survival; its limits let the number of events vary too."""

    targets = (TimeToEvent.kind,)
    horizons: tuple[float, ...] = ()

    def reading(self, columns: Sequence[str]) -> Self:
        """With the horizons that the columns name."""
        made = copy(self)
        made.horizons = horizons_of(columns)
        return made


class Ranking(SurvivalMetric, ABC):
    """A share of pairs, within folds: risks of different models are not on one scale."""

    limits = (0, 1)
    within_folds, late_entry = True, True
    empty = "NaN where no pair can be ordered"

    @abstractmethod
    def pairs(self) -> tuple[Share, ...]:
        """What is computed in each fold, and averaged."""

    def areas(self, labels: np.ndarray, risks: np.ndarray, subjects: np.ndarray, folds: np.ndarray | None) -> Areas:
        """Mean of the shares, with the part of each subject, sorted."""
        found = [shares(share, labels, risks, subjects, folds) for share in self.pairs()]
        return Areas(np.mean([one.area for one in found], axis=0), np.mean([one.parts for one in found], axis=0))

    def value(self, labels: np.ndarray, predicted: np.ndarray) -> float:
        """Of one model."""
        return float(self.areas(labels, predicted[:, 0], np.arange(len(labels)), None).area[0])

    def interval(self, labels: np.ndarray, predicted: np.ndarray, subjects: np.ndarray) -> tuple[float, float]:
        """Student's limits on the logit scale, by the number of cases."""
        return self._limits(labels, predicted, subjects, np.zeros(len(labels), dtype=int))

    def interval_in(
        self, folds: Folds, labels: np.ndarray, predicted: np.ndarray, subjects: np.ndarray
    ) -> tuple[float, float]:
        """Student's limits on the logit scale, by the number of cases."""
        return self._limits(labels, predicted, subjects, folds.of_row)

    def _limits(
        self, labels: np.ndarray, predicted: np.ndarray, subjects: np.ndarray, folds: np.ndarray
    ) -> tuple[float, float]:
        found = self.areas(labels, predicted[:, 0], subjects, folds)
        area = float(found.area[0])
        if area in (0.0, 1.0):  # where the parts are all alike
            cases = len(np.unique(subjects[events_of(labels)]))
            return exact_limits(area, cases)
        # A share is sure by its cases, of which there may be few; the normal quantile held 89 to 92 in 100 truths then.
        cases = len(np.unique(subjects[events_of(labels) & (times_of(labels) <= self.scarcest)]))
        return interval_between(area, float(np.sqrt(found.covariance[0, 0])), self.limits, max(1, cases - 1))

    @property
    def scarcest(self) -> float:
        """The time up to which cases are counted."""
        return self.horizons[-1] if self.horizons else np.inf


class HarrellConcordance(Ranking):
    """Chance that of two subjects the one with the earlier event was said to be at the higher risk (Harrell 1982)."""

    title = "Harrell's c"
    definition = (
        "share of the pairs whose order is known, up to the last horizon, in which the earlier event is riskier"
    )

    def pairs(self) -> tuple[Share, ...]:
        """All pairs alike."""
        return (harrell(self.scarcest),)


class UnoConcordance(Ranking):
    """Harrell's c with each case weighted for those who were censored (Uno et al. 2011), up to the last horizon."""

    title = "Uno's c"
    definition = "Harrell's c with cases weighted by the inverse squared share still followed, up to the last horizon"

    def pairs(self) -> tuple[Share, ...]:
        """Up to the last horizon."""
        return (uno(self.scarcest),)


class TimeDependentArea(Ranking):
    """Mean over the horizons of the AUC of who has the event by then against who has not yet."""

    title = "AUC at horizons"
    definition = "mean over the horizons of the AUC of events by then against those without, weighted for censoring"
    empty = "NaN where no pair can be ordered; no limits where few are followed to the last horizon"

    def pairs(self) -> tuple[Share, ...]:
        """At each horizon."""
        return tuple(map(auc_at, self.horizons))

    @property
    def scarcest(self) -> float:
        """The first horizon."""
        return self.horizons[0]

    def _limits(
        self, labels: np.ndarray, predicted: np.ndarray, subjects: np.ndarray, folds: np.ndarray
    ) -> tuple[float, float]:
        last = self.horizons[-1]
        if followed(labels, subjects, last) < FOLLOWED or not _least_observed(labels, last) >= UNCENSORED:
            return float("nan"), float("nan")
        return super()._limits(labels, predicted, subjects, folds)


def _least_observed(labels: np.ndarray, last: float) -> float:
    """The share that is not censored by a time; with delayed entry the smallest at an event, of the largest."""
    if entries_of(labels) is None:
        return float(observed(labels, last))
    times = times_of(labels)[events_of(labels) & (times_of(labels) <= last)]
    shares = np.append(observed(labels, times, before=True), observed(labels, last))
    return float(shares.min() / shares.max())


class IntegratedBrier(SurvivalMetric):
    """Squared distance of predicted survival from what happened, over the time up to the last horizon."""

    title = "integrated Brier score"
    definition = "mean over time, by lines between 0 and the horizons, of the Brier score weighted for censoring"
    empty = "NaN where nobody is followed to a horizon; no limits where few are"
    limits = (0, np.inf)
    late_entry = True

    def terms(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """What each row adds (N,)."""
        return integrated(brier_terms(labels, predicted[:, 1:], self.horizons), self.horizons)

    def value(self, labels: np.ndarray, predicted: np.ndarray) -> float:
        """Mean over rows."""
        return float(self.terms(labels, predicted).mean()) if len(labels) else float("nan")

    def interval(self, labels: np.ndarray, predicted: np.ndarray, subjects: np.ndarray) -> tuple[float, float]:
        """Student's limits of the subjects' means, weighted by their rows."""
        from scipy.stats import t

        _, of_row = np.unique(subjects, return_inverse=True)
        terms, n = self.terms(labels, predicted), int(of_row.max()) + 1
        if followed(labels, subjects, self.horizons[-1]) < FOLLOWED:
            return float("nan"), float("nan")
        apart = np.bincount(of_row, weights=terms - terms.mean(), minlength=n) / len(terms)
        half = t.ppf(0.975, n - 1) * np.sqrt(n / (n - 1) * np.sum(apart**2))
        return max(0.0, float(terms.mean() - half)), float(terms.mean() + half)


class ObservedOverPredicted(SurvivalMetric):
    """Risk up to the last horizon as it was observed (Kaplan-Meier), over the mean predicted: 1 is right."""

    title = "observed / predicted risk"
    definition = "1 - Kaplan-Meier survival at the last horizon / mean of 1 - predicted survival; above 1: too low"
    empty = "NaN where nothing is predicted; no limits where few are followed to the last horizon"
    limits = (0, np.inf)
    late_entry = True

    def value(self, labels: np.ndarray, predicted: np.ndarray) -> float:
        """Of all rows together; with delayed entry the mean is weighted as that of the Brier score."""
        expected = float(self._expected(labels, predicted).mean()) if len(labels) else 0.0
        return float(1 - survival(labels).at(self.horizons[-1])) / expected if expected > 0 else float("nan")

    def interval(self, labels: np.ndarray, predicted: np.ndarray, subjects: np.ndarray) -> tuple[float, float]:
        """Limits on the scale of logarithms, from each subject's part in both risks."""
        from scipy.special import ndtri

        ratio, expected = self.value(labels, predicted), self._expected(labels, predicted)
        observed, n = ratio * float(expected.mean()), len(labels)
        if not 0 < observed < 1 or followed(labels, subjects, self.horizons[-1]) < FOLLOWED:
            return float("nan"), float("nan")
        rises = -(1 - observed) * log_parts(labels, self.horizons[-1])  # of the observed risk, by each row's weight
        if entries_of(labels) is None:
            parts = rises / observed - (expected / expected.mean() - 1) / n
        else:  # the mean is that of those with the event and of the others, by how many there are of each
            early, late = (weights[:, 0] for weights in known(labels, self.horizons[-1:]))
            with_it, without = ((own * (1 - predicted[:, -1])).mean() / own.mean() for own in (early, late))
            moved = (expected - early * with_it - late * without) / n + (with_it - without) * rises
            parts = rises / observed - moved / expected.mean()
        _, of_row = np.unique(subjects, return_inverse=True)
        half = ndtri(0.975) * np.sqrt(np.sum(np.bincount(of_row, weights=parts) ** 2))
        return ratio * float(np.exp(-half)), ratio * float(np.exp(half))

    def _expected(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """What each row adds to the mean predicted risk (N,)."""
        risks = np.asarray(1 - predicted[:, -1])
        return risks if entries_of(labels) is None else risks * np.sum(known(labels, self.horizons[-1:]), axis=0)[:, 0]
