"""Predictions that are joined after the fact."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from fusekit.errors import DataError
from fusekit.evaluation.arms.late_fusion import LATE_FUSIONS, mean, stacked


def table(p: np.ndarray, label: np.ndarray, fold: np.ndarray) -> pd.DataFrame:
    names = [f"s{number:03d}" for number in range(len(p))]
    return pd.DataFrame(
        {"row": range(len(p)), "subject": names, "scan": names, "slice": 0, "fold": fold, "label": label}
    ).assign(p_0=1 - p, p_1=p)


def drawn(seed: int, count: int = 400) -> tuple[list[pd.DataFrame], np.ndarray]:
    """Two arms that each see half of the evidence."""
    draw = np.random.default_rng(seed)
    label = np.arange(count) % 2
    evidence = draw.normal(size=(2, count)) + (label - 0.5)
    fold = np.arange(count) // 2 % 2
    return [table(1 / (1 + np.exp(-one)), label, fold) for one in evidence], label


def test_the_mean_is_that_of_the_probabilities_row_by_row() -> None:
    label, fold = np.array([0, 1]), np.array([0, 1])
    first, second = table(np.array([0.2, 0.6]), label, fold), table(np.array([0.4, 0.9]), label, fold)
    joined = mean([first, second.iloc[::-1]])
    np.testing.assert_allclose(joined["p_1"], [0.3, 0.75])
    assert joined["subject"].tolist() == first["subject"].tolist()


def test_stacking_is_a_logistic_regression_on_log_odds_of_those_set_aside() -> None:
    tested, _ = drawn(0)
    aside, label = drawn(1)
    joined = stacked(tested, aside)
    for fold in (0, 1):
        own = aside[0]["fold"].to_numpy() == fold
        known = np.stack([np.log(one["p_1"] / one["p_0"]) for one in aside], axis=1)
        model = LogisticRegression().fit(known[own], label[own])
        mine = tested[0]["fold"].to_numpy() == fold
        inputs = np.stack([np.log(one["p_1"] / one["p_0"]) for one in tested], axis=1)
        np.testing.assert_allclose(joined["p_1"][mine], model.predict_proba(inputs[mine])[:, 1], atol=1e-4)


def test_both_beat_what_they_are_made_of() -> None:
    from sklearn.metrics import roc_auc_score

    tested, label = drawn(2, 2000)
    aside, _ = drawn(3, 2000)
    alone = max(roc_auc_score(label, one["p_1"]) for one in tested)
    for join in LATE_FUSIONS.values():
        assert roc_auc_score(label, join(tested, aside)["p_1"]) > alone + 0.05


def test_labels_of_tested_subjects_change_nothing() -> None:
    tested, label = drawn(4)
    aside, _ = drawn(5)
    other = [one.assign(label=1 - label) for one in tested]
    pd.testing.assert_series_equal(stacked(tested, aside)["p_1"], stacked(other, aside)["p_1"])


def test_subjects_count_alike_however_many_slices_they_have() -> None:
    tested, _ = drawn(6, 40)
    aside, _ = drawn(7, 40)
    again = [pd.concat([one, one.head(8).assign(slice=1), one.head(8).assign(slice=2)]) for one in aside]
    plain, repeated = (stacked(tested, own)["p_1"] for own in (aside, again))
    np.testing.assert_allclose(plain, repeated, atol=1e-5)


def test_other_slices_or_nobody_set_aside_are_refused() -> None:
    tested, _ = drawn(8, 20)
    with pytest.raises(DataError, match="the same slices in the same folds"):
        mean([tested[0], tested[1].head(19)])
    aside, _ = drawn(9, 20)
    with pytest.raises(DataError, match="fold 2 set none aside of some class"):
        stacked(tested, [one[one["fold"] == 0] for one in aside])
