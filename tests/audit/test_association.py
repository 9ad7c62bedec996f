"""The audit's statistics against other libraries, closed forms and simulation."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency, fisher_exact, kruskal
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from fusekit.audit import association
from fusekit.audit.association import (
    as_text,
    best_area,
    beyond_chance,
    column_areas,
    fisher_p,
    furthest,
    held_out_probabilities,
    held_out_rates,
    rank_test,
    table_test,
)
from fusekit.evaluation.delong import auc


def test_only_p_values_beyond_chance_are_left_and_corrected() -> None:
    assert beyond_chance({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03})  # 2 x 0.03 is above 0.05
    assert beyond_chance({}) == {}


def test_a_blank_is_a_level_of_its_own() -> None:
    assert as_text(pd.Series(["x", None, "", np.nan, 1.5])).tolist() == ["x", "(blank)", "(blank)", "(blank)", "1.5"]


def test_rank_test_is_kruskals_and_needs_values() -> None:
    rng = np.random.default_rng(6)
    groups, values = np.arange(40) % 3, pd.Series(rng.normal(size=40))
    values[::7] = np.nan
    parts = [values[groups == k].dropna() for k in range(3)]
    expected = kruskal(*parts)
    strength = expected.statistic / (values.notna().sum() - 1)
    assert rank_test(groups, values) == pytest.approx((expected.pvalue, strength))
    assert rank_test(groups, values, fewest=max(map(len, parts))) == (1.0, 0.0)
    assert rank_test(groups, pd.Series(np.ones(40))) == rank_test(np.zeros(40), values) == (1.0, 0.0)


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
    assert auc(cases, held_out_rates(unique, cases)) == pytest.approx(0.5, abs=0.05)  # seen whole: 1.0
    telling = np.where(cases, "x", "y")
    assert auc(cases, held_out_rates(telling, cases)) == 1.0


def test_held_out_rates_are_those_of_the_other_folds_drawn_towards_all() -> None:
    rng = np.random.default_rng(7)
    cases, group = rng.random(53) < 0.4, rng.choice(list("abcdefgh"), 53)
    scores = held_out_rates(group, cases)
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(group, cases):
        for member in test:
            own = cases[train][group[train] == group[member]]
            assert scores[member] == pytest.approx((own.sum() + cases[train].mean()) / (len(own) + 1))
    assert np.isnan(held_out_rates(group, np.arange(53) == 7)).all()  # no other fold knows a case


def test_held_out_probabilities_are_those_of_models_fitted_elsewhere() -> None:
    rng = np.random.default_rng(5)
    features = rng.normal(size=(50, 2))
    cases = features[:, 0] + rng.normal(size=50) > 0
    scores = held_out_probabilities(features, cases)
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(features, cases):
        model = LogisticRegression(max_iter=1000).fit(features[train], cases[train])
        assert scores[test] == pytest.approx(model.predict_proba(features[test])[:, 1])


def test_areas_of_many_columns_are_those_of_each() -> None:
    rng = np.random.default_rng(4)
    cases = rng.random(40) < 0.4
    values = np.round(rng.normal(size=(40, 30)) + cases[:, None] * rng.normal(size=30), 1)
    values[rng.random(values.shape) < 0.2] = np.nan
    expected = [auc(cases[~np.isnan(own)], own[~np.isnan(own)]) for own in values.T]
    np.testing.assert_allclose(column_areas(cases, values), expected, rtol=1e-12)
    assert np.isnan(column_areas(np.zeros(40, dtype=bool), values)).all()
    assert column_areas(cases, values[:, :0]).shape == (0,)


def test_the_best_area_of_groups_is_that_of_the_best_of_all_orders() -> None:
    rng = np.random.default_rng(5)
    codes, cases = rng.integers(0, 4, 50), rng.random(50) < 0.5
    orders = [np.array(order)[codes] for order in permutations(range(4))]
    assert best_area(codes, cases) == pytest.approx(max(auc(cases, scores.astype(float)) for scores in orders))
    assert np.isnan(best_area(codes, cases & False))


def test_fishers_exact_test_of_many_columns_is_scipys_of_each() -> None:
    rng = np.random.default_rng(6)
    cases = rng.random(30) < 0.4
    missing = rng.random((30, 40)) < rng.random(40)
    for own, p in zip(missing.T, fisher_p(missing, cases), strict=True):
        table = [[int((own[side] == gap).sum()) for gap in (True, False)] for side in (cases, ~cases)]
        assert p == pytest.approx(float(fisher_exact(table).pvalue), rel=1e-9)
