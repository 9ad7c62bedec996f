"""Metrics of ordered classes, against scikit-learn, tables made by hand, and at their edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from fusekit.evaluation import Metric, score
from fusekit.evaluation.delong import auc_interval, cut_areas
from fusekit.evaluation.folds import Folds
from fusekit.evaluation.metrics.ordered import AreaOfCuts, QuadraticKappa, RankError
from fusekit.evaluation.predictions import above_cuts
from fusekit.evaluation.statistics import wilson

EVERY: tuple[Metric, ...] = (AreaOfCuts(), QuadraticKappa(), RankError())
NAMES = np.array([f"s{n:03}" for n in range(400)])


def graded(count: int, effect: float = 1.0, classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels (N,), and probabilities (N, K) of a latent grade that is seen with a standard normal error."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, classes, count)
    seen = effect * labels + draw.normal(size=count)
    p = np.exp(-0.5 * (seen[:, None] - effect * np.arange(classes)) ** 2)
    return labels, p / p.sum(axis=1, keepdims=True)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40))
def test_kappa_is_scikit_learn_s(pairs: list[tuple[int, int]]) -> None:
    true, called = np.array(pairs).T
    found = QuadraticKappa().value(true, np.eye(4)[called])
    if len({*true, *called}) == 1:
        assert np.isnan(found)  # as there, with a warning
    else:
        assert found == pytest.approx(cohen_kappa_score(true, called, weights="quadratic", labels=range(4)), abs=1e-12)


def test_kappa_and_rank_error_of_a_table_made_by_hand() -> None:
    """Four subjects, ranks 0, 1, 2, 2 called 0, 2, 2, 0: errors 0, 1, 0, 2."""
    true, probabilities = np.array([0, 1, 2, 2]), np.eye(3)[[0, 2, 2, 0]]
    assert RankError().value(true, probabilities) == 0.75
    by_pairs = np.mean([(one - other) ** 2 for one in true for other in (0, 2, 2, 0)])
    assert QuadraticKappa().value(true, probabilities) == pytest.approx(1 - (5 / 4) / by_pairs)


def test_the_area_of_cuts_is_the_mean_of_scikit_learn_s() -> None:
    labels, p = graded(200)
    np.testing.assert_allclose(above_cuts(p), np.stack([p[:, 1:].sum(1), p[:, 2:].sum(1), p[:, 3]], axis=1))
    expected = np.mean([roc_auc_score(labels > k, p[:, k + 1 :].sum(axis=1)) for k in range(3)])
    assert AreaOfCuts().value(labels, p) == pytest.approx(expected)
    assert cut_areas(labels, p[None]).area[0] == pytest.approx(expected)


def test_of_two_classes_the_one_cut_is_the_auc_with_delong_s_limits() -> None:
    labels, p = graded(80, classes=2)
    whole = np.zeros(80, dtype=int)
    found = AreaOfCuts().interval_in(Folds(whole, np.array([80])), labels, p, NAMES[:80])
    assert AreaOfCuts().value(labels, p) == pytest.approx(roc_auc_score(labels, p[:, 1]))
    assert found == pytest.approx(auc_interval(labels == 1, p[:, 1]))


def test_the_area_varies_as_a_bootstrap_says() -> None:
    labels, p = graded(240, effect=0.7)
    draw = np.random.default_rng(1)
    metric = AreaOfCuts()
    resampled = [metric.value(labels[rows], p[rows]) for rows in draw.integers(0, 240, (400, 240))]
    error = np.sqrt(cut_areas(labels, p[None]).covariance[0, 0])
    assert error == pytest.approx(np.std(resampled), rel=0.11)  # 400 resamples: an error of 3.5 %, thrice


def test_a_fold_that_lacks_an_end_has_no_area_and_one_without_the_middle_has() -> None:
    labels, p = graded(60, classes=3)
    fold = np.where(labels == 2, 0, np.arange(60) % 2)  # the second lacks the highest class
    alone = cut_areas(labels[fold == 0], p[None, fold == 0])
    found = cut_areas(labels, p[None], fold)
    assert found.area == pytest.approx(alone.area)
    assert found.parts[0, fold == 1].tolist() == [0.0] * int((fold == 1).sum())
    assert np.isnan(AreaOfCuts().value(labels[fold == 1], p[fold == 1]))
    ends = labels != 1
    expected = np.mean([roc_auc_score(labels[ends] == 2, p[ends, k:].sum(axis=1)) for k in (1, 2)])
    assert AreaOfCuts().value(labels[ends], p[ends]) == pytest.approx(expected)


@pytest.mark.parametrize("metric", EVERY, ids=lambda one: one.title)
def test_what_is_right_everywhere_scores_best_with_a_limit_that_leaves_doubt(metric: Metric) -> None:
    labels = np.array([0, 0, 1, 1, 2, 2, 2, 0])
    low, high = metric.interval(labels, np.eye(3)[labels], NAMES[:8])
    best = 0.0 if metric.title == "rank error" else 1.0
    assert metric.value(labels, np.eye(3)[labels]) == best
    assert best in (low, high)
    assert 0.05 < high - low < 0.95


def test_doubt_about_perfect_calls_is_that_of_the_accuracy() -> None:
    labels, subjects = np.array([0, 1, 2, 1]), NAMES[:4]
    share = wilson(0.0, 4)[1]
    assert RankError().interval(labels, np.eye(3)[labels], subjects) == (0.0, share)
    off = np.array([0, 1, 2, 1])[None] + np.array([[1, -1, -1, 1]]).T * np.eye(4, dtype=int)  # each, one rank off
    each = [np.mean((labels - called) ** 2) for called in off]
    assert set(each) == {1 / 4}  # so a share of s is a mean squared error of s
    low, high = QuadraticKappa().interval(labels, np.eye(3)[labels], subjects)
    assert low == pytest.approx(1 - share / (2 * labels.var()))
    assert high == 1.0


def test_scores_are_of_subjects_who_are_drawn_with_all_their_slices() -> None:
    labels, p = graded(40, classes=3)
    rows = np.repeat(np.arange(40), 3)
    table = pd.DataFrame({"subject": NAMES[rows], "scan": NAMES[rows], "slice": np.tile(range(3), 40), "fold": 0})
    table = table.assign(label=labels[rows], **{f"p_{k}": p[rows, k] for k in range(3)})
    rows_of = score(table, {metric.title: metric for metric in EVERY}).to_dict("records")
    found: dict[tuple[Any, Any], dict[Any, Any]] = {(row["level"], row["metric"]): row for row in rows_of}
    for metric in EVERY:
        slices, subjects = (found[level, metric.title] for level in ("slice", "subject"))
        assert slices["value"] == pytest.approx(subjects["value"])
        assert subjects["low"] < subjects["value"] < subjects["high"]
        assert slices["high"] - slices["low"] == pytest.approx(subjects["high"] - subjects["low"], rel=0.15)
