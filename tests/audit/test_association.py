"""The audit's statistics against other libraries, closed forms and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2_contingency
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from fusekit.audit import association
from fusekit.audit.association import (
    auc,
    auc_interval,
    furthest,
    held_out_probabilities,
    held_out_rates,
    holm,
    table_test,
)


def test_auc_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    cases = rng.random(50) < 0.4
    scores = rng.integers(0, 9, 50) + 2.0 * cases  # with ties
    assert auc(scores, cases) == pytest.approx(roc_auc_score(cases, scores))
    assert np.isnan(auc(scores, np.ones(50, dtype=bool)))


def test_auc_interval_is_delongs() -> None:
    rng = np.random.default_rng(1)
    cases = np.arange(40) < 15
    scores = rng.normal(size=40) + cases
    pairs = (scores[cases][:, None] > scores[~cases][None, :]).astype(float)  # the definition, pair by pair
    variance = pairs.mean(axis=1).var(ddof=1) / 15 + pairs.mean(axis=0).var(ddof=1) / 25
    low, high = auc_interval(scores, cases)
    assert (low, high) == pytest.approx((pairs.mean() - 1.959964 * variance**0.5, min(1, pairs.mean() + 1.959964 * variance**0.5)))  # fmt: skip # noqa: E501


def test_perfect_separation_does_not_claim_certainty() -> None:
    cases = np.arange(12) >= 8
    assert auc_interval(np.arange(12.0), cases) == pytest.approx((0.025 ** (1 / 4), 1.0))
    assert auc_interval(-np.arange(12.0), cases) == pytest.approx((0.0, 1 - 0.025 ** (1 / 4)))


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert len(holm([])) == 0


def test_table_test_agrees_with_chi_square_where_cells_are_full() -> None:
    rng = np.random.default_rng(2)
    rows = rng.integers(0, 3, 400)
    columns = (rng.random(400) < 0.4 + 0.06 * rows).astype(int)
    counts = np.array([[np.sum((rows == r) & (columns == c)) for c in (0, 1)] for r in range(3)])
    expected = chi2_contingency(counts, correction=False)
    p, strength = table_test(rows, columns)
    assert p == pytest.approx(expected.pvalue, abs=0.015)
    raw = (expected.statistic / 400) ** 0.5  # Cramer's V as it is defined; without chance's part it is smaller
    assert 0 <= strength < raw
    assert table_test(rows, np.zeros(400)) == (1.0, 0.0)
    assert table_test(rows, rows)[1] == pytest.approx(1.0)


def test_table_test_keeps_its_level_on_sparse_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(association, "PERMUTATIONS", 99)
    rng = np.random.default_rng(3)
    p = [table_test(rng.integers(0, 25, 60), rng.permutation(60) % 2)[0] for _ in range(300)]
    assert 5 <= sum(value <= 0.05 for value in p) <= 27  # 99.8 % of a binomial with 300 times 5 %


def test_the_furthest_cell_is_the_one_of_the_largest_residual() -> None:
    rows = np.repeat(["a", "b", "c"], 20)
    columns = np.r_[[0] * 10, [1] * 10, [0] * 9, [1] * 11, [1] * 20]
    row, column, table = furthest(rows, columns)
    assert (row, column) == ("c", 0)
    assert table.loc["c", 1] == 20


def test_held_out_rates_know_nothing_of_their_own_label() -> None:
    rng = np.random.default_rng(4)
    cases = rng.permutation(60) % 2 == 0
    unique = np.array([str(i) for i in range(60)])
    assert auc(held_out_rates(unique, cases), cases) == pytest.approx(0.5, abs=0.05)  # seen whole: 1.0
    telling = np.where(cases, "x", "y")
    assert auc(held_out_rates(telling, cases), cases) == 1.0


def test_held_out_probabilities_are_those_of_models_fitted_elsewhere() -> None:
    rng = np.random.default_rng(5)
    features = rng.normal(size=(50, 2))
    cases = features[:, 0] + rng.normal(size=50) > 0
    scores = held_out_probabilities(features, cases)
    test = association._parts(cases)[2]
    train = np.setdiff1d(np.arange(50), test)
    model = LogisticRegression(max_iter=1000).fit(features[train], cases[train])
    assert scores[test] == pytest.approx(model.predict_proba(features[test])[:, 1])
