"""Intervals against published examples, other libraries and simulation."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.stats import binomtest, linregress, sem, ttest_1samp
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.multitest import multipletests
from statsmodels.tools import add_constant

from fusekit.evaluation.statistics import (
    holm,
    interval_between,
    interval_text,
    subject_bootstrap,
    subject_jackknife,
    wilson,
)


def test_wilson_gives_the_published_example() -> None:
    # Newcombe 1998 (Statistics in Medicine 17, 857-872), table I: 81/263 and 15/148, 0/20, 1/29, method 3.
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (successes, total), limits in published.items():
        assert wilson(successes / total, total) == pytest.approx(limits, abs=5e-5)


@pytest.mark.parametrize("successes", [0, 1, 7, 19, 20])
def test_wilson_agrees_with_scipy(successes: int) -> None:
    interval = binomtest(successes, 20).proportion_ci(0.9, method="wilson")
    assert wilson(successes / 20, 20, confidence=0.9) == pytest.approx((interval.low, interval.high))


def test_wilson_of_nothing_is_undefined() -> None:
    assert np.isnan(wilson(float("nan"), 0)).all()


def test_holm_corrects_by_hand() -> None:
    # Smallest first: 3 x 0.01; then 2 x 0.03; then 0.04, which may not fall below the one before.
    assert holm([0.01, 0.04, np.nan, 0.03]) == pytest.approx([0.03, 0.06, np.nan, 0.06], nan_ok=True)
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert len(holm([])) == 0


def test_holm_agrees_with_statsmodels() -> None:
    rng = np.random.default_rng(0)
    for count in (1, 2, 7, 200):
        p = rng.random(count).round(2) ** 2  # rounded: some are equal, some 0
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], rel=1e-12)


def test_an_interval_without_limits_is_named_and_never_printed_as_nan() -> None:
    assert interval_text(0.8, 0.934) == "[0.80, 0.93]"
    assert interval_text(-0.1, 0.25, digits=3, sign="+") == "[-0.100, +0.250]"
    for low, high in ((np.nan, np.nan), (None, None), (0.5, None)):
        assert interval_text(low, high) == "[undefined]"


def test_bootstrap_over_subjects_ignores_how_often_a_subject_is_repeated() -> None:
    rng = np.random.default_rng(0)
    values, labels = rng.normal(size=40), np.repeat([0, 1], 20)
    subjects = np.array([f"s{i}" for i in range(40)])

    once = subject_bootstrap(lambda rows: float(values[rows].mean()), subjects, labels)
    tenfold = np.repeat(np.arange(40), 10)
    repeated = subject_bootstrap(lambda rows: float(values[tenfold][rows].mean()), subjects[tenfold], labels[tenfold])

    assert repeated == pytest.approx(once)  # ten identical slices of a subject are no more evidence than one
    naive = 1.96 * values.std(ddof=1) / np.sqrt(400)
    assert repeated[1] - repeated[0] > 4 * naive


def test_a_subject_that_is_drawn_brings_all_its_rows_each_time() -> None:
    subjects = np.array(["b", "a", "b", "c", "d", "a", "a"])
    labels = np.array([0, 1, 0, 1, 0, 1, 1])
    rows_of = {name: tuple(np.flatnonzero(subjects == name)) for name in "abcd"}
    drawn_once = set()

    def statistic(rows: np.ndarray) -> float:
        left, drawn = list(rows), []
        while left:  # one subject's rows after another's
            name = str(subjects[left[0]])
            assert tuple(left[: len(rows_of[name])]) == rows_of[name]
            left = left[len(rows_of[name]) :]
            drawn.append(name)
        assert len(drawn) == 4
        assert sum(name in "bd" for name in drawn) == 2  # drawn within each class
        drawn_once.add(tuple(sorted(drawn)))
        return float(len(rows))

    low, high = subject_bootstrap(statistic, subjects, labels)
    assert drawn_once == {
        tuple(sorted(x + y)) for x in (("b", "b"), ("b", "d"), ("d", "d")) for y in (("a", "a"), ("a", "c"), ("c", "c"))
    }
    assert (low, high) == (4.0, 10.0)  # d and c twice each, b and a twice each


def test_bootstrap_matches_the_normal_interval_of_a_stratified_mean() -> None:
    rng = np.random.default_rng(1)
    values, labels = rng.normal(size=400), np.repeat([0, 1], 200)
    low, high = subject_bootstrap(lambda rows: float(values[rows].mean()), np.arange(400), labels)
    variance = sum(values[labels == k].var() / 200 for k in (0, 1)) / 4
    half = 1.96 * np.sqrt(variance)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.012)


def test_bootstrap_is_the_same_every_time_and_undefined_for_one_subject() -> None:
    values, labels = np.arange(10.0), np.repeat([0, 1], 5)

    def mean(rows: np.ndarray) -> float:
        return float(values[rows].mean())

    assert subject_bootstrap(mean, np.arange(10), labels) == subject_bootstrap(mean, np.arange(10), labels)
    assert np.isnan(subject_bootstrap(mean, np.zeros(10), np.zeros(10))).all()


def test_a_large_cohort_is_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=400)
    subjects, labels = np.arange(400), np.arange(400) % 2

    def limits() -> tuple[float, float]:
        return subject_bootstrap(lambda rows: float(values[rows].mean()), subjects, labels)

    whole = limits()
    monkeypatch.setattr("fusekit.evaluation.statistics.DRAWN", 4000)  # ten resamples at a time
    tracemalloc.start()
    in_parts = limits()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert in_parts != whole  # other draws
    assert in_parts == pytest.approx(whole, abs=0.01)
    assert peak < 400 * 2000  # bytes; all numbers of the subjects at once would be eight times that


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(3).normal(size=60)
    error, freedom = subject_jackknife(lambda rows: float(values[rows].mean()), np.arange(60))
    assert error == pytest.approx(sem(values))
    assert freedom == 59
    slices = np.repeat(np.arange(60), 4)
    again, _ = subject_jackknife(lambda rows: float(values[slices][rows].mean()), slices)
    assert again == pytest.approx(error)  # four equal slices of a subject are no more evidence than one
    assert np.isnan(subject_jackknife(lambda rows: 0.0, np.zeros(5))[0])


def test_the_jackknife_of_many_subjects_leaves_out_groups() -> None:
    values, calls = np.random.default_rng(4).normal(size=1700), []

    def mean(rows: np.ndarray) -> float:
        calls.append(len(rows))
        return float(values[rows].mean())

    error, freedom = subject_jackknife(mean, np.arange(1700))
    assert (len(calls), min(calls), max(calls), freedom) == (500, 1696, 1697, 499)
    assert error == pytest.approx(sem(values), rel=0.1)  # 500 groups: an error of 3 %, thrice


def test_the_jackknife_of_a_slope_is_the_sandwich() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=80)
    y = x + rng.normal(size=80) * (1 + np.abs(x))
    error, _ = subject_jackknife(lambda rows: float(linregress(x[rows], y[rows]).slope), np.arange(80))
    sandwich = OLS(y, add_constant(x)).fit(cov_type="HC3").bse[1]  # MacKinnon and White 1985: the same but for the mean
    assert error == pytest.approx(sandwich, rel=0.02)


def test_limits_stay_between_the_ends_of_a_value() -> None:
    values = np.random.default_rng(6).normal(2, 1, 25)
    error = float(sem(values))
    student = ttest_1samp(values, 0).confidence_interval(0.95)
    assert interval_between(values.mean(), error, (-np.inf, np.inf), 24) == pytest.approx((student.low, student.high))
    fisher = np.tanh(np.arctanh(0.7) + np.array([-1, 1]) * 1.959964 * 0.1 / (1 - 0.7**2))
    assert interval_between(0.7, 0.1, (-1, 1)) == pytest.approx(fisher)
    factor = np.exp(1.959964 * 0.5 / 2)
    assert interval_between(2, 0.5, (0, np.inf)) == pytest.approx((2 / factor, 2 * factor))
    assert interval_between(-1, 0.5, (-np.inf, 1)) == pytest.approx((1 - 2 * factor, 1 - 2 / factor))  # R2: of 1 - R2
    for value, spread in ((1.0, 0.1), (0.5, np.nan), (np.nan, 0.1)):
        assert np.isnan(interval_between(value, spread, (0, 1))).all()
