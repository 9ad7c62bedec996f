"""Scores of people who enter late: scikit-survival, loops, one over what is seen, and a simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2
from sksurv.nonparametric import kaplan_meier_estimator
from statsmodels.duration.survfunc import survdiff

from fusekit.data.target.follow_up import entries_of, events_of, labelled, labels_table, times_of
from fusekit.errors import DataError
from fusekit.evaluation.arms.pairs import compare_arms
from fusekit.evaluation.arms.worth import worth_of
from fusekit.evaluation.metrics.metric import Metric
from fusekit.evaluation.metrics.survival import (
    IntegratedBrier,
    ObservedOverPredicted,
    TimeDependentArea,
    UnoConcordance,
)
from fusekit.evaluation.survival.brier import brier_terms, known
from fusekit.evaluation.survival.concordance import auc_at, harrell, shares, uno
from fusekit.evaluation.survival.kaplan_meier import (
    censoring,
    followed,
    log_parts,
    numbers_at_risk,
    observed,
    survival,
)
from tests.evaluation.late import HORIZONS, People, draw_people, tied

ENTRIES, TIMES, EVENTS = tied(80, 0)
LABELS = labelled(TIMES, EVENTS, ENTRIES)
#: By hand: b enters after a's event, c at d's censoring.
HAND = labelled(np.array([2.0, 6.0, 7.0, 4.0]), np.array([True, True, False, False]), np.array([0.0, 3.0, 4.0, 1.0]))


def test_survival_is_scikit_survivals_with_entry() -> None:
    times, levels, limits = kaplan_meier_estimator(EVENTS, TIMES, time_enter=ENTRIES, conf_type="log-log")
    found = survival(LABELS)
    np.testing.assert_allclose(found.at(times), levels)
    for place in (3, 8):
        np.testing.assert_allclose(found.limits(times[place]), limits[:, place])


def test_the_numbers_at_risk_rise_when_people_enter() -> None:
    assert numbers_at_risk(HAND, np.array([0.0, 1.0, 2.0, 4.0, 5.0, 7.0])).tolist() == [1, 1, 2, 2, 2, 1]
    curve = survival(HAND)
    assert curve.at(np.array([2.0, 6.0])).tolist() == [0.5, 0.25]
    assert followed(HAND, np.arange(4), 3.5) == 2
    np.testing.assert_allclose(
        numbers_at_risk(LABELS, np.arange(1.0, 17.0)),
        [((t > ENTRIES) & (t <= TIMES)).sum() for t in range(1, 17)],
    )


def test_where_all_enter_at_0_nothing_changes() -> None:
    plain, zero = labelled(TIMES, EVENTS), labelled(TIMES, EVENTS, np.zeros(80))
    when = np.arange(0.5, 17.0, 0.5)
    for before in (True, False):
        alive = censoring(plain).at(when, before=before) > 0
        np.testing.assert_allclose(
            observed(zero, when, before=before)[alive & (survival(plain).at(when, before=before) > 0)],
            censoring(plain).at(when, before=before)[alive & (survival(plain).at(when, before=before) > 0)],
        )
    np.testing.assert_array_equal(numbers_at_risk(zero, when), numbers_at_risk(plain, when))
    np.testing.assert_allclose(log_parts(zero, 6.0), log_parts(plain, 6.0))
    risks, said = np.random.default_rng(0).normal(size=80), np.random.default_rng(1).random((80, 2))
    for share in (harrell(9.0), uno(9.0), auc_at(6.0)):
        np.testing.assert_allclose(share(zero, risks)[1], share(plain, risks)[1])
    np.testing.assert_allclose(brier_terms(zero, said, (4.0, 8.0)), brier_terms(plain, said, (4.0, 8.0)))


def test_pairs_are_of_people_who_are_both_under_observation() -> None:
    """Literal loops; of Uno's c a case counts (people * survival / at risk)^2, both just before."""
    risks = np.random.default_rng(3).normal(size=80).round(1)
    curve = survival(LABELS)
    won = np.zeros(2)
    pairs = np.zeros(2)
    for i in np.flatnonzero(EVENTS & (TIMES < 9)):
        at_risk = ((TIMES[i] > ENTRIES) & (TIMES[i] <= TIMES)).sum()
        weights = np.array([1.0, (80 * curve.at(TIMES[i], before=True) / at_risk) ** 2])
        for j in range(80):
            outlives = TIMES[j] > TIMES[i] or (TIMES[j] == TIMES[i] and not EVENTS[j])
            if outlives and ENTRIES[j] < TIMES[i]:
                won += weights * (float(risks[i] > risks[j]) + 0.5 * float(risks[i] == risks[j]))
                pairs += weights
    assert harrell(8.5)(LABELS, risks)[0] == pytest.approx(won[0] / pairs[0])
    assert uno(9.0)(LABELS, risks)[0] == pytest.approx(won[1] / pairs[1])


def test_parts_are_derivatives_by_a_subject_s_weight() -> None:
    risks = np.random.default_rng(3).normal(size=80)
    many = np.concatenate([np.repeat(np.arange(80), 50), [11]])
    share = harrell(9.0)
    moved = share(LABELS[many], risks[many])[0] - share(LABELS, risks)[0]
    assert 50 * moved == pytest.approx(share(LABELS, risks)[1][11], rel=0.02)
    moved = np.log(survival(LABELS[many]).at(6.0)) - np.log(survival(LABELS).at(6.0))
    assert 50 * moved == pytest.approx(log_parts(LABELS, 6.0)[11], rel=0.02)


