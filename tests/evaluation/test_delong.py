"""DeLong's areas against the literal definition, the paper's own example, scikit-learn, a bootstrap and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, bootstrap
from sklearn.metrics import roc_auc_score

from fusekit.evaluation.arms.differences import area_difference
from fusekit.evaluation.delong import areas, auc, auc_interval, delong, logit_interval, macro_areas, mean_areas
from tests.evaluation.simulations.classes import Cohort


def literal(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """DeLong, DeLong and Clarke-Pearson (1988), equations 2 to 5, pair by pair."""
    above = scores[:, labels == 1, None] - scores[:, None, labels == 0]
    psi = (above > 0) + 0.5 * (above == 0)  # (A, m, n)
    of_cases, of_others = psi.mean(axis=2), psi.mean(axis=1)
    s10, s01 = (np.atleast_2d(np.cov(parts)) for parts in (of_cases, of_others))
    return psi.mean(axis=(1, 2)), s10 / of_cases.shape[1] + s01 / of_others.shape[1]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 6)), min_size=4, max_size=40))
def test_ranks_give_what_all_pairs_give(rows: list[tuple[bool, int, int]]) -> None:
    labels = np.array([int(label) for label, _, _ in rows])
    scores = np.array([grades for _, *grades in rows], dtype=float).T  # with many ties
    values, covariance = delong(labels, scores)
    if min(labels.sum(), len(labels) - labels.sum()) < 2:
        assert np.isnan(covariance).all()
        return
    expected = literal(labels, scores)
    assert values == pytest.approx(expected[0])
    assert covariance == pytest.approx(expected[1])
    assert values == pytest.approx([roc_auc_score(labels, score) for score in scores])


def test_a_worked_example() -> None:
    # Cases 3, 5, 6 and others 1, 4: placements of the cases 1/2, 1, 1, of the others 1, 2/3; their variances are
    # 1/12 and 1/18, so the area of 5/6 has the variance 1/36 + 1/36.
    values, covariance = delong(np.array([1, 0, 1, 0, 1]), np.array([[3.0, 1.0, 5.0, 4.0, 6.0]]))
    assert values == pytest.approx(5 / 6)
    assert covariance == pytest.approx(1 / 18)


#: Albumin, total protein, Krebs-Goplerud score (the lower the better) and whether surgery helped: the 43 complete ones
#: of the 49 patients in DeLong, DeLong and Clarke-Pearson (1988), section 4, as SAS/STAT's manual prints them.
OVARIAN = """
3.0 5.8 10 0  3.2 6.3  5 1  3.9 6.8  3 1  2.8 4.8  6 0  3.2 5.8  3 1  0.9 4.0  5 0  2.5 5.7  8 0  1.6 5.6  5 1
3.8 5.7  5 1  3.7 6.7  6 1  3.2 5.4  4 1  3.8 6.6  6 1  4.1 6.6  5 1  3.6 5.7  5 1  4.3 7.0  4 1  3.6 6.7  4 0
2.3 4.4  6 1  4.2 7.6  4 0  4.0 6.6  6 0  3.5 5.8  6 1  3.8 6.8  7 1  3.0 4.7  8 0  4.5 7.4  5 1  3.7 7.4  5 1
3.1 6.6  6 1  4.1 8.2  6 1  4.3 7.0  5 1  4.3 6.5  4 1  3.2 5.1  5 1  2.6 4.7  6 1  3.3 6.8  6 0  1.7 4.0  7 0
3.7 6.1  5 1  3.3 6.3  7 1  4.2 7.7  6 1  3.5 6.2  5 1  2.9 5.7  9 0  2.1 4.8  7 1  2.8 6.2  8 0  4.0 7.0  7 1
3.3 5.7  6 1  3.7 6.9  5 1  3.6 6.6  5 1
"""


def test_the_example_of_the_paper_as_sas_prints_it() -> None:
    albumin, protein, krebs_goplerud, helped = np.array(OVARIAN.split(), dtype=float).reshape(-1, 4).T
    labels, scores = helped.astype(int), np.array([albumin, -krebs_goplerud, protein])
    values, covariance = delong(labels, scores)
    assert values.round(4).tolist() == [0.7366, 0.7258, 0.6478]
    assert np.sqrt(np.diag(covariance)).round(4).tolist() == [0.0927, 0.1028, 0.1000]
    contrast = np.array([[1, -1, 0], [0, -1, 1]])  # against the score
    apart, of_apart = contrast @ values, contrast @ covariance @ contrast.T
    assert float(apart @ np.linalg.solve(of_apart, apart)) == pytest.approx(2.5340, abs=5e-5)  # chi-square, 2 degrees
    found = areas(labels == 1, scores)
    first, second = (area_difference(found, other, 1, pairs=12) for other in (0, 2))
    assert first == pytest.approx((0.0108, -0.1761, 0.1976, 0.9102), abs=5e-5)
    assert second == pytest.approx((-0.0780, -0.2830, 0.1271, 0.4561), abs=5e-5)


def test_folds_are_weighted_by_their_subjects_and_variances_add() -> None:
    rng = np.random.default_rng(0)
    labels, folds = rng.integers(0, 2, 90), np.repeat([0, 1, 7], [20, 30, 40])
    scores = rng.normal(size=(3, 90)) + labels + 100 * folds  # scales that must never be compared
    values, covariance = delong(labels, scores, folds)
    of_each = [literal(labels[folds == fold], scores[:, folds == fold]) for fold in (0, 1, 7)]
    weights = np.array([20, 30, 40]) / 90
    assert values == pytest.approx(sum(w * each[0] for w, each in zip(weights, of_each, strict=True)))
    assert covariance == pytest.approx(sum(w**2 * each[1] for w, each in zip(weights, of_each, strict=True)))


def test_folds_without_a_class_are_left_out_and_single_subjects_tell_no_variance() -> None:
    labels, folds = np.array([0, 1, 0, 1, 0, 0]), np.array([0, 0, 0, 0, 1, 1])
    scores = np.array([[0.1, 0.4, 0.3, 0.2, 0.9, 0.8]])
    assert delong(labels, scores, folds)[1] == pytest.approx(literal(labels[:4], scores[:, :4])[1])
    assert delong(labels, scores, folds)[0] == pytest.approx(0.75)
    labels[4] = 1
    assert delong(labels, scores, folds)[0] == pytest.approx((4 * 0.75 + 2 * 1) / 6)
    assert np.isnan(delong(labels, scores, folds)[1]).all()
    assert np.isnan(delong(np.zeros(6), scores, folds)[0]).all()


def test_the_covariance_is_that_of_a_bootstrap_of_subjects() -> None:
    labels, _, p = Cohort(subjects=300, folds=1, effects=(1.0, 1.4), shared=0.6).draw(np.random.default_rng(3))
    scores = p[:, 0]
    cases, others = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)

    def difference(drawn: np.ndarray, rest: np.ndarray) -> float:
        rows = np.concatenate([drawn, rest])
        first, second = (roc_auc_score(labels[rows], score[rows]) for score in scores)
        return float(first - second)

    resampled = bootstrap(
        (cases, others),
        difference,
        vectorized=False,
        n_resamples=400,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    covariance = delong(labels, scores)[1]
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert resampled.standard_error == pytest.approx(error, rel=0.12)  # 400 resamples: an error of 3.5 %, thrice


def test_seeds_of_one_split_are_averaged_before_they_vary() -> None:
    cohort = Cohort(subjects=80, seeds=3, of_seed=0.5, scales=np.ones(5), shifts=np.zeros(5))
    labels, folds, p = cohort.draw(np.random.default_rng(5))
    of_seeds = [areas(labels == 1, p[:, seed], folds[0]) for seed in range(3)]
    joined = mean_areas(of_seeds)
    assert joined.area == pytest.approx(np.mean([seed.area for seed in of_seeds], axis=0))
    once = mean_areas([of_seeds[0]] * 4)  # the same seed four times is no more evidence
    assert once.covariance == pytest.approx(of_seeds[0].covariance)
    assert joined.covariance[0, 0] < np.mean([seed.covariance[0, 0] for seed in of_seeds])


def test_seeds_with_other_folds_vary_as_often_as_they_claim() -> None:
    cohort, rng = Cohort(subjects=80, seeds=3, of_seed=0.8), np.random.default_rng(6)
    found = []
    for _ in range(300):
        labels, folds, p = cohort.draw(rng)
        joined = mean_areas([areas(labels == 1, p[:1, seed], folds[seed]) for seed in range(3)])
        found.append((joined.area[0], joined.covariance[0, 0]))
    values, variances = np.array(found).T
    assert np.sqrt(variances.mean()) == pytest.approx(values.std(), rel=0.15)
    assert values.mean() == pytest.approx(cohort.areas()[0], abs=0.01)


def test_the_macro_area_is_the_mean_over_classes_and_varies_as_a_bootstrap_says() -> None:
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 3, 240)
    grades = np.exp(rng.normal(size=(1, 240, 3)) + 1.2 * np.eye(3)[labels])
    p = grades / grades.sum(axis=2, keepdims=True)
    found = macro_areas(labels, p)
    assert found.area[0] == pytest.approx(roc_auc_score(labels, p[0], multi_class="ovr", average="macro"))
    resampled = [
        roc_auc_score(labels[rows], p[0, rows], multi_class="ovr", average="macro")
        for rows in rng.integers(0, 240, (250, 240))
    ]
    assert np.sqrt(found.covariance[0, 0]) == pytest.approx(
        np.std(resampled), rel=0.14
    )  # 250 resamples: an error of 4.5 %, thrice


def test_a_fold_that_lacks_a_class_has_no_macro_area() -> None:
    labels, folds = np.array([0, 1, 2, 0, 1, 2, 0, 1]), np.array([0, 0, 0, 0, 0, 0, 1, 1])
    p = np.random.default_rng(0).dirichlet(np.ones(3), 8)[None]
    alone = macro_areas(labels[:6], p[:, :6])
    assert macro_areas(labels, p, folds).area == alone.area
    assert macro_areas(labels, p, folds).covariance == pytest.approx(alone.covariance)
    assert np.isnan(macro_areas(labels[6:], p[:, 6:]).covariance).all()


def test_the_interval_stays_within_the_scale_and_is_undefined_at_its_ends() -> None:
    low, high = logit_interval(0.98, 0.02**2)
    assert 0.85 < low < 0.96 < 0.98 < high < 1
    assert logit_interval(0.5, 0.0004) == pytest.approx((0.461, 0.539), abs=1e-3)  # as Wald's in the middle
    assert np.isnan(logit_interval(1.0, 0.0)).all()
    assert np.isnan(logit_interval(0.7, float("nan"))).all()


def test_one_auc_and_its_interval_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(1)
    cases = np.arange(40) < 15
    scores = np.round(rng.normal(size=40) + cases, 1)  # with ties
    assert auc(cases, scores) == pytest.approx(roc_auc_score(cases, scores))
    for confidence in (0.95, 0.99):
        area, covariance = literal(cases.astype(int), scores[None])
        expected = logit_interval(float(area[0]), float(covariance[0, 0]), confidence)
        assert auc_interval(cases, scores, confidence) == pytest.approx(expected)


def test_the_interval_is_exact_at_its_ends_and_undefined_with_one_member_between_them() -> None:
    cases = np.arange(12) >= 8
    limit = binomtest(4, 4).proportion_ci(0.9, method="exact").low  # four independent pairs, all ordered rightly
    assert auc_interval(cases, np.arange(12.0), 0.9) == pytest.approx((limit, 1.0))
    assert auc_interval(cases, -np.arange(12.0), 0.9) == pytest.approx((0.0, 1 - limit))
    alone = np.arange(12) == 8
    assert np.isnan(auc_interval(alone, np.arange(12.0))).all()
    assert auc_interval(alone, alone * 1.0) == pytest.approx((0.025, 1.0))
    for nobody in (np.zeros(12, dtype=bool), np.ones(12, dtype=bool)):
        assert np.isnan([auc(nobody, np.arange(12.0)), *auc_interval(nobody, np.arange(12.0))]).all()
