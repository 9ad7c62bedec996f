"""Differences of two arms: known cases, other libraries, and how often tests and intervals are right."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_1samp, ttest_rel, wilcoxon
from sklearn.metrics import roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar

from fusekit.evaluation.arms.differences import accuracy_difference, area_difference, error_difference, sign_flip
from fusekit.evaluation.delong import areas
from tests.evaluation.simulations.classes import Cohort
from tests.evaluation.simulations.simulation import band, chances, covered_differences, covered_scores, false_families

#: Cohorts of each simulation; their seeds are fixed, so a test passes always or never.
TIMES = 200


def test_the_area_difference_is_that_of_its_variance() -> None:
    labels, _, p = Cohort(folds=1, effects=(0.8, 1.6)).draw(np.random.default_rng(0))
    found = areas(labels == 1, p[:, 0])
    difference = area_difference(found, 0, 1, 60)
    assert difference.value == pytest.approx(roc_auc_score(labels, p[0, 0]) - roc_auc_score(labels, p[1, 0]))
    error = np.sqrt(found.covariance[0, 0] + found.covariance[1, 1] - 2 * found.covariance[0, 1])
    assert difference.high - difference.low == pytest.approx(2 * 1.959964 * error)
    back = area_difference(found, 1, 0, 60)
    assert (back.value, back.low, back.high) == pytest.approx((-difference.value, -difference.high, -difference.low))
    assert back.p == pytest.approx(difference.p)


def test_two_perfect_arms_are_not_certainly_alike() -> None:
    labels = np.repeat([0, 1], [9, 12])
    perfect, useless = labels + np.arange(21) / 100, np.zeros(21)
    found = areas(labels == 1, np.array([perfect, perfect**2, useless]))
    alike = area_difference(found, 0, 1, 9)
    limit = binomtest(9, 9).proportion_ci(0.95, method="exact").low
    assert alike == pytest.approx((0.0, limit - 1, 1 - limit, 1.0))
    apart = area_difference(found, 0, 2, 9)
    assert apart.value == 0.5
    assert apart.p == pytest.approx(binomtest(9, 9).pvalue)
    assert np.isnan(area_difference(areas(labels == 1, np.array([useless, useless * np.nan])), 0, 1, 9).p)


CALLS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60)


@given(CALLS)
def test_one_seed_is_mcnemars_exact_test_and_bonetts_interval(rows: list[tuple[int, int]]) -> None:
    first, second = np.array(rows, dtype=float).T
    n, b, c = len(rows), int(((first == 1) & (second == 0)).sum()), int(((first == 0) & (second == 1)).sum())
    found = accuracy_difference(first[None], second[None])
    assert found.value == pytest.approx((b - c) / n)
    assert found.p == pytest.approx(binomtest(b, b + c).pvalue if b + c else 1.0)
    # Bonett and Price 2012 (Journal of Educational and Behavioral Statistics 37, 479-488), as they write it.
    p12, p21 = (b + 1) / (n + 2), (c + 1) / (n + 2)
    half = 1.959963984540054 * np.sqrt((p12 + p21 - (p12 - p21) ** 2) / (n + 2))
    assert (found.low, found.high) == pytest.approx((max(-1, p12 - p21 - half), min(1, p12 - p21 + half)))


@settings(max_examples=25)
@given(st.integers(0, 8), st.integers(0, 5))
def test_the_sign_flip_test_of_one_seed_is_mcnemars(only_first: int, only_second: int) -> None:
    differences = np.concatenate([np.ones(only_first), -np.ones(only_second), np.zeros(30)])
    expected = mcnemar([[10, only_first], [only_second, 20]], exact=True).pvalue
    assert sign_flip(differences) == pytest.approx(expected)  # all ways are tried: exactly so


def test_seeds_are_averaged_subject_by_subject() -> None:
    rng = np.random.default_rng(1)
    first, second = (rng.random((3, 60)) < 0.7).astype(float), (rng.random((3, 60)) < 0.6).astype(float)
    found = accuracy_difference(first, second)
    assert found.value == pytest.approx((first - second).mean())
    assert found.low < found.value < found.high
    once, thrice = accuracy_difference(first[:1], second[:1]), accuracy_difference(first[[0] * 3], second[[0] * 3])
    assert thrice[:3] == pytest.approx(once[:3])  # the same seed thrice is no more evidence
    assert thrice.p == pytest.approx(once.p, abs=0.02)  # one is exact, the other drawn


def test_the_sign_flip_test_is_that_of_ranks_where_differences_are_ranks() -> None:
    differences = np.array([1.0, -2, 3, 4, 5, -6, 7, 8, 9, 10])
    assert sign_flip(differences) == pytest.approx(wilcoxon(differences, method="exact").pvalue)


def test_seeds_may_have_tested_other_subjects() -> None:
    first = np.array([[1, 1, 0, np.nan, np.nan, np.nan], [np.nan, np.nan, np.nan, 1, 1, 1]])
    second = np.array([[0, 1, 0, np.nan, np.nan, np.nan], [np.nan, np.nan, np.nan, 0, 0, 1]])
    found = accuracy_difference(first, second)
    assert found.value == pytest.approx((1 / 3 + 2 / 3) / 2)
    assert found.p == pytest.approx(2 * 0.5**3)  # three subjects differ, all one way


def test_arms_without_a_difference_are_called_different_as_often_as_they_may_be() -> None:
    # 2 to 21 of 200, the band that holds 99.9 %, where 5 % are false; McNemar's exact test errs on the side of caution.
    low, high = band(0.05, TIMES)
    assert (low, high) == (2, 21)
    p = chances(Cohort(effects=(1.2,) * 4), TIMES, seed=11)
    assert low <= (p["auc"][:, 0] < 0.05).sum() <= high
    assert low <= (p["accuracy"][:, 0] < 0.05).sum() <= high
    # Six pairs of four arms: without a correction some pair would be called different in a fifth of the cohorts.
    for values in p.values():
        assert (values < 0.05).any(axis=1).sum() > 0.08 * TIMES
        assert false_families(values).sum() <= high


def test_several_seeds_without_a_difference_are_called_different_as_rarely() -> None:
    low, high = band(0.05, TIMES)
    p = chances(Cohort(subjects=40, seeds=2, of_seed=0.5), TIMES, seed=12)
    assert low <= (p["auc"] < 0.05).sum() <= high
    assert low <= (p["accuracy"] < 0.05).sum() <= high


def test_a_planted_difference_is_found() -> None:
    p = chances(Cohort(effects=(1.2, 2.4)), TIMES, seed=13)  # AUC 0.80 and 0.95, accuracy 0.71 and 0.87
    assert (p["auc"] < 0.05).mean() > 0.95
    assert (p["accuracy"] < 0.05).mean() > 0.85


@pytest.mark.parametrize("subjects", [40, 120])
def test_intervals_hold_the_truth_as_often_as_they_say(subjects: int) -> None:
    low, high = band(0.95, TIMES)
    assert (low, high) == (179, 198)
    cohort = Cohort(subjects, effects=(1.2, 0.8))
    for counted in (covered_scores(cohort, TIMES, seed=14), covered_differences(cohort, TIMES, seed=15)):
        assert set(counted) == {"auc", "accuracy"}
        assert all(low <= found.hits <= high for found in counted.values()), counted


def test_errors_of_two_arms_are_compared_subject_by_subject() -> None:
    draw = np.random.default_rng(5)
    first, second = np.abs(draw.normal(1.0, 0.4, (1, 12))), np.abs(draw.normal(1.6, 0.5, (1, 12)))
    found, each = error_difference(first, second), (first - second)[0]
    low, high = ttest_rel(first[0], second[0]).confidence_interval(0.95)
    assert found[:3] == pytest.approx((each.mean(), low, high))
    signs = np.array(list(product((-1, 1), repeat=12)))
    flipped = np.abs((signs * each).sum(axis=1))
    assert found.p == pytest.approx((flipped >= abs(each.sum()) - 1e-9).mean())


def test_errors_over_seeds_are_those_of_subjects_not_of_runs() -> None:
    draw = np.random.default_rng(6)
    one, other = np.abs(draw.normal(1, 0.4, (2, 30)))[:, None]
    once, twice = error_difference(one, other), error_difference(np.repeat(one, 2, 0), np.repeat(other, 2, 0))
    assert twice == pytest.approx(once)
    assert np.isnan(error_difference(one[:, :1], other[:, :1])[1:]).all()


def test_arms_with_the_same_calls_are_not_alike_for_certain() -> None:
    """Of ranks, the limits are Student's with one subject more on either side; what is found stays."""
    errors = np.array([[0.0, 1, 2, 0, 1, 0, 0, 1]])
    found = error_difference(errors, errors, ranks=True)
    expected = ttest_1samp([0.0] * 8 + [1, -1], 0).confidence_interval(0.95)
    assert found == pytest.approx((0, expected.low, expected.high, 1))
    assert error_difference(errors, errors)[1:3] == (0, 0)
    other = np.array([[1.0, 1, 2, 2, 1, 0, 2, 1]])
    apart, plain = error_difference(errors, other, ranks=True), error_difference(errors, other)
    assert (apart.value, apart.p) == (plain.value, plain.p)