def test_weights_are_people_on_average_and_those_of_events_the_fall_of_survival() -> None:
    early, late = known(LABELS, (4.0, 8.0))
    curve = survival(LABELS)
    np.testing.assert_allclose(early.mean(axis=0), 1 - curve.at(np.array([4.0, 8.0])))
    np.testing.assert_allclose(late.mean(axis=0), curve.at(np.array([4.0, 8.0])))
    at_hand = known(HAND, (5.0,))
    np.testing.assert_allclose(at_hand[0][:, 0], [2, 0, 0, 0])  # of 4 people a counts for the half that died
    np.testing.assert_allclose(at_hand[1][:, 0], [0, 1, 1, 0])


def test_nothing_weighted_is_said_where_the_first_alone_has_the_event() -> None:
    """Survival would be 0 from there on, even if others enter later; the order is known all the same."""
    labels = np.vstack([labelled(np.array([1.0]), np.array([True]), np.array([0.0])), [[5.0, 2.0], [-6.0, 3.0]]])
    risks = np.array([0.2, 0.9, 0.1])
    assert np.isnan(observed(labels, np.array([1.0, 2.5, 5.0]))).tolist() == [False, True, True]
    assert np.isnan(uno(9.0)(labels, risks)[0])
    assert np.isnan(brier_terms(labels, np.full((3, 1), 0.5), (5.5,))).any()
    assert harrell()(labels, risks)[0] == 1
    assert np.isnan(worth_of(["risk", "survival_9"]).values(labels, risks[None, :, None], np.ones((1, 3)))).all()


def test_arms_of_other_entries_are_no_arms_of_one_cohort() -> None:
    people = draw_people(1, 60)
    table = labels_table(np.array([f"s{k:02}" for k in range(len(people.risks))], dtype=object), people.labels)
    table = table.assign(scan="a", slice=0, risk=0.5, survival_12=0.6, survival_36=0.4)
    compare_arms({"one": [table], "other": [table]}, kind="time_to_event")
    with pytest.raises(DataError, match="do not agree on the label of s00"):
        compare_arms({"one": [table], "other": [table.assign(entry=table["entry"] / 2 + 0.01)]}, kind="time_to_event")


def test_folds_have_pairs_of_their_own_and_limits() -> None:
    people = draw_people(0, 300)
    folds, subjects = np.arange(len(people.risks)) % 2, np.arange(len(people.risks))
    both = shares(uno(36.0), people.labels, people.risks, subjects, folds)
    each = [uno(36.0)(people.labels[folds == k], people.risks[folds == k])[0] for k in (0, 1)]
    weights = [(folds == k).sum() for k in (0, 1)]
    assert both.area[0] == pytest.approx(np.average(each, weights=weights))


def test_the_log_rank_test_is_the_literal_one() -> None:
    """What the report takes from statsmodels: observed less expected events, hypergeometric variance, risk sets."""
    group = np.random.default_rng(5).integers(0, 2, 80)
    apart = variance = 0.0
    for t in np.unique(TIMES[EVENTS]):
        at_risk = (t > ENTRIES) & (t <= TIMES)
        died = EVENTS & (t == TIMES)
        n, n1, d = at_risk.sum(), (at_risk & (group == 1)).sum(), died.sum()
        apart += (died & (group == 1)).sum() - d * n1 / n
        variance += d * (n1 / n) * (1 - n1 / n) * (n - d) / (n - 1) if n > 1 else 0.0
    assert survdiff(TIMES, EVENTS.astype(int), group, entry=ENTRIES)[1] == pytest.approx(
        chi2.sf(apart**2 / variance, 1)
    )


METRICS: dict[str, Metric] = {
    metric.title: metric.reading(["risk", "survival_12", "survival_36"])
    for metric in (UnoConcordance(), TimeDependentArea(), IntegratedBrier(), ObservedOverPredicted())
}


def said(people: People) -> np.ndarray:
    return np.column_stack([1 / (1 + np.exp(-people.risks)), people.survival])


def test_scores_are_unbiased_and_those_that_ignore_entry_are_not() -> None:
    """As the table in docs/how-to/predict-a-time.md, of fewer cohorts."""
    rounds = 60
    cohorts = [draw_people(10**6 + seed, 4000, lost=False) for seed in range(3)]
    found = np.zeros((rounds, 2, len(METRICS) + 1))
    for seed in range(rounds):
        people = draw_people(seed, 400)
        assert entries_of(people.labels) is not None
        for way, labels in enumerate((people.labels, people.labels[:, 0])):
            found[seed, way, :-1] = [metric.value(labels, said(people)) for metric in METRICS.values()]
            found[seed, way, -1] = survival(labels).at(HORIZONS[-1])
    truth = [np.mean([metric.value(all_.labels, said(all_)) for all_ in cohorts]) for metric in METRICS.values()]
    truth.append(np.mean([(times_of(all_.labels) > HORIZONS[-1]).mean() for all_ in cohorts]))
    assert all(events_of(all_.labels).all() for all_ in cohorts)
    errors = found.std(axis=0, ddof=1) / np.sqrt(rounds)
    bias = found.mean(axis=0) - truth
    assert (np.abs(bias[0]) < 3 * errors[0] + 0.005).all()  # the truth is known to about that
    assert (np.abs(bias[1]) > 4 * errors[1])[2:].all()  # the Brier score, observed / predicted, survival
